-- What ingress knows of others, so that it answers and renders without asking anyone. A projection is never the judge:
-- runs decides again. Everything here can be rebuilt from coffeebuddy.run.events.

-- Channels: the settings that came with their newest event, and the epoch, which outlives everything else of a channel.
CREATE TABLE ingress.channel (
    workspace_id     text NOT NULL CHECK (workspace_id <> ''),
    channel_id       text NOT NULL CHECK (channel_id <> ''),
    epoch            bigint NOT NULL CHECK (epoch >= 0),
    settings         bytea NOT NULL, -- coffeebuddy.run.v1.ChannelSettings
    settings_version bigint NOT NULL CHECK (settings_version >= 0),
    PRIMARY KEY (workspace_id, channel_id)
);

-- Runs: the newest snapshot, beside the columns needed to find it.
CREATE TABLE ingress.run (
    workspace_id text NOT NULL CHECK (workspace_id <> ''),
    run_id       text NOT NULL CHECK (run_id <> ''),
    channel_id   text NOT NULL CHECK (channel_id <> ''),
    epoch        bigint NOT NULL CHECK (epoch >= 0),
    version      bigint NOT NULL CHECK (version > 0),
    status       smallint NOT NULL CHECK (status > 0), -- coffeebuddy.run.v1.RunStatus
    started_at   timestamptz NOT NULL,
    snapshot     bytea NOT NULL, -- coffeebuddy.run.v1.Run
    PRIMARY KEY (workspace_id, run_id)
) WITH (fillfactor = 70);

CREATE TABLE ingress.usual (
    workspace_id text NOT NULL CHECK (workspace_id <> ''),
    channel_id   text NOT NULL CHECK (channel_id <> ''),
    user_id      text NOT NULL CHECK (user_id <> ''),
    epoch        bigint NOT NULL CHECK (epoch >= 0),
    drink        text NOT NULL CHECK (char_length(drink) BETWEEN 1 AND 280),
    quantity     smallint NOT NULL CHECK (quantity BETWEEN 1 AND 9),
    saved_at     timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, channel_id, user_id)
);

-- People, as Slack's users.info last described them.
CREATE TABLE ingress.person (
    workspace_id    text NOT NULL CHECK (workspace_id <> ''),
    user_id         text NOT NULL CHECK (user_id <> ''),
    name            text NOT NULL CHECK (name <> ''),
    zone            text NOT NULL, -- IANA name; empty: unknown
    workspace_admin boolean NOT NULL,
    bot             boolean NOT NULL,
    deactivated     boolean NOT NULL,
    seen_at         timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, user_id)
);
