DROP TABLE reminder.outbox;
DROP TABLE reminder.consumer_position;
