-- What pkg/bus and pkg/outbox keep in this schema.

-- How far each partition has been applied here. Advanced in the transaction that applies the records, so that a record
-- takes effect exactly once; its row lock fences a consumer that lost the partition.
CREATE TABLE runs.consumer_position (
    consumer_group text NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    topic_id       text NOT NULL DEFAULT '',
    next_offset    bigint NOT NULL CHECK (next_offset >= 0),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
);

-- Events that are committed and not yet published, deleted as they are. Writers of a key hold a lock that orders them,
-- so id order is commit order within a key.
CREATE TABLE runs.outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    key        text NOT NULL,
    event_id   uuid NOT NULL,
    type       text NOT NULL,
    subject    text NOT NULL,
    payload    bytea NOT NULL,
    headers    jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_key_id ON runs.outbox (key, id);
