package testkit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

func TestTelemetryRecordsSpansOfItsTestOnly(t *testing.T) {
	t.Parallel()
	a, spansOfA := testkit.Telemetry(t)
	_, spansOfB := testkit.Telemetry(t)
	_, span := a.Tracer.Start(t.Context(), "work")
	require.Empty(t, spansOfA.Named("work"), "not ended")
	span.End()
	require.Len(t, spansOfA.Named("work"), 1)
	require.Empty(t, spansOfB.Ended())
}

func TestTelemetryMayLogAfterItsTest(t *testing.T) {
	t.Parallel()
	var late *telemetry.Telemetry
	t.Run("test", func(t *testing.T) { late, _ = testkit.Telemetry(t) })
	late.Log.Info("still here")
}
