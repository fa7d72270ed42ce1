-- What only the later release knows is told as what comes nearest.
UPDATE runs.run SET end_reason = 'cancelled_by_person' WHERE end_reason IN ('no_orders', 'forgotten', 'channel_disabled');
UPDATE runs.run SET assignment_state = 'assigned' WHERE assignment_state IN ('accepted', 'done');
UPDATE runs.run SET assignment_state = 'wanted', answer_due_at = NULL WHERE status = 'closed' AND assignment_state = 'choosing';

DROP INDEX runs.run_by_channel;
ALTER TABLE runs.run
    DROP CONSTRAINT run_end_reason_check,
    DROP CONSTRAINT run_assignment_state_check,
    DROP CONSTRAINT run_choosing,
    DROP CONSTRAINT run_answer_due,
    DROP CONSTRAINT run_runner,
    DROP CONSTRAINT run_offer,
    DROP CONSTRAINT run_people,
    DROP CONSTRAINT run_closes,
    DROP COLUMN closes_at,
    DROP COLUMN volunteer_ids,
    DROP COLUMN declined_ids,
    DROP COLUMN previous_runner_id,
    DROP COLUMN offered_by_id,
    ADD CONSTRAINT run_end_reason_check CHECK (end_reason IN ('cancelled_by_person', 'abandoned')),
    ADD CONSTRAINT run_assignment_state_check CHECK (assignment_state IN ('choosing', 'assigned', 'wanted')),
    ADD CONSTRAINT run_choosing CHECK ((status = 'closing') = (assignment_state IS NOT DISTINCT FROM 'choosing')),
    ADD CONSTRAINT run_answer_due CHECK ((status = 'closing') = (answer_due_at IS NOT NULL)),
    ADD CONSTRAINT run_runner CHECK (
        num_nonnulls(runner_id, assigned_at) = CASE WHEN assignment_state = 'assigned' THEN 2 ELSE 0 END
        AND (explanation IS NULL OR runner_id IS NOT NULL));
