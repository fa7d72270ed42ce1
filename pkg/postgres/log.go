package postgres

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// slowLog logs what takes long, without its values: errors are returned to whoever asked. The statements of a batch are
// one entry, because the server answers them together.
type slowLog struct{ log *slog.Logger }

var _ interface {
	pgx.QueryTracer
	pgx.BatchTracer
} = slowLog{}

type asked struct {
	sql   []string
	begun time.Time
}

type askedKey struct{}

func ask(ctx context.Context, sql ...string) context.Context {
	return context.WithValue(ctx, askedKey{}, asked{sql, time.Now()})
}

func (l slowLog) answered(ctx context.Context) {
	a, _ := ctx.Value(askedKey{}).(asked)
	if took := time.Since(a.begun); took >= slow {
		l.log.WarnContext(ctx, "slow statement", "sql", strings.Join(a.sql, "; "), "seconds", took.Seconds())
	}
}

func (slowLog) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	return ask(ctx, data.SQL)
}

func (l slowLog) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	l.answered(ctx)
}

func (slowLog) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	sql := make([]string, len(data.Batch.QueuedQueries))
	for i, q := range data.Batch.QueuedQueries {
		sql[i] = q.SQL
	}
	return ask(ctx, sql...)
}

func (slowLog) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

func (l slowLog) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	l.answered(ctx)
}
