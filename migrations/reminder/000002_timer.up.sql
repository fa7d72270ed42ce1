-- What reminder keeps: the channels it has heard of, the newest snapshot of each run that has timers, and the timers.

CREATE TABLE reminder.channel (
    workspace_id text   NOT NULL CHECK (workspace_id <> ''),
    channel_id   text   NOT NULL CHECK (channel_id <> ''),
    epoch        bigint NOT NULL CHECK (epoch >= 0), -- outlives everything: rows and events of lower epochs are void
    settings_version bigint  NOT NULL CHECK (settings_version >= 0),
    reminders        boolean NOT NULL, -- as of settings_version; asked again when a reminder is due
    PRIMARY KEY (workspace_id, channel_id)
);

CREATE TABLE reminder.run (
    run_id         uuid PRIMARY KEY,
    workspace_id   text   NOT NULL,
    channel_id     text   NOT NULL,
    epoch          bigint NOT NULL CHECK (epoch >= 0),
    version        bigint NOT NULL CHECK (version > 0),
    pickup_at      timestamptz NOT NULL,
    snapshot       bytea  NOT NULL, -- coffeebuddy.run.v1.Run
    correlation_id text   NOT NULL,
    trace          jsonb  NOT NULL DEFAULT '{}', -- of the event it came with, so that a reminder belongs to the click that caused it
    FOREIGN KEY (workspace_id, channel_id) REFERENCES reminder.channel
);
CREATE INDEX run_channel ON reminder.run (workspace_id, channel_id);
CREATE INDEX run_pickup ON reminder.run (pickup_at); -- for forgetting old runs

CREATE TABLE reminder.timer (
    run_id        uuid    NOT NULL REFERENCES reminder.run ON DELETE CASCADE,
    kind          text    NOT NULL CHECK (kind IN ('runner')),
    assignment_no integer NOT NULL CHECK (assignment_no > 0),
    due_at        timestamptz NOT NULL,
    fired_at      timestamptz, -- null: still to come
    PRIMARY KEY (run_id, kind, assignment_no)
);
CREATE INDEX timer_due ON reminder.timer (due_at) WHERE fired_at IS NULL;
