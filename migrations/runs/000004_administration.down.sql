DROP TABLE runs.reset;
DROP TABLE runs.audit;
DROP TABLE runs.personal_settings;
DROP INDEX runs.channel_by_purge;
ALTER TABLE runs.channel DROP COLUMN purge_due_at;
