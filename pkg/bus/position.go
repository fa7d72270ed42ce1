package bus

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
)

// positions keeps in Postgres which record of a partition a group takes next. A position moves only from where its owner
// believes it to be, in the transaction of the records' effects: of two members that hold the same partition, one of
// them a ghost, one waits for the other's row lock and then finds the position elsewhere.
type positions struct {
	db    *postgres.DB
	group string
	table string

	load, create, adopt, move string
}

// errMoved: somebody else moved the position, so what was fetched may have been applied already.
var errMoved = errors.New("the position was moved by somebody else")

func newPositions(db *postgres.DB, schema, group string) positions {
	table := pgx.Identifier{schema, "consumer_position"}.Sanitize()
	const key = " WHERE consumer_group = $1 AND topic = $2 AND partition = $3"
	return positions{
		db: db, group: group, table: table,
		load:   "SELECT next_offset, topic_id FROM " + table + key,
		create: "INSERT INTO " + table + " (consumer_group, topic, partition, topic_id, next_offset) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
		adopt:  "UPDATE " + table + " SET topic_id = $4, updated_at = now()" + key + " AND next_offset = $5",
		move:   "UPDATE " + table + " SET next_offset = $5, updated_at = now()" + key + " AND next_offset = $4",
	}
}

// position is a row: what to take next, of which topic.
type position struct {
	next  int64
	topic string // its id; "": not known
}

// read returns the stored position; found is false for a partition that this group never consumed.
func (s positions) read(ctx context.Context, topic string, partition int) (at position, found bool, err error) {
	err = s.db.Read(ctx).Raw(s.load, s.group, topic, partition).Row().Scan(&at.next, &at.topic)
	if errors.Is(err, sql.ErrNoRows) {
		return at, false, nil
	}
	if err != nil {
		return at, false, fmt.Errorf("position of %s/%d: %w", topic, partition, err)
	}
	return at, true, nil
}

// begin stores where a group begins with a partition.
func (s positions) begin(ctx context.Context, topic string, partition int, at position) error {
	return s.exec(ctx, s.create, topic, partition, at.topic, at.next)
}

// bind stores the id of the topic that a position, still where it was, belongs to.
func (s positions) bind(ctx context.Context, topic string, partition int, at position) error {
	return s.exec(ctx, s.adopt, topic, partition, at.topic, at.next)
}

// moving is the statement that moves a position as part of a transaction.
func (s positions) moving(topic string, partition int, from, to int64) postgres.Statement {
	return postgres.Statement{
		SQL: s.move, Args: []any{s.group, topic, partition, from, to},
		Check: func(rows int64) error {
			if rows != 1 {
				return errMoved
			}
			return nil
		},
	}
}

func (s positions) exec(ctx context.Context, sql, topic string, partition int, args ...any) error {
	if err := s.db.Read(ctx).Exec(sql, append([]any{s.group, topic, partition}, args...)...).Error; err != nil {
		return fmt.Errorf("position of %s/%d: %w", topic, partition, err)
	}
	return nil
}

// resolve is the command with which a person who knows what happened to a topic lets its consumer go on.
func (s positions) resolve(topic string, partition int, next int64) string {
	where := fmt.Sprintf("consumer_group = '%s' AND topic = '%s'", s.group, topic)
	if partition >= 0 {
		return fmt.Sprintf("UPDATE %s SET next_offset = %d WHERE %s AND partition = %d", s.table, next, where, partition)
	}
	return fmt.Sprintf("UPDATE %s SET topic_id = '', next_offset = 0 WHERE %s", s.table, where)
}
