DROP TABLE reminder.person;
DELETE FROM reminder.timer WHERE kind <> 'runner';
ALTER TABLE reminder.timer
    DROP CONSTRAINT timer_kind_check,
    DROP CONSTRAINT timer_assignment_no_check,
    DROP CONSTRAINT timer_user_id_check,
    DROP COLUMN user_id,
    ADD CONSTRAINT timer_kind_check CHECK (kind IN ('runner')),
    ADD CONSTRAINT timer_assignment_no_check CHECK (assignment_no > 0);
ALTER TABLE reminder.channel DROP COLUMN last_call;
