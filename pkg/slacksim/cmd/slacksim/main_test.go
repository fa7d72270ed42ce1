package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRun(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "zoo.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"team":{"id":"T1"},"bot":{"user_id":"U9","name":"Keeper"},"users":[{"id":"U1","name":"lea"}]}`), 0o600))
	stopped, stop := context.WithCancel(t.Context())
	stop()
	require.NoError(t, run(stopped, []string{"-listen", "127.0.0.1:0", "-workspace", file, "-state", filepath.Join(dir, "state.json")}))
	saved, err := os.ReadFile(filepath.Join(dir, "state.json"))
	require.NoError(t, err)
	require.Contains(t, string(saved), `"Keeper"`)

	for _, args := range [][]string{{"-nonsense"}, {"-listen", "nowhere"}, {"-workspace", filepath.Join(dir, "none")}, {"-workspace", dir}} {
		require.Error(t, run(t.Context(), args))
	}
}
