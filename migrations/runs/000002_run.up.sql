-- Coffee runs. Every rule of the domain (services/runs/internal/run) that a row can break is repeated here.

-- Whoever writes about a channel first locks its row: that orders all changes and events of the channel.
CREATE TABLE runs.channel (
    workspace_id text NOT NULL CHECK (workspace_id <> ''),
    channel_id   text NOT NULL CHECK (channel_id <> ''),
    -- Generation of the channel's data. The row outlives the data.
    epoch        bigint NOT NULL DEFAULT 1 CHECK (epoch >= 1),
    -- 0: nobody ever changed the settings. Then the installation's defaults count and none is stored.
    settings_version        bigint NOT NULL DEFAULT 0 CHECK (settings_version >= 0),
    enabled                 boolean,
    reminders               boolean,
    reminder_offset_minutes smallint CHECK (reminder_offset_minutes BETWEEN 1 AND 60),
    last_call               boolean,
    last_call_lead_minutes  smallint CHECK (last_call_lead_minutes BETWEEN 1 AND 30),
    closing_lead_minutes    smallint CHECK (closing_lead_minutes BETWEEN 0 AND 60),
    default_pickup_minutes  smallint CHECK (default_pickup_minutes BETWEEN 5 AND 180),
    policy                  text CHECK (policy IN ('fair_share', 'rotation')),
    fairness_window         smallint CHECK (fairness_window BETWEEN 1 AND 50),
    retention_days          smallint CHECK (retention_days BETWEEN 30 AND 365),
    admin_ids               text[],
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (workspace_id, channel_id),
    CONSTRAINT channel_settings_all_or_none CHECK (
        num_nonnulls(enabled, reminders, reminder_offset_minutes, last_call, last_call_lead_minutes, closing_lead_minutes,
            default_pickup_minutes, policy, fairness_window, retention_days, admin_ids)
        = CASE settings_version WHEN 0 THEN 0 ELSE 11 END)
);

CREATE TABLE runs.run (
    id             uuid PRIMARY KEY,
    workspace_id   text NOT NULL,
    channel_id     text NOT NULL,
    epoch          bigint NOT NULL CHECK (epoch >= 1),
    status         text NOT NULL CHECK (status IN ('open', 'closing', 'closed', 'cancelled', 'failed')),
    version        bigint NOT NULL CHECK (version >= 1), -- with the last change of this row; see drink_order.version
    initiator_id   text NOT NULL CHECK (initiator_id <> ''),
    correlation_id text NOT NULL, -- of the command that started it
    place          text NOT NULL CHECK (char_length(place) <= 80), -- '': none given
    started_at     timestamptz NOT NULL,
    pickup_at      timestamptz NOT NULL,
    ended_at       timestamptz,
    end_reason     text CHECK (end_reason IN ('cancelled_by_person', 'abandoned')),
    -- Who runs: from closing on.
    assignment_no    integer CHECK (assignment_no >= 1),
    assignment_state text CHECK (assignment_state IN ('choosing', 'assigned', 'wanted')),
    runner_id        text CHECK (runner_id <> ''),
    requested_at     timestamptz, -- when fairness was asked for this assignment_no
    asked_at         timestamptz, -- when it was last asked
    assigned_at      timestamptz,
    explanation      bytea,       -- a coffeebuddy.run.v1.Explanation, as fairness wrote it; NULL: none
    answer_due_at    timestamptz, -- when fairness is chased next
    FOREIGN KEY (workspace_id, channel_id) REFERENCES runs.channel,
    CONSTRAINT run_pickup_after_start CHECK (pickup_at > started_at),
    CONSTRAINT run_ended CHECK ((status IN ('closed', 'cancelled', 'failed')) = (ended_at IS NOT NULL)),
    CONSTRAINT run_end_reason CHECK ((status IN ('cancelled', 'failed')) = (end_reason IS NOT NULL)),
    CONSTRAINT run_assignment CHECK (
        num_nonnulls(assignment_no, assignment_state, requested_at, asked_at)
        = CASE WHEN status IN ('closing', 'closed') THEN 4 ELSE 0 END),
    CONSTRAINT run_choosing CHECK ((status = 'closing') = (assignment_state IS NOT DISTINCT FROM 'choosing')),
    CONSTRAINT run_answer_due CHECK ((status = 'closing') = (answer_due_at IS NOT NULL)),
    CONSTRAINT run_runner CHECK (
        num_nonnulls(runner_id, assigned_at) = CASE WHEN assignment_state = 'assigned' THEN 2 ELSE 0 END
        AND (explanation IS NULL OR runner_id IS NOT NULL))
);

-- A channel has at most one run that is open or closing.
CREATE UNIQUE INDEX run_one_open_per_channel ON runs.run (workspace_id, channel_id) WHERE status IN ('open', 'closing');
CREATE INDEX run_by_answer_due ON runs.run (answer_due_at) WHERE answer_due_at IS NOT NULL;

-- One order per person and run. Placing an order writes here alone, not to the run: it is what people do most.
CREATE TABLE runs.drink_order (
    run_id     uuid NOT NULL REFERENCES runs.run ON DELETE CASCADE,
    user_id    text NOT NULL CHECK (user_id <> ''),
    -- The run's version with the last change of this order: the run is at the highest of its own row and its orders.
    version    bigint NOT NULL,
    drink      text CHECK (char_length(drink) BETWEEN 1 AND 280), -- NULL: withdrawn
    quantity   smallint CHECK (quantity BETWEEN 1 AND 9),
    placed_at  timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (run_id, user_id),
    CONSTRAINT drink_order_withdrawn CHECK ((drink IS NULL) = (quantity IS NULL))
);

CREATE TABLE runs.usual (
    workspace_id text NOT NULL,
    channel_id   text NOT NULL,
    user_id      text NOT NULL CHECK (user_id <> ''),
    epoch        bigint NOT NULL CHECK (epoch >= 1),
    drink        text NOT NULL CHECK (char_length(drink) BETWEEN 1 AND 280),
    quantity     smallint NOT NULL CHECK (quantity BETWEEN 1 AND 9),
    saved_at     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, channel_id, user_id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES runs.channel
);

-- Commands that have taken effect: a repeat (double click, replayed request) changes nothing.
-- Kept longer than the topic keeps commands.
CREATE TABLE runs.inbox (
    command_id  uuid PRIMARY KEY,
    received_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX inbox_by_received_at ON runs.inbox (received_at);

-- Fails unless a statement has affected as many rows as it should: what was decided, was decided on another state.
-- In SQL, so that writes can travel with COMMIT and need no look at their outcome.
CREATE FUNCTION runs.assert_rows(what text, affected bigint, expected bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF affected <> expected THEN
        RAISE EXCEPTION '%: % rows affected instead of %', what, affected, expected;
    END IF;
END $$;
