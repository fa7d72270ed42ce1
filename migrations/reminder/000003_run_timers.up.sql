-- Deadlines and last calls beside the runner's reminder, and who wants none.

ALTER TABLE reminder.channel
    ADD COLUMN last_call boolean NOT NULL DEFAULT false; -- as reminders: asked again at the due moment

ALTER TABLE reminder.timer
    ADD COLUMN user_id text NOT NULL DEFAULT '', -- whom it reminds; '': everyone in the channel
    DROP CONSTRAINT timer_kind_check,
    DROP CONSTRAINT timer_assignment_no_check,
    ADD CONSTRAINT timer_kind_check CHECK (kind IN ('runner', 'last_call', 'deadline')),
    ADD CONSTRAINT timer_assignment_no_check CHECK ((kind = 'runner') = (assignment_no > 0) AND assignment_no >= 0),
    ADD CONSTRAINT timer_user_id_check CHECK (kind = 'runner' OR user_id = '');

CREATE TABLE reminder.person (
    workspace_id text    NOT NULL CHECK (workspace_id <> ''),
    user_id      text    NOT NULL CHECK (user_id <> ''),
    version      bigint  NOT NULL CHECK (version > 0),
    reminders    boolean NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
