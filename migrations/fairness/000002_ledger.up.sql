-- Who drank, who ran, and what each owes for it. Every rule of the domain (services/fairness/internal/ledger) that a row
-- can break is repeated here. Amounts are shares: one run is 10708457760.

-- Whoever writes about a channel first locks its row: that orders all changes and events of the channel.
CREATE TABLE fairness.channel (
    workspace_id text   NOT NULL CHECK (workspace_id <> ''),
    channel_id   text   NOT NULL CHECK (channel_id <> ''),
    epoch        bigint NOT NULL CHECK (epoch >= 0), -- outlives everything: rows and events of lower epochs are void
    standings_version bigint NOT NULL DEFAULT 0 CHECK (standings_version >= 0), -- changes of the ledger, ever
    PRIMARY KEY (workspace_id, channel_id)
);

-- One entry per run, replaced from the newest snapshot: participation and runner together, or neither.
CREATE TABLE fairness.entry (
    run_id       uuid PRIMARY KEY,
    workspace_id text   NOT NULL,
    channel_id   text   NOT NULL,
    epoch        bigint NOT NULL CHECK (epoch >= 0),
    version      bigint NOT NULL CHECK (version > 0), -- of the snapshot
    at           timestamptz NOT NULL,                -- when the run was started: the order of a channel's entries
    runner_id    text CHECK (runner_id <> ''),        -- NULL: nobody ran, and nobody owes
    alone        boolean NOT NULL,                    -- the runner was the only one who drank: nobody's turn
    -- Only while a runner is being chosen: the answer, to be given again when asked again. Until then the entry is provisional.
    assignment_no integer CHECK (assignment_no > 0),
    explanation   bytea,                              -- coffeebuddy.run.v1.Explanation
    FOREIGN KEY (workspace_id, channel_id) REFERENCES fairness.channel,
    CONSTRAINT entry_alone CHECK (runner_id IS NOT NULL OR NOT alone),
    CONSTRAINT entry_explanation CHECK ((explanation IS NOT NULL) = (assignment_no IS NOT NULL AND runner_id IS NOT NULL))
) WITH (fillfactor = 80); -- an entry that is confirmed changes no indexed column

-- The latest runners of a channel.
CREATE INDEX entry_turn ON fairness.entry (workspace_id, channel_id, at, run_id) WHERE runner_id IS NOT NULL AND NOT alone;
-- When someone first and last served.
CREATE INDEX entry_runner ON fairness.entry (workspace_id, channel_id, runner_id, alone, at);

-- What an entry costs whom.
CREATE TABLE fairness.share (
    run_id       uuid NOT NULL REFERENCES fairness.entry ON DELETE CASCADE,
    user_id      text NOT NULL CHECK (user_id <> ''),
    workspace_id text NOT NULL, -- these three as in the entry, to find when someone first took part
    channel_id   text NOT NULL,
    at           timestamptz NOT NULL,
    cups         smallint NOT NULL CHECK (cups BETWEEN 1 AND 9),
    owed         bigint   NOT NULL CHECK (owed BETWEEN 1 AND 10708457760),
    PRIMARY KEY (run_id, user_id)
);
CREATE INDEX share_user ON fairness.share (workspace_id, channel_id, user_id, at);

-- The sums of a channel's entries for each person in them. Balances of a channel add up to zero.
CREATE TABLE fairness.standing (
    workspace_id   text    NOT NULL,
    channel_id     text    NOT NULL,
    user_id        text    NOT NULL CHECK (user_id <> ''),
    epoch          bigint  NOT NULL CHECK (epoch >= 0),
    cups           integer NOT NULL CHECK (cups >= 0),
    owed           bigint  NOT NULL CHECK (owed >= 0),
    served         integer NOT NULL CHECK (served >= 0),
    since          timestamptz NOT NULL, -- the first entry
    last_served_at timestamptz,          -- the last entry with them as runner, others drinking; NULL: none
    balance        bigint NOT NULL GENERATED ALWAYS AS (served * 10708457760 - owed) STORED,
    PRIMARY KEY (workspace_id, channel_id, user_id),
    FOREIGN KEY (workspace_id, channel_id) REFERENCES fairness.channel,
    CONSTRAINT standing_owed CHECK ((owed = 0) = (cups = 0)),
    CONSTRAINT standing_served CHECK (last_served_at IS NULL OR served > 0 AND last_served_at >= since)
);
CREATE INDEX standing_balance ON fairness.standing (workspace_id, channel_id, balance, user_id);
