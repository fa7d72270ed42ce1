DROP INDEX fairness.entry_by_age;
ALTER TABLE fairness.standing DROP COLUMN opened_since, DROP COLUMN opened_served_at;
DROP INDEX fairness.channel_by_purge;
ALTER TABLE fairness.channel DROP COLUMN retention_days, DROP COLUMN purge_due_at, DROP COLUMN purged_before;
