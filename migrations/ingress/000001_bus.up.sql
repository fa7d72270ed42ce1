-- What pkg/bus and pkg/outbox keep in this schema.

-- How far each partition has been applied here. Advanced in the transaction that applies the records, so that a record
-- takes effect exactly once; its row lock fences a consumer that lost the partition.
CREATE TABLE ingress.consumer_position (
    consumer_group text NOT NULL,
    topic          text NOT NULL,
    partition      integer NOT NULL,
    topic_id       text NOT NULL DEFAULT '',
    next_offset    bigint NOT NULL CHECK (next_offset >= 0),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer_group, topic, partition)
);
