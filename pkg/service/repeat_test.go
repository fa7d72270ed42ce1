package service_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
)

func TestRepeat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		begun, lines := time.Now(), strings.Builder{}
		var at []time.Duration
		repeat := service.Repeat(slog.New(slog.NewTextHandler(&lines, nil)), "sweep", time.Hour, func(context.Context) (bool, error) {
			at = append(at, time.Since(begun))
			switch n := len(at); {
			case n <= 2:
				return true, nil // there is more
			case n == 3:
				return false, nil
			case n < 12:
				return false, errors.New("database is away")
			default:
				cancel()
				return false, context.Canceled
			}
		})
		require.NoError(t, repeat(ctx))

		require.Equal(t, []time.Duration{0, 0, 0}, at[:3], "at once while there is more")
		require.InDelta(t, time.Hour, at[3], float64(6*time.Minute))
		require.Equal(t, 5*time.Second, at[5]-at[4], "an outage is not waited out for an hour")
		require.Equal(t, 2, strings.Count(lines.String(), "step failed, trying again"), "and not told each time")
	})
}
