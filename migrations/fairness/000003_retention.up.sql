-- Old entries are dropped, and what they left in the standings stays.

ALTER TABLE fairness.channel
    ADD COLUMN retention_days smallint NOT NULL DEFAULT 90 CHECK (retention_days BETWEEN 30 AND 365),
    ADD COLUMN purge_due_at   timestamptz NOT NULL DEFAULT now() + random() * interval '24 hours',
    ADD COLUMN purged_before  timestamptz NOT NULL DEFAULT '-infinity'; -- an entry of a run started earlier may have been dropped
CREATE INDEX channel_by_purge ON fairness.channel (purge_due_at);

-- Of entries that were dropped, what cannot be looked up any more.
ALTER TABLE fairness.standing
    ADD COLUMN opened_since     timestamptz, -- the first of them
    ADD COLUMN opened_served_at timestamptz; -- the last of them with this runner, others drinking

CREATE INDEX entry_by_age ON fairness.entry (workspace_id, channel_id, at);
