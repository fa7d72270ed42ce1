-- What Slack is to be told, recorded in the transaction that learned of it.
--
-- A row is claimed by raising attempt and setting leased_until; what comes of it is recorded only under the same attempt.
-- A card is one row for its whole life: pending whenever a version is wanted that is newer than the one shown.
CREATE TABLE ingress.delivery (
    id             uuid PRIMARY KEY, -- version 7: also the order within a conversation; travels in the message's metadata
    workspace_id   text NOT NULL CHECK (workspace_id <> ''),
    key            text NOT NULL CHECK (key <> ''), -- deduplication: the same effect is recorded once
    kind           text NOT NULL CHECK (kind IN ('card', 'summary', 'list', 'reminder', 'notice', 'answer')),
    channel_id     text NOT NULL CHECK (channel_id <> ''), -- it is about
    run_id         text NOT NULL, -- empty: about no run
    epoch          bigint NOT NULL CHECK (epoch >= 0),
    conversation   text NOT NULL CHECK (conversation <> ''), -- it goes to: a channel, or a person for a direct message
    user_id        text NOT NULL, -- it is for; empty: everyone in the channel
    assignment_no  integer NOT NULL CHECK (assignment_no >= 0), -- it is about; 0: none
    event          bytea, -- coffeebuddy.run.v1.RunEvent it answers
    ref            text NOT NULL CHECK (ref ~ '^([0-9a-f]{8})?$'),
    correlation_id text NOT NULL,
    traceparent    text NOT NULL, -- W3C, of what caused it last; empty: none
    obsolete_at    timestamptz NOT NULL,

    state          text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'obsolete', 'failed')),
    live           boolean NOT NULL DEFAULT true, -- pending now, or likely to be again: the card of a run that goes on
    wanted_version bigint NOT NULL CHECK (wanted_version >= 0), -- of the run, on a card; else 0
    shown_version  bigint NOT NULL DEFAULT 0 CHECK (shown_version >= 0),
    part           smallint NOT NULL DEFAULT 0 CHECK (part >= 0), -- the next of its messages
    message_channel text NOT NULL DEFAULT '',
    message_ts     text NOT NULL DEFAULT '', -- Slack's id of the message; empty: not posted
    due_at         timestamptz NOT NULL,
    leased_until   timestamptz NOT NULL DEFAULT '-infinity',
    attempt        integer NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    failures       integer NOT NULL DEFAULT 0 CHECK (failures >= 0), -- since it last went well
    unsure         boolean NOT NULL DEFAULT false, -- an attempt may have posted it unrecorded: look before posting
    sent_at        timestamptz,
    error          text NOT NULL DEFAULT '', -- of the last attempt, a code of Slack's or ours
    -- Slack limits each method by itself.
    method         text NOT NULL GENERATED ALWAYS AS (CASE
                       WHEN kind = 'answer' THEN 'chat.postEphemeral'
                       WHEN kind = 'card' AND message_ts <> '' THEN 'chat.update'
                       ELSE 'chat.postMessage' END) STORED,

    CONSTRAINT delivery_key UNIQUE (workspace_id, key),
    CHECK ((kind = 'card') = (wanted_version > 0)),
    CHECK ((kind = 'answer') = (event IS NOT NULL)),
    CHECK ((kind IN ('card', 'summary')) = (user_id = '')),
    CHECK ((message_ts = '') = (message_channel = '')),
    CHECK (state <> 'sent' OR wanted_version <= shown_version),
    CHECK (state = 'pending' OR leased_until = '-infinity'),
    CHECK (live OR state <> 'pending')
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- By live, not by state: a card that becomes pending and sent with every click must not be indexed anew each time.
CREATE INDEX delivery_live ON ingress.delivery (workspace_id, conversation, id) WHERE live;
CREATE INDEX delivery_card ON ingress.delivery (workspace_id, conversation) WHERE kind = 'card'; -- when one was last changed there

-- Until when Slack asked us to wait, shared by all replicas. subject: a method ("chat.update") or a conversation.
CREATE TABLE ingress.pause (
    workspace_id text NOT NULL CHECK (workspace_id <> ''),
    subject      text NOT NULL CHECK (subject <> ''),
    until        timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, subject)
);
