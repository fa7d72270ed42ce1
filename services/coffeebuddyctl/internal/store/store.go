// Package store looks into the services' schemas, for people. It changes nothing but positions.
package store

import (
	"context"
	"fmt"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// Store reads every schema, as whoever owns them.
type Store struct{ db *postgres.DB }

// New makes a store.
func New(db *postgres.DB) *Store { return &Store{db} }

// Positions are how far one service has read: the next offset by topic and partition.
type Positions map[string]map[int]int64

// Next is the next offset that will be read; 0: nothing was yet.
func (p Positions) Next(topic string, partition int) int64 { return p[topic][partition] }

// Positions returns how far each service has read.
func (s *Store) Positions(ctx context.Context) (map[string]Positions, error) {
	all := map[string]Positions{}
	for _, schema := range []string{"ingress", "runs", "fairness", "reminder"} {
		var rows []struct {
			Topic      string
			Partition  int
			NextOffset int64
		}
		err := s.db.Read(ctx).Raw("SELECT topic, partition, next_offset FROM "+schema+".consumer_position WHERE consumer_group = ?", schema).Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("positions of %s: %w", schema, err)
		}
		all[schema] = Positions{}
		for _, r := range rows {
			if all[schema][r.Topic] == nil {
				all[schema][r.Topic] = map[int]int64{}
			}
			all[schema][r.Topic][r.Partition] = r.NextOffset
		}
	}
	return all, nil
}

// Move has a service go on at these offsets, by topic and partition, whatever it has read.
func (s *Store) Move(ctx context.Context, service string, to map[string][]int64) error {
	return s.db.InTx(ctx, func(tx *postgres.Tx) error {
		for topic, offsets := range to {
			for partition, offset := range offsets {
				err := tx.Exec("INSERT INTO "+service+".consumer_position AS p (consumer_group, topic, partition, next_offset) VALUES (?, ?, ?, ?) "+
					// The topic may be another one than before; its id is found out anew.
					"ON CONFLICT (consumer_group, topic, partition) DO UPDATE SET next_offset = excluded.next_offset, topic_id = '', updated_at = now()",
					service, topic, partition, offset).Error
				if err != nil {
					return fmt.Errorf("position of %s in %s: %w", service, topic, err)
				}
			}
		}
		return nil
	})
}

// Outbox is what a service has not published.
type Outbox struct {
	Service  string     `json:"service"`
	Events   int        `json:"events"`
	Channels int        `json:"channels"`
	Oldest   *time.Time `json:"oldest,omitempty"`
}

// Outboxes returns every service's outbox.
func (s *Store) Outboxes(ctx context.Context) ([]Outbox, error) {
	var all []Outbox
	for _, schema := range []string{"runs", "fairness", "reminder"} {
		o := Outbox{}
		err := s.db.Read(ctx).Raw("SELECT count(*) AS events, count(DISTINCT key) AS channels, min(created_at) AS oldest FROM " + schema + ".outbox").Scan(&o).Error
		if err != nil {
			return nil, fmt.Errorf("outbox of %s: %w", schema, err)
		}
		o.Service = schema
		all = append(all, o)
	}
	return all, nil
}

// Fact is what a service knows about a run.
type Fact struct {
	Service string     `json:"service"`
	What    string     `json:"what"`
	At      *time.Time `json:"at,omitempty"`
	State   string     `json:"state"`
}

const runFacts = `
	SELECT * FROM (
	SELECT 'runs' AS service, 'run in ' || workspace_id || '/' || channel_id AS what, started_at AS at,
		status || ', version ' || version || ', epoch ' || epoch || coalesce(', ' || end_reason, '') AS state FROM runs.run WHERE id = CAST(@id AS uuid)
	UNION ALL SELECT 'runs', 'pickup', pickup_at, coalesce('closes ' || to_char(closes_at AT TIME ZONE 'UTC', 'HH24:MI:SS'), 'closed by hand') FROM runs.run WHERE id = CAST(@id AS uuid)
	UNION ALL SELECT 'runs', 'assignment ' || assignment_no, coalesce(assigned_at, requested_at), assignment_state || coalesce(': ' || runner_id, '') FROM runs.run
		WHERE id = CAST(@id AS uuid) AND assignment_no IS NOT NULL
	UNION ALL SELECT 'runs', 'orders', max(changed_at), count(*) FILTER (WHERE drink IS NOT NULL) || ' orders, ' || coalesce(sum(quantity), 0) || ' cups' FROM runs.drink_order
		WHERE run_id = CAST(@id AS uuid) HAVING count(*) > 0
	UNION ALL SELECT 'fairness', 'entry', at, 'version ' || version || coalesce(', runner ' || runner_id, ', no runner') FROM fairness.entry WHERE run_id = CAST(@id AS uuid)
	UNION ALL SELECT 'reminder', 'timer ' || kind || ' ' || assignment_no, due_at, coalesce('fired ' || to_char(fired_at AT TIME ZONE 'UTC', 'HH24:MI:SS'), 'waits')
		FROM reminder.timer WHERE run_id = CAST(@id AS uuid)
	UNION ALL SELECT 'ingress', 'projection', started_at, 'version ' || version FROM ingress.run WHERE run_id = @id
	UNION ALL SELECT 'ingress', kind || CASE WHEN user_id <> '' THEN ' for ' || user_id ELSE '' END, coalesce(sent_at, due_at),
		state || CASE WHEN failures > 0 THEN ', ' || failures || ' failures' ELSE '' END || CASE WHEN error <> '' THEN ', ' || error ELSE '' END
		FROM ingress.delivery WHERE run_id = @id
	) AS facts ORDER BY at NULLS FIRST`

// Run returns what each service knows about a run, in the order of time.
func (s *Store) Run(ctx context.Context, id string) (facts []Fact, err error) {
	err = s.db.Read(ctx).Raw(runFacts, map[string]any{"id": id}).Scan(&facts).Error
	if err != nil {
		return nil, fmt.Errorf("run %s: %w", id, err)
	}
	return facts, nil
}

// Trace is something that a service did, or has still to do, because of a click.
type Trace struct {
	At                            time.Time
	Service, What, Where, Trouble string
}

const refTraces = `
	SELECT coalesce(sent_at, due_at) AS at, 'ingress' AS service,
		'tells Slack: ' || kind || CASE WHEN user_id <> '' THEN ' for ' || user_id ELSE '' END || ' in ' || conversation AS what,
		'delivery ' || id AS "where",
		CASE WHEN state = 'failed' THEN 'failed: ' || error WHEN state = 'pending' AND failures > 0 THEN 'tried ' || failures || ' times: ' || error
			WHEN state = 'pending' THEN 'not sent yet' WHEN state = 'obsolete' THEN 'not sent: ' || error ELSE '' END AS trouble
	FROM ingress.delivery WHERE ref = left(@ref, 8) OR traceparent LIKE '00-' || @ref || '%'`

// Ref returns what is known about a click, by the beginning of its trace's id.
func (s *Store) Ref(ctx context.Context, ref string) (all []Trace, err error) {
	if err := s.db.Read(ctx).Raw(refTraces, map[string]any{"ref": ref}).Scan(&all).Error; err != nil {
		return nil, fmt.Errorf("deliveries of %s: %w", ref, err)
	}
	for _, schema := range []string{"runs", "fairness", "reminder"} {
		var rows []Trace
		err := s.db.Read(ctx).Raw(`SELECT created_at AS at, ? AS service, 'has not published ' || type AS what, 'outbox ' || id AS "where",
			'waits since ' || created_at AS trouble FROM `+schema+`.outbox WHERE headers->>'traceparent' LIKE '00-' || ? || '%'`, schema, ref).Scan(&rows).Error
		if err != nil {
			return nil, fmt.Errorf("outbox of %s: %w", schema, err)
		}
		all = append(all, rows...)
	}
	return all, nil
}

// Clock returns the database's time.
func (s *Store) Clock(ctx context.Context) (at time.Time, err error) {
	err = s.db.Read(ctx).Raw("SELECT clock_timestamp()").Scan(&at).Error
	return at, err
}

// Trespasses lists roles of services that could look into another service's schema, as "role → schema".
func (s *Store) Trespasses(ctx context.Context) (all []string, err error) {
	err = s.db.Read(ctx).Raw(`
		SELECT role || ' → ' || schema FROM unnest(ARRAY['ingress', 'runs', 'fairness', 'reminder']) AS schema
		CROSS JOIN LATERAL (SELECT 'coffeebuddy_' || other AS role FROM unnest(ARRAY['ingress', 'runs', 'fairness', 'reminder']) AS other WHERE other <> schema) AS r
		JOIN pg_roles ON rolname = role JOIN pg_namespace ON nspname = schema
		WHERE has_schema_privilege(role, schema, 'USAGE')`).Scan(&all).Error
	return all, err
}

// Channels returns the channels in which a run was started lately, the latest first.
func (s *Store) Channels(ctx context.Context, limit int) (ids []string, err error) {
	err = s.db.Read(ctx).Raw("SELECT channel_id FROM runs.run GROUP BY channel_id ORDER BY max(started_at) DESC LIMIT ?", limit).Scan(&ids).Error
	return ids, err
}
