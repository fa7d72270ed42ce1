-- When what is old in a channel is purged next: about once a day, and not all channels at once.
ALTER TABLE ingress.channel
    ADD COLUMN purge_due_at timestamptz NOT NULL DEFAULT now() + random() * interval '24 hours';
CREATE INDEX channel_by_purge ON ingress.channel (purge_due_at);
CREATE INDEX person_by_seen_at ON ingress.person (seen_at);
