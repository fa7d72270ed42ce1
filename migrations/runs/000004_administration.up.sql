-- Personal settings, audit, resets under way, and the daily purge.

ALTER TABLE runs.channel
    -- When old runs are purged next: about once a day, and not all channels at once.
    ADD COLUMN purge_due_at timestamptz NOT NULL DEFAULT now() + random() * interval '24 hours';
CREATE INDEX channel_by_purge ON runs.channel (purge_due_at);

CREATE TABLE runs.personal_settings (
    workspace_id        text NOT NULL CHECK (workspace_id <> ''),
    user_id             text NOT NULL CHECK (user_id <> ''),
    version             bigint NOT NULL CHECK (version >= 1),
    reminders           boolean NOT NULL,
    named_in_last_calls boolean NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);

-- Who changed what about a channel. It outlives the channel's data: the service can add rows, and nothing else.
CREATE TABLE runs.audit (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace_id   text NOT NULL CHECK (workspace_id <> ''),
    channel_id     text NOT NULL CHECK (channel_id <> ''),
    at             timestamptz NOT NULL,
    actor_id       text NOT NULL, -- empty: the product itself
    action         text NOT NULL CHECK (action IN ('enable', 'disable', 'update_config', 'data_reset')),
    changes        jsonb NOT NULL, -- {"setting": [from, to]}, of a reset {"runs": count}
    correlation_id text NOT NULL
);
CREATE INDEX audit_by_channel ON runs.audit (workspace_id, channel_id, id);
REVOKE UPDATE, DELETE ON runs.audit FROM coffeebuddy_runs;

-- A reset whose count is not complete yet.
CREATE TABLE runs.reset (
    workspace_id   text NOT NULL,
    channel_id     text NOT NULL,
    epoch          bigint NOT NULL CHECK (epoch >= 2), -- that it began
    counts         jsonb NOT NULL, -- of rows deleted, by what they are
    missing        text[] NOT NULL CHECK (cardinality(missing) > 0), -- services that have not reported
    due_at         timestamptz NOT NULL, -- when it is told with what is known
    actor_id       text NOT NULL, -- who asked for it, how, and where an answer goes
    command_id     text NOT NULL,
    correlation_id text NOT NULL,
    reply_to       text NOT NULL,
    PRIMARY KEY (workspace_id, channel_id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES runs.channel
);
CREATE INDEX reset_by_due ON runs.reset (due_at);
