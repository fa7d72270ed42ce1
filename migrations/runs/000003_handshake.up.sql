-- Deadlines, volunteers, and a runner who accepts, declines or hands over.

ALTER TABLE runs.run
    ADD COLUMN closes_at          timestamptz, -- by itself; NULL: only by hand
    ADD COLUMN volunteer_ids      text[] NOT NULL DEFAULT '{}',
    ADD COLUMN declined_ids       text[] NOT NULL DEFAULT '{}',
    ADD COLUMN previous_runner_id text CHECK (previous_runner_id <> ''), -- before this assignment_no
    ADD COLUMN offered_by_id      text CHECK (offered_by_id <> ''),      -- would run instead
    DROP CONSTRAINT run_end_reason_check,
    DROP CONSTRAINT run_assignment_state_check,
    DROP CONSTRAINT run_choosing,
    DROP CONSTRAINT run_answer_due,
    DROP CONSTRAINT run_runner,
    ADD CONSTRAINT run_end_reason_check CHECK (end_reason IN
        ('cancelled_by_person', 'no_orders', 'forgotten', 'channel_disabled', 'abandoned')),
    ADD CONSTRAINT run_assignment_state_check CHECK (assignment_state IN ('choosing', 'assigned', 'accepted', 'wanted', 'done')),
    ADD CONSTRAINT run_closes CHECK (closes_at > started_at AND closes_at <= pickup_at),
    ADD CONSTRAINT run_people CHECK (cardinality(volunteer_ids) <= 300),
    -- A run that is closed may be choosing again: its runner could not go.
    ADD CONSTRAINT run_choosing CHECK (status <> 'closing' OR assignment_state = 'choosing'),
    ADD CONSTRAINT run_answer_due CHECK ((assignment_state IS NOT DISTINCT FROM 'choosing') = (answer_due_at IS NOT NULL)),
    ADD CONSTRAINT run_runner CHECK (
        num_nonnulls(runner_id, assigned_at) = CASE WHEN assignment_state IN ('assigned', 'accepted', 'done') THEN 2 ELSE 0 END
        AND (explanation IS NULL OR runner_id IS NOT NULL)),
    ADD CONSTRAINT run_offer CHECK (offered_by_id IS NULL OR offered_by_id <> runner_id AND assignment_state IN ('assigned', 'accepted'));

-- The latest runs of a channel, whose people a last call names, and the oldest, which are purged.
CREATE INDEX run_by_channel ON runs.run (workspace_id, channel_id, started_at);
