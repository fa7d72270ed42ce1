DROP TABLE fairness.outbox;
DROP TABLE fairness.consumer_position;
