//go:build !movableclock

package service_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
)

// Nobody moves the time of a service that is released.
func TestTheClockIsTheMachines(t *testing.T) {
	file := filepath.Join(t.TempDir(), "clock")
	require.NoError(t, os.WriteFile(file, []byte("1h"), 0o600))
	t.Setenv("CLOCK_OFFSET_FILE", file)
	ctx, cancel := context.WithCancel(t.Context())
	var now time.Time
	code := service.Run(ctx, "test", nil, []string{"HTTP_ADDR=127.0.0.1:0"}, &bytes.Buffer{}, &bytes.Buffer{},
		func(_ context.Context, rt *service.Runtime, _ struct{}) error {
			now = rt.Now()
			cancel()
			return nil
		})
	require.Zero(t, code)
	require.WithinDuration(t, time.Now(), now, time.Minute)
}
