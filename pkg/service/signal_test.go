package service_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/service"
)

const childVariable = "SERVICE_TEST_CHILD"

// TestMain lets this binary be a service, for tests that send it signals: "ends", or "stubborn" with a component that
// does not end.
func TestMain(m *testing.M) {
	kind := os.Getenv(childVariable)
	if kind == "" {
		os.Exit(m.Run())
	}
	os.Args = os.Args[:1]
	os.Exit(service.Main("runs", func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Defer("postgres", func() error { say("closed postgres"); return nil })
		rt.Go("consumer", func(ctx context.Context) error {
			<-ctx.Done()
			say("consumer drains")
			if kind == "stubborn" {
				select {}
			}
			return nil
		})
		return nil
	}))
}

func say(what string) { _, _ = os.Stdout.WriteString(what + "\n") }

type child struct {
	*exec.Cmd
	out *buffer
}

func startChild(t *testing.T, kind string) *child {
	t.Helper()
	file := filepath.Join(t.TempDir(), "addr")
	c := &child{exec.Command(os.Args[0]), &buffer{}}
	c.Env = append(os.Environ(), childVariable+"="+kind, "KAFKA_BOOTSTRAP=k:1", "HTTP_ADDR=127.0.0.1:0", "HTTP_ADDR_FILE="+file, "SHUTDOWN_GRACE=1m")
	c.Stdout, c.Stderr = c.out, c.out
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Process.Kill() })
	require.Eventually(t, func() bool { _, err := os.Stat(file); return err == nil }, 10*time.Second, 5*time.Millisecond)
	return c
}

func TestASignalEndsTheServiceInOrder(t *testing.T) {
	t.Parallel()
	for _, s := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		c := startChild(t, "ends")
		require.NoError(t, c.Process.Signal(s))
		require.NoError(t, c.Wait(), "exit code 0\n%s", c.out)
		out := c.out.String()
		require.Less(t, strings.Index(out, `"msg":"stopping"`), strings.Index(out, "consumer drains"), out)
		require.Less(t, strings.Index(out, "consumer drains"), strings.Index(out, "closed postgres"), out)
		require.Less(t, strings.Index(out, "closed postgres"), strings.Index(out, `"msg":"stopped"`), out)
	}
}

func TestASecondSignalEndsTheServiceAtOnce(t *testing.T) {
	t.Parallel()
	c := startChild(t, "stubborn")
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool { return strings.Contains(c.out.String(), "consumer drains") }, 5*time.Second, time.Millisecond)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		require.Error(t, err)
		require.NotContains(t, c.out.String(), "closed postgres")
	case <-time.After(5 * time.Second):
		t.Fatal("goes on")
	}
}
