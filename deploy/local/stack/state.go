package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

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

// Lock takes the state folder for this process, or says where the stack is that is using it.
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
		return nil, fmt.Errorf("already running from this folder%s", where(dir))
	}
	_ = os.Remove(envFile(dir)) // of a stack that was killed
	return &StateLock{file: file}, nil
}

// Unlock gives the state folder back.
func (l *StateLock) Unlock() { _ = l.file.Close() }

// where is what the stack that is using dir said of itself.
func where(dir string) string {
	env, _ := os.ReadFile(envFile(dir))
	_, rest, _ := strings.Cut(string(env), "COFFEEBUDDY_PAGE_URL='")
	page, _, found := strings.Cut(rest, "'")
	switch {
	case page != "":
		return ": open " + page
	case found:
		return " (its addresses are in " + envFile(dir) + ")"
	default:
		return " and just starting"
	}
}

func envFile(dir string) string { return filepath.Join(dir, "env") }

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
	if _, err := os.Stat(data); err == nil {
		if err := server.EndPostgres(ctx, data); err != nil {
			return fmt.Errorf("end the server left over: %w", err)
		}
	}
	return errors.Join(os.RemoveAll(data), os.RemoveAll(filepath.Join(dir, "kafka")), os.RemoveAll(filepath.Join(dir, "slack.json")))
}

// WriteEnv writes the addresses to the file env in the state folder, for other tools to source. It holds the local
// secrets, so only its owner may read it.
func (s *Stack) WriteEnv() error {
	var b strings.Builder
	line := func(name, value string) {
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(value, "'", `'\''`))
	}
	line("COFFEEBUDDY_PAGE_URL", s.PageURL)
	line("COFFEEBUDDY_SLACK_REQUESTS_URL", s.SlackRequestsURL)
	line("SLACK_API_URL", s.SlackAPIURL)
	line("SLACK_SIGNING_SECRET", s.SigningSecret)
	line("SLACK_BOT_TOKEN", s.BotToken)
	line("SLACK_APP_TOKEN", s.AppToken)
	line("DATABASE_URL", s.DatabaseURL)
	line("KAFKA_BOOTSTRAP", s.KafkaBootstrap)
	for _, name := range Services {
		line(strings.ToUpper(name)+"_URL", "http://"+s.Addresses[name])
	}
	// Whole or not at all, for who waits for it.
	partial := envFile(s.cfg.Dir) + ".partial"
	if err := os.WriteFile(partial, []byte(b.String()), 0o600); err != nil {
		return fmt.Errorf("env file: %w", err)
	}
	if err := os.Rename(partial, envFile(s.cfg.Dir)); err != nil {
		return fmt.Errorf("env file: %w", err)
	}
	s.stop = append(s.stop, func() { _ = os.Remove(envFile(s.cfg.Dir)) })
	return nil
}

// Colourful says whether out is a terminal that wants colours.
func Colourful(out *os.File) bool {
	info, err := out.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("NO_COLOR") == ""
}
