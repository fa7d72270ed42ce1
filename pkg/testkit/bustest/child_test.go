package bustest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/outbox"
	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// What is killed or paused must be a process: the test binary once more, playing the part that childVariable names.
const (
	childVariable = "BUSTEST_CHILD"
	childSettings = "BUSTEST_SETTINGS"
)

var parts = map[string]func(*child) error{
	"consumer": consumerPart,
	"ghost":    ghostPart,
	"sleeper":  sleeperPart,
	"writer":   writerPart,
}

type child struct {
	names
	Bootstrap []string
	Database  string
	Member    string

	pool   *postgres.DB
	client *bus.Client
	tel    *telemetry.Telemetry
}

func runChild(part string) int {
	var c child
	err := json.Unmarshal([]byte(os.Getenv(childSettings)), &c)
	if err == nil {
		c.tel, err = telemetry.New(c.Member, "test", telemetry.Config{LogLevel: slog.LevelInfo, LogFormat: "text"}, os.Stderr)
	}
	if err == nil {
		c.pool, err = postgres.Open(postgres.Config{URL: c.Database, MaxConnections: 4}, role, c.tel)
	}
	if err == nil {
		c.client, err = bus.Connect(bus.Config{Bootstrap: c.Bootstrap}, c.Member, c.tel)
	}
	if err == nil {
		// The end of its parent closes its input.
		go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
		err = parts[part](&c)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, part, err)
		return 1
	}
	return 0
}

type process struct {
	t    testing.TB
	cmd  *exec.Cmd
	said chan string
}

// start starts a child and forwards what it logs.
func (f *fixture) start(part, member string) *process {
	f.t.Helper()
	settings, err := json.Marshal(child{names: f.names, Bootstrap: f.cluster.Bootstrap, Database: f.db.URL, Member: member})
	require.NoError(f.t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+part, childSettings+"="+string(settings))
	stdin, err := cmd.StdinPipe()
	require.NoError(f.t, err)
	out, err := cmd.StderrPipe()
	require.NoError(f.t, err)
	require.NoError(f.t, cmd.Start())
	p := &process{t: f.t, cmd: cmd, said: make(chan string, 1000)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.said <- lines.Text()
		}
		close(p.said)
	}()
	f.t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.signal(syscall.SIGKILL)
		_ = stdin.Close()
		<-read
		_ = cmd.Wait()
		for line := range p.said {
			f.t.Log(member + " | " + line)
		}
	})
	return p
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// awaitStop waits until the process has stopped itself.
func (p *process) awaitStop() {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		state, err := exec.Command("ps", "-o", "state=", "-p", strconv.Itoa(p.cmd.Process.Pid)).Output()
		return err == nil && strings.HasPrefix(string(state), "T")
	}, soon, 20*time.Millisecond, "the child stops itself")
}

// consumerPart consumes until it is ended, slowly enough to be hit in the middle of a transaction.
func consumerPart(c *child) error {
	k, err := c.consumer(c.pool, c.client, handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		if err := apply(c.Member)(ctx, tx, records); err != nil {
			return err
		}
		<-time.After(5 * time.Millisecond)
		return nil
	}), func(cfg *bus.ConsumerConfig) { cfg.MaxBatch = 5 })
	if err != nil {
		return err
	}
	return k.Run(context.Background())
}

// ghostPart stops its whole process once, at the record of type test.Stop, in the middle of its transaction.
func ghostPart(c *child) error {
	return c.haunt(nil, stopOnce())
}

// sleeperPart does the same before it opens the transaction, with the record in hand.
func sleeperPart(c *child) error {
	stop := stopOnce()
	return c.haunt(func(ceType string) bool { stop(ceType); return true }, func(string) {})
}

func (c *child) haunt(wants func(string) bool, within func(ceType string)) error {
	k, err := c.consumer(c.pool, c.client, handler(func(ctx context.Context, tx *postgres.Tx, records []*bus.Record) error {
		defer func() {
			for _, r := range records {
				within(r.Type)
			}
		}()
		return apply(c.Member)(ctx, tx, records)
	}), func(cfg *bus.ConsumerConfig) { cfg.Subscriptions[0].Wants = wants })
	if err != nil {
		return err
	}
	return k.Run(context.Background())
}

func stopOnce() func(ceType string) {
	var once sync.Once
	return func(ceType string) {
		if ceType == "test.Stop" {
			once.Do(func() {
				_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
				<-time.After(100 * time.Millisecond) // it takes a moment to stop every thread
			})
		}
	}
}

// writerPart commits ten events of a channel and is killed at once, before anything is published.
func writerPart(c *child) error {
	box := outbox.New(c.pool, schema, c.client, c.tel)
	go func() { _ = box.Run(context.Background()) }()
	for seq := 1; seq <= 10; seq++ {
		if err := c.pool.InTx(context.Background(), func(tx *postgres.Tx) error {
			if seq == 10 { // told before the outbox is
				tx.AfterCommit(func() { _ = syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} })
			}
			return box.Add(context.Background(), tx, c.message("w/crash", "test.Event", strconv.Itoa(seq)))
		}); err != nil {
			return err
		}
	}
	return nil
}
