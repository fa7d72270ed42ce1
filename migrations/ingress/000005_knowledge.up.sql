-- What questions are answered from: a channel's latest runs, where its people stand, what was changed about it, and
-- people's own settings.

CREATE INDEX run_by_channel ON ingress.run (workspace_id, channel_id, started_at DESC);

CREATE TABLE ingress.standings (
    workspace_id text NOT NULL CHECK (workspace_id <> ''),
    channel_id   text NOT NULL CHECK (channel_id <> ''),
    epoch        bigint NOT NULL CHECK (epoch >= 0),
    version      bigint NOT NULL CHECK (version > 0),
    standings    bytea NOT NULL, -- coffeebuddy.fairness.v1.StandingsChanged
    PRIMARY KEY (workspace_id, channel_id)
);

CREATE TABLE ingress.settings_change (
    workspace_id text NOT NULL CHECK (workspace_id <> ''),
    channel_id   text NOT NULL CHECK (channel_id <> ''),
    version      bigint NOT NULL CHECK (version > 0), -- that the settings have since
    changed_at   timestamptz NOT NULL,
    actor_id     text NOT NULL, -- empty: the product itself
    previous     bytea NOT NULL, -- coffeebuddy.run.v1.ChannelSettings
    settings     bytea NOT NULL,
    PRIMARY KEY (workspace_id, channel_id, version)
);

CREATE TABLE ingress.personal_settings (
    workspace_id        text NOT NULL CHECK (workspace_id <> ''),
    user_id             text NOT NULL CHECK (user_id <> ''),
    version             bigint NOT NULL CHECK (version > 0),
    reminders           boolean NOT NULL,
    named_in_last_calls boolean NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
