package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// describe says what was measured on: without it no figure means anything.
func describe(ctx context.Context, w *world) ([]string, error) {
	var version, settings string
	err := w.db.QueryRow(ctx, `SELECT split_part(version(), ' on ', 1), string_agg(name || '=' || current_setting(name), ', ' ORDER BY name)
		FROM unnest('{fsync,synchronous_commit,full_page_writes,wal_sync_method,shared_buffers}'::text[]) AS s (name)`).Scan(&version, &settings)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	disk, err := syncTime(w.dir)
	if err != nil {
		return nil, err
	}
	return []string{
		fmt.Sprintf("%d × %s, %s of memory, %s %s", runtime.NumCPU(), field("/proc/cpuinfo", "model name"), memory(), runtime.GOOS, firstWord("/proc/sys/kernel/osrelease")),
		fmt.Sprintf("%s, kfake in a process of its own, %s (%s)", runtime.Version(), version, settings),
		fmt.Sprintf("A sync to disk takes %.2f ms. Load average at the beginning: %s.", milliseconds(disk), firstWord("/proc/loadavg")),
	}, nil
}

// field is the value of the first line "name : value" of a file in /proc.
func field(path, name string) string {
	text, _ := os.ReadFile(path)
	for line := range strings.Lines(string(text)) {
		if key, v, found := strings.Cut(line, ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(v)
		}
	}
	return "?"
}

func firstWord(path string) string {
	text, _ := os.ReadFile(path)
	if words := strings.Fields(string(text)); len(words) > 0 {
		return words[0]
	}
	return "?"
}

func memory() string {
	var kB float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kB); err != nil {
		return "?"
	}
	return fmt.Sprintf("%.0f GB", kB/(1<<20))
}

// syncTime is the median time of writing a database page and syncing it: what a commit waits for.
func syncTime(dir string) (time.Duration, error) {
	file, err := os.CreateTemp(dir, "sync-")
	if err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	defer func() { _ = file.Close(); _ = os.Remove(file.Name()) }()
	var all samples
	page := make([]byte, 8<<10)
	for i := range 50 {
		begun := time.Now()
		if _, err := file.WriteAt(page, int64(i*len(page))); err != nil {
			return 0, fmt.Errorf("sync: %w", err)
		}
		if err := file.Sync(); err != nil {
			return 0, fmt.Errorf("sync: %w", err)
		}
		all.add(time.Since(begun))
	}
	return time.Duration(all.quantile(0.5) * float64(time.Millisecond)), nil
}
