package postgres

import (
	"context"
	"log/slog"
	"regexp"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

// slowLog is GORM's logger. It logs slow statements only, without their values: errors are returned to whoever asked.
type slowLog struct{ log *slog.Logger }

var _ gorm.ParamsFilter = slowLog{}

func (l slowLog) LogMode(logger.LogLevel) logger.Interface { return l }
func (slowLog) Info(context.Context, string, ...any)       {}
func (l slowLog) Warn(context.Context, string, ...any)     {}
func (l slowLog) Error(context.Context, string, ...any)    {}
func (slowLog) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) {
	return sql, nil
}

// placeholder is how GORM writes one whose value it is not told.
var placeholder = regexp.MustCompile(`\$(\d+)\$`)

func (l slowLog) Trace(ctx context.Context, begin time.Time, statement func() (string, int64), _ error) {
	took := time.Since(begin)
	if took < slow {
		return
	}
	sql, rows := statement()
	sql = placeholder.ReplaceAllString(sql, "$$$1")
	l.log.WarnContext(ctx, "slow statement", "sql", sql, "rows", rows, "seconds", took.Seconds())
}
