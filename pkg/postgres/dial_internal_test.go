package postgres

import (
	"context"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSilenceEndsACall(t *testing.T) {
	t.Parallel()
	here, there := net.Pipe()
	defer there.Close()
	dial := impatient(func(context.Context, string, string) (net.Conn, error) { return here, nil }, 50*time.Millisecond)
	conn, err := dial(t.Context(), "", "")
	require.NoError(t, err)
	defer conn.Close()

	for range 2 {
		_, err = conn.Read(make([]byte, 1))
		require.ErrorIs(t, err, errSilent)
		require.True(t, Infrastructure(err))
		_, err = conn.Write([]byte("?"))
		require.ErrorIs(t, err, errSilent)
	}
	go func() { _, _ = there.Write([]byte("!")) }()
	_, err = conn.Read(make([]byte, 1))
	require.NoError(t, err, "the next call has its own time")

	// A deadline that the driver sets counts, and is not put off by a call that begins after it.
	require.NoError(t, conn.SetDeadline(time.Now().Add(200*time.Millisecond)))
	begun := time.Now()
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.Greater(t, time.Since(begun), 150*time.Millisecond)
	require.NoError(t, conn.SetDeadline(time.Now().Add(-time.Second)))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, conn.SetDeadline(time.Time{}))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, errSilent, "ours counts again")
}
