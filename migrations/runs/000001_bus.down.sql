DROP TABLE runs.outbox;
DROP TABLE runs.consumer_position;
