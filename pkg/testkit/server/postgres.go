// Package server starts the servers that CoffeeBuddy needs on the machine it runs on, without containers:
// PostgreSQL as a child process and a Kafka broker inside this process. The local stack and the tests use it.
package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresConfig says how StartPostgres runs its server.
type PostgresConfig struct {
	// Dir keeps the data between starts; it is created. As root, see PostgresDir.
	Dir string
	// Port is what to listen on (127.0.0.1 only) if it is free; 0 or taken: a free one.
	Port int
	// Binaries is the folder with initdb and postgres; "" looks for one, see FindPostgres.
	Binaries string
	// Unsafe loses data when the machine crashes, and saves the time of making sure: for tests.
	Unsafe bool
	// Settings are further server settings, as in postgresql.conf.
	Settings map[string]string
}

// Postgres is a running server.
type Postgres struct {
	URL      string // of the database postgres, as superuser, with its password
	Port     int
	Dir      string // where the data is
	Binaries string // of the server and its tools: psql, pgbench, pg_dump

	process *os.Process
	exited  chan struct{}
}

// PostgresDir returns where the data of a server with PostgresConfig.Dir dir is kept: there, but for root below
// /var/lib/coffeebuddy. The server refuses to run as root, and whom it runs as then cannot enter root's folders.
func PostgresDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("data folder: %w", err)
	}
	if os.Getuid() != 0 || strings.HasPrefix(abs, shared+"/") {
		return abs, nil
	}
	return filepath.Join(shared, strings.ReplaceAll(strings.Trim(abs, "/"), "/", "-")), nil
}

// shared is where root keeps what the unprivileged server reads.
const shared = "/var/lib/coffeebuddy"

// StartPostgres starts a server and waits until it answers. It is ended by Stop, and with this process.
// A server that an earlier process left behind on the same data is ended first.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := PostgresDir(cfg.Dir)
	if err != nil {
		return nil, err
	}
	binaries := cfg.Binaries
	if binaries == "" {
		if binaries, err = FindPostgres(ctx); err != nil {
			return nil, err
		}
	}
	p := &Postgres{Dir: dir, Binaries: binaries}
	password, err := p.initialise(ctx, who)
	if err != nil {
		return nil, fmt.Errorf("postgres data in %s: %w", dir, err)
	}
	if err := p.endLeftover(ctx, who); err != nil {
		return nil, fmt.Errorf("postgres left over in %s: %w", dir, err)
	}
	// A port found free can be taken a moment later.
	for attempt := 1; ; attempt++ {
		if p.Port, err = freePort(cfg.Port); err != nil {
			return nil, fmt.Errorf("postgres port: %w", err)
		}
		p.URL = (&url.URL{
			Scheme: "postgres", User: url.UserPassword("postgres", password),
			Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.Port)), Path: "/postgres", RawQuery: "sslmode=disable",
		}).String()
		err = p.start(ctx, who, cfg)
		if err == nil || attempt == 5 || ctx.Err() != nil || !strings.Contains(err.Error(), "Address already in use") {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return p, nil
}

// Exited is closed when the server has ended, for whatever reason.
func (p *Postgres) Exited() <-chan struct{} { return p.exited }

// Stop ends the server: sessions are cut off, data is kept.
func (p *Postgres) Stop() error {
	// Fast, immediate, by force.
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = p.process.Signal(s)
		select {
		case <-p.exited:
			return nil
		case <-time.After(10 * time.Second):
		}
	}
	return errors.New("postgres does not end")
}

// Kill ends the server at once and leaves its data in need of recovery.
func (p *Postgres) Kill() error {
	_ = p.process.Signal(syscall.SIGQUIT)
	select {
	case <-p.exited:
		return nil
	case <-time.After(10 * time.Second):
		return p.Stop()
	}
}

// EndPostgres ends a server that runs on the data of PostgresConfig.Dir dir because the process that started it was
// killed; without one it does nothing.
func EndPostgres(ctx context.Context, dir string) error {
	who, err := unprivileged()
	if err != nil {
		return err
	}
	p := &Postgres{}
	if p.Dir, err = PostgresDir(dir); err != nil {
		return err
	}
	if p.Binaries, err = FindPostgres(ctx); err != nil {
		return err
	}
	return p.endLeftover(ctx, who)
}

// initialise makes the data folder where there is none, and returns the superuser's password.
func (p *Postgres) initialise(ctx context.Context, who *account) (string, error) {
	file := filepath.Join(p.Dir, "password")
	if _, err := os.Stat(p.data()); err == nil {
		if err := p.sameVersion(ctx); err != nil {
			return "", err
		}
		password, err := os.ReadFile(file)
		return string(password), err
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return "", err
	}
	if err := who.own(p.Dir); err != nil {
		return "", err
	}
	password := rand.Text()
	if err := os.WriteFile(file, []byte(password), 0o600); err != nil {
		return "", err
	}
	if err := who.own(file); err != nil {
		return "", err
	}
	// An interrupted initdb must not look like data.
	partial := p.data() + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return "", err
	}
	err := p.tool(ctx, who, "initdb", "-D", partial, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", file,
		"-E", "UTF8", "--locale", "C", "--no-sync", "--no-instructions")
	if err != nil {
		return "", err
	}
	return password, os.Rename(partial, p.data())
}

func (p *Postgres) data() string { return filepath.Join(p.Dir, "data") }
func (p *Postgres) log() string  { return filepath.Join(p.Dir, "postgres.log") }

// sameVersion refuses data of another major version, which the server would only explain in its log.
func (p *Postgres) sameVersion(ctx context.Context) error {
	data, err := os.ReadFile(filepath.Join(p.data(), "PG_VERSION"))
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(p.Binaries, "postgres"), "--version").Output()
	if err != nil {
		return fmt.Errorf("version of %s: %w", p.Binaries, err)
	}
	made := strings.TrimSpace(string(data))
	if fields := strings.Fields(string(out)); !slices.ContainsFunc(fields, func(f string) bool { return f == made || strings.HasPrefix(f, made+".") }) {
		return fmt.Errorf("made by PostgreSQL %s, and %s is %s: remove the folder to start over", made, p.Binaries, strings.TrimSpace(string(out)))
	}
	return nil
}

// endLeftover ends a server that still runs on the data because the process that started it was killed.
func (p *Postgres) endLeftover(ctx context.Context, who *account) error {
	_, ended := os.Stat(filepath.Join(p.data(), "postmaster.pid"))
	if ended == nil { // the file alone may be left over
		ended = p.tool(ctx, who, "pg_ctl", "status", "-D", p.data())
	}
	if ended != nil {
		return nil //nolint:nilerr // there is nothing to end
	}
	return p.tool(ctx, who, "pg_ctl", "stop", "-D", p.data(), "-m", "fast", "-w")
}

// tool runs one of PostgreSQL's programs to its end.
func (p *Postgres) tool(ctx context.Context, who *account, name string, args ...string) error {
	cmd := who.command(ctx, filepath.Join(p.Binaries, name), args...)
	cmd.Dir = p.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, bytes.TrimSpace(out))
	}
	return nil
}

func (p *Postgres) start(ctx context.Context, who *account, cfg PostgresConfig) error {
	settings := map[string]string{
		"port": strconv.Itoa(p.Port), "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
		"max_connections": "300", "timezone": "UTC", "log_timezone": "UTC",
	}
	if cfg.Unsafe {
		for _, s := range []string{"fsync", "full_page_writes", "synchronous_commit", "autovacuum"} {
			settings[s] = "off"
		}
		settings["wal_level"], settings["max_wal_senders"] = "minimal", "0"
		settings["max_connections"] = "1000" // of many test processes
	}
	maps.Copy(settings, cfg.Settings)
	args := []string{"-D", p.data()}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	out, err := os.Create(p.log())
	if err != nil {
		return err
	}
	defer out.Close()
	// Not with ctx, which is for starting: the server goes on.
	cmd := who.command(context.WithoutCancel(ctx), filepath.Join(p.Binaries, "postgres"), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.Dir, out, out
	if err := p.run(cmd); err != nil {
		return err
	}
	if err := p.answers(ctx); err != nil {
		_ = p.Stop()
		text, _ := os.ReadFile(p.log())
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(text))
	}
	return nil
}

// run starts cmd as a child that ends with this process.
func (p *Postgres) run(cmd *exec.Cmd) error {
	dieWithParent(cmd.SysProcAttr)
	started := make(chan error)
	p.exited = make(chan struct{})
	var once sync.Once
	go func() {
		// Linux ends the child with the thread that started it, so that thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		p.process = cmd.Process
		once.Do(func() { started <- err })
		if err == nil {
			_ = cmd.Wait()
			close(p.exited)
		}
	}()
	return <-started
}

// answers waits until the server takes connections.
func (p *Postgres) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, p.URL)
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-p.exited:
			return errors.New("ended at once")
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// freePort returns wish if nobody listens there, else a port that is free now.
func freePort(wish int) (int, error) {
	for _, port := range []int{wish, 0} {
		l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			defer l.Close()
			return l.Addr().(*net.TCPAddr).Port, nil
		}
		if port == 0 {
			return 0, err
		}
	}
	panic("unreachable")
}
