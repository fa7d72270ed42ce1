package server

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// FindPostgres returns the folder with PostgreSQL's programs: what pg_config names, the newest that Debian or
// Homebrew installed, what is on PATH; else it downloads them from Maven Central, once.
func FindPostgres(ctx context.Context) (string, error) {
	var folders []string
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		folders = append(folders, strings.TrimSpace(string(out)))
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",
		"/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
		"/usr/pgsql-*/bin",
	} {
		found, _ := filepath.Glob(pattern)
		sort.Slice(found, func(i, j int) bool { return major(found[i]) > major(found[j]) })
		folders = append(folders, found...)
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		folders = append(folders, filepath.Dir(path))
	}
	for _, f := range folders {
		if complete(f) {
			return f, nil
		}
	}
	return download()
}

// complete reports whether a server can be run from folder: pg_config also comes with client packages.
func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_ctl"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

// major is the first number in a path, 0 without one.
func major(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0])
	return n
}

// downloaded is the version that is fetched where none is installed.
const downloaded = embeddedpostgres.V16

// download fetches PostgreSQL into the user's cache, or for root where the unprivileged server can read it.
func download() (string, error) {
	cache := shared
	if os.Getuid() != 0 {
		base, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("cache folder: %w", err)
		}
		cache = filepath.Join(base, "coffeebuddy")
	}
	root := filepath.Join(cache, "postgresql-"+string(downloaded))
	bin := filepath.Join(root, "bin")
	if complete(bin) {
		return bin, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	scratch, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil {
		return "", fmt.Errorf("cache folder: %w", err)
	}
	port, err := freePort(0)
	if err != nil {
		return "", fmt.Errorf("port: %w", err)
	}
	// The library fetches, unpacks and starts in one call. Only its files are wanted: the server, which it cannot
	// start for root, is ours to start.
	unpacked := filepath.Join(scratch, "unpacked")
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().
		Version(downloaded).Port(uint32(port)).Logger(io.Discard).
		CachePath(filepath.Join(scratch, "cache")).RuntimePath(filepath.Join(scratch, "runtime")).BinariesPath(unpacked))
	startErr := server.Start()
	if startErr == nil {
		_ = server.Stop()
	}
	if !complete(filepath.Join(unpacked, "bin")) {
		return "", fmt.Errorf("no PostgreSQL found on this machine, and its download: %w", startErr)
	}
	if err := os.Rename(unpacked, root); err != nil && !complete(bin) { // another process may have been first
		return "", fmt.Errorf("downloaded PostgreSQL: %w", err)
	}
	return bin, nil
}
