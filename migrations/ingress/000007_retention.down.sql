DROP INDEX ingress.person_by_seen_at;
DROP INDEX ingress.channel_by_purge;
ALTER TABLE ingress.channel DROP COLUMN purge_due_at;
