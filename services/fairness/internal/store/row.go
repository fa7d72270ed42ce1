package store

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

func scanChannel(rows pgx.Rows) (ledger.ChannelID, ledger.Channel, error) {
	var id ledger.ChannelID
	var c ledger.Channel
	var purged pgtype.Timestamptz
	err := rows.Scan(&id.Workspace, &id.Channel, &c.Epoch, &c.RetentionDays, &purged)
	if purged.InfinityModifier == pgtype.Finite { // else nothing was ever dropped
		c.PurgedBefore = instant(purged)
	}
	return id, c, err
}

// scanPosting reads an entry; its shares are read elsewhere.
func scanPosting(rows pgx.Rows) (ledger.Posting, error) {
	var p ledger.Posting
	var at pgtype.Timestamptz
	err := rows.Scan((*[16]byte)(&p.RunID), &p.Channel.Workspace, &p.Channel.Channel, &p.Epoch, &p.Version, &at,
		(*string)(&p.Runner), &p.AssignmentNo, &p.Explanation)
	p.At = instant(at)
	return p, err
}

const standingColumns = `s.workspace_id, s.channel_id, s.user_id, s.cups, s.owed, s.served, s.since, s.last_served_at`

func scanStanding(rows pgx.Rows) (ledger.ChannelID, ledger.Candidate, error) {
	var id ledger.ChannelID
	var c ledger.Candidate
	var since, served pgtype.Timestamptz
	s := &c.Standing
	err := rows.Scan(&id.Workspace, &id.Channel, (*string)(&c.User), &s.Cups, (*int64)(&s.Owed), &s.Served, &since, &served)
	s.Since, s.LastServedAt = instant(since), instant(served)
	return id, c, err
}

// instant is a column's time in UTC; NULL is the zero time.
func instant(t pgtype.Timestamptz) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return t.Time.UTC()
}

func uuids(ids []uuid.UUID) [][16]byte {
	raw := make([][16]byte, len(ids))
	for i, id := range ids {
		raw[i] = id
	}
	return raw
}
