package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

// Root finds the repository: the folder with go.work, from the present one upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside the CoffeeBuddy repository (no go.work found)")
		}
		dir = parent
	}
}

// StateLock keeps two stacks from using the same state.
type StateLock struct{ file *os.File }

// Lock takes the state folder for this process, or says that it is in use.
func Lock(dir string) (*StateLock, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("CoffeeBuddy is already running from this folder (its addresses are in %s)", filepath.Join(dir, "env"))
	}
	return &StateLock{file: file}, nil
}

// Unlock gives the state folder back.
func (l *StateLock) Unlock() { _ = l.file.Close() }

// Reset forgets everything that earlier runs left in dir, except built binaries. It fails while a stack is using it.
func Reset(ctx context.Context, dir string) error {
	lock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	data, err := server.PostgresDir(filepath.Join(dir, "postgres"))
	if err != nil {
		return err
	}
	if err := server.EndPostgres(ctx, data); err != nil {
		return fmt.Errorf("end the server left over: %w", err)
	}
	return errors.Join(os.RemoveAll(data), os.RemoveAll(filepath.Join(dir, "kafka")), removeIfThere(filepath.Join(dir, "slack.json")))
}

func removeIfThere(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// WriteEnv writes the addresses for other tools to source. It holds the local signing secret, so only its owner may read it.
func (s *Stack) WriteEnv(path string) error {
	var b strings.Builder
	line := func(name, value string) { fmt.Fprintf(&b, "export %s='%s'\n", name, value) }
	line("COFFEEBUDDY_PAGE_URL", s.PageURL)
	line("COFFEEBUDDY_SLACK_REQUESTS_URL", s.SlackRequestsURL)
	line("SLACK_API_URL", s.SlackAPIURL)
	line("SLACK_SIGNING_SECRET", s.SigningSecret)
	line("DATABASE_URL", s.DatabaseURL)
	line("KAFKA_BOOTSTRAP", s.KafkaBootstrap)
	for _, name := range Services {
		line(strings.ToUpper(name)+"_URL", "http://"+s.Addresses[name])
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("env file: %w", err)
	}
	return nil
}

// PrintAddresses tells a person where to go.
func (s *Stack) PrintAddresses(out io.Writer, took time.Duration) {
	bold := func(text string) string { return text }
	if s.cfg.Colour {
		bold = func(text string) string { return "\x1b[1m" + text + "\x1b[0m" }
	}
	if s.PageURL != "" {
		_, _ = fmt.Fprintf(out, "\n  %s\n\n", bold("☕ Open "+s.PageURL+" and type /coffee"))
	}
	_, _ = fmt.Fprintf(out, "  Slack requests go to %s\n  Ready in %.1f s. Ctrl-C stops everything; state is kept (make demo-reset starts over).\n\n",
		s.SlackRequestsURL, took.Seconds())
}

// Colourful says whether out is a terminal that wants colours.
func Colourful(out *os.File) bool {
	info, err := out.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}
