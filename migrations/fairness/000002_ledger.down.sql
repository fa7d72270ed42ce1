DROP TABLE fairness.standing;
DROP TABLE fairness.share;
DROP TABLE fairness.entry;
DROP TABLE fairness.channel;
