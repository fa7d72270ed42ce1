//nolint:gosec // the folder comes from whoever runs the tests
package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
)

// One PostgreSQL server serves all test processes that run at the same time. None of them can own it, since none
// knows whether it is the last. So the first one starts a keeper: its own binary once more, as a process that runs
// the server for as long as someone uses it.
//
// Who uses it is known from a file lock, which the system releases however a process ends:
//
//	users   shared by each test process for its life; the keeper tries to have it alone, and then nobody is left
//	start   held by the one who looks for the server and starts the keeper where there is none
//	keeper  held by the keeper for its life, with its process id in it
//	url     the server's address, there while it runs
const (
	keeperVariable = "COFFEEBUDDY_TESTKIT_KEEPER" // set: be the keeper of this folder
	folderVariable = "COFFEEBUDDY_TESTKIT_DIR"    // another folder, with a server of its own
	lingerVariable = "COFFEEBUDDY_TESTKIT_LINGER" // how long the keeper waits for another user (20s)
)

// init turns a test binary into a keeper before any test or TestMain runs.
func init() {
	if dir := os.Getenv(keeperVariable); dir != "" {
		if err := keep(dir); err != nil {
			fmt.Fprintln(os.Stderr, "testkit keeper:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// sharedServer finds or starts the server for this test process.
var sharedServer = sync.OnceValues(func() (shared, error) {
	if url := os.Getenv("DATABASE_URL_TEST"); url != "" {
		return shared{url: url}, nil
	}
	dir := keeperDir()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return shared{}, err
	}
	using, err := lock(filepath.Join(dir, "users"), syscall.LOCK_SH)
	if err != nil {
		return shared{}, err
	}
	start, err := lock(filepath.Join(dir, "start"), syscall.LOCK_EX)
	if err != nil {
		return shared{}, err
	}
	defer start.Close()
	url, err := find(dir)
	return shared{url, using}, err
})

type shared struct {
	url   string
	using *os.File // locked until this process ends; kept here, because an open file that nobody knows gets closed
}

// keeperDir is where the shared server lives; root's must be below a folder that the unprivileged server can enter.
func keeperDir() string {
	if dir := os.Getenv(folderVariable); dir != "" {
		return dir
	}
	if os.Getuid() == 0 {
		return "/var/lib/coffeebuddy/testkit"
	}
	return filepath.Join(os.TempDir(), "coffeebuddy-testkit-"+strconv.Itoa(os.Getuid()))
}

// find returns the server's address, and starts a keeper if there is none.
// Whether there is one is known from its lock alone: a server that is merely slow or full must not be replaced.
func find(dir string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // for the download of PostgreSQL
	defer cancel()
	for ; ctx.Err() == nil; <-time.After(20 * time.Millisecond) {
		none, err := lock(filepath.Join(dir, "keeper"), syscall.LOCK_SH|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK): // there is one, and it writes the address when the server answers
			if url, err := os.ReadFile(filepath.Join(dir, "url")); err == nil {
				return string(url), nil
			}
			continue
		case err != nil:
			return "", err
		}
		none.Close()
		_ = os.Remove(filepath.Join(dir, "url")) // of a keeper that was killed
		if err := startKeeper(ctx, dir); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("keeper did not start the server, see %s", filepath.Join(dir, "keeper.log"))
}

// startKeeper starts a keeper and returns when it has written the address.
func startKeeper(ctx context.Context, dir string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "keeper.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), self) // goes on without us
	cmd.Env = append(os.Environ(), keeperVariable+"="+dir)
	cmd.Stdout, cmd.Stderr = log, log
	// In a session of its own: it outlives this process and whatever is done to its group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		if _, err := os.Stat(filepath.Join(dir, "url")); err == nil {
			return nil
		}
		select {
		case err := <-ended:
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("keeper ended: %w\n%s", err, text)
		case <-ctx.Done():
			return nil // the caller says what that means
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// keep runs the shared server until nobody has used it for a while.
func keep(dir string) error {
	// An earlier keeper may be in its last moments.
	alone, err := lock(filepath.Join(dir, "keeper"), syscall.LOCK_EX)
	if err != nil {
		return err
	}
	defer alone.Close()
	if err := errors.Join(alone.Truncate(0), writePID(alone)); err != nil {
		return err
	}
	linger := 20 * time.Second
	if s := os.Getenv(lingerVariable); s != "" {
		if linger, err = time.ParseDuration(s); err != nil {
			return err
		}
	}

	ctx := context.Background()
	data := filepath.Join(dir, "postgres")
	if err := clear(ctx, data); err != nil {
		return err
	}
	pg, err := server.StartPostgres(ctx, server.PostgresConfig{Dir: data, Unsafe: true})
	if err != nil {
		return err
	}
	url := filepath.Join(dir, "url")
	defer func() {
		_ = os.Remove(url)
		_ = pg.Kill()
		_ = os.RemoveAll(pg.Dir)
	}()
	if err := os.WriteFile(url+".partial", []byte(pg.URL), 0o600); err != nil {
		return err
	}
	if err := os.Rename(url+".partial", url); err != nil {
		return err
	}

	for idle := time.Duration(0); ; {
		const pause = 200 * time.Millisecond
		select {
		case <-pg.Exited():
			return errors.New("the server ended")
		case <-time.After(pause):
		}
		users, err := lock(filepath.Join(dir, "users"), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			idle = 0
			continue
		case err != nil:
			return err
		}
		if idle += pause; idle > linger {
			// Who comes now waits for this lock until the process has ended, and then finds no server.
			defer users.Close()
			return nil
		}
		users.Close()
	}
}

func writePID(f *os.File) error {
	_, err := fmt.Fprintln(f, os.Getpid())
	return err
}

// clear removes the data of a keeper that was killed, and ends its server.
func clear(ctx context.Context, data string) error {
	dir, err := server.PostgresDir(data)
	if err != nil {
		return err
	}
	if err := server.EndPostgres(ctx, data); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// lock opens the file and locks it; closing it releases the lock.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", strings.TrimSpace(path), err)
		}
	}
}
