package bustest_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRecordsAreApplied(t *testing.T) {
	t.Parallel()
	f := setup(t, 12)
	k, _ := f.consume(apply("one"))
	f.publish(500)
	f.eventually("all records are applied", func() bool { return f.applied() == 500 })
	require.NoError(t, k.Check(t.Context()))
	require.Equal(t, 500, f.count("SELECT sum(next_offset) FROM runs.consumer_position WHERE consumer_group = ?", f.Group))
}
