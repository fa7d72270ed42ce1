package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// processes are those of the product, as Linux's /proc shows them.
type processes struct {
	stack      *stack.Stack
	broker     int // process ids
	postmaster int // the server that all of Postgres's other processes are children of
}

func newProcesses(ctx context.Context, w *world, broker int) (*processes, error) {
	backend, err := w.number(ctx, "SELECT pg_backend_pid()")
	if err != nil {
		return nil, err
	}
	p := &processes{stack: w.stack, broker: broker}
	s, err := readStat(int(backend))
	if err != nil {
		return nil, fmt.Errorf("processor time is read from /proc, which needs Linux: %w", err)
	}
	p.postmaster = s.parent
	return p, nil
}

// usage is processor time by process: the services, "broker" and "postgres". "machine" is all that the processors did,
// "bench" what we did ourselves: the load and Slack.
type usage map[string]time.Duration

// now reads what has been used so far.
func (p *processes) now() (usage, error) {
	u := usage{}
	pids := map[string]int{"broker": p.broker, "bench": os.Getpid()}
	for _, name := range stack.Services {
		if pid := p.stack.PID(name); pid != 0 { // else it is held
			pids[name] = pid
		}
	}
	for name, pid := range pids {
		s, err := readStat(pid)
		if err != nil {
			return nil, fmt.Errorf("processor time of %s: %w", name, err)
		}
		u[name] = s.own
	}
	var err error
	if u["postgres"], err = p.postgres(); err != nil {
		return nil, err
	}
	u["machine"], err = machineTime()
	return u, err
}

// postgres sums up the server and its children, those that have ended included.
func (p *processes) postgres() (time.Duration, error) {
	parent, err := readStat(p.postmaster)
	if err != nil {
		return 0, fmt.Errorf("processor time of postgres: %w", err)
	}
	total := parent.own + parent.ended
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if s, err := readStat(pid); err == nil && s.parent == p.postmaster { // an error: it has just ended
			total += s.own
		}
	}
	return total, nil
}

// since is what was used after before.
func (u usage) since(before usage) usage {
	d := usage{}
	for name, t := range u {
		d[name] = t - before[name]
	}
	return d
}

// product is the processor time of the four services, the broker and Postgres.
func (u usage) product() time.Duration {
	var total time.Duration
	for name, t := range u {
		if name != "machine" && name != "bench" {
			total += t
		}
	}
	return total
}

// strangers is the processor time of everything that is none of ours.
func (u usage) strangers() time.Duration { return max(0, u["machine"]-u["bench"]-u.product()) }

// tick is the unit of /proc's times; Linux shows them at 100 Hz whatever its own clock does.
const tick = 10 * time.Millisecond

// stat is what /proc/<pid>/stat says: proc_pid_stat(5).
type stat struct {
	parent int
	own    time.Duration // user and system time
	ended  time.Duration // the same of children that have ended
}

func readStat(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	// The second field is the program's name in brackets, which may hold anything.
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 15 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(f)+2)
	}
	number := func(field int) int { // counted as in the manual, from 1
		n, _ := strconv.Atoi(f[field-3])
		return n
	}
	return stat{
		parent: number(4),
		own:    time.Duration(number(14)+number(15)) * tick,
		ended:  time.Duration(number(16)+number(17)) * tick,
	}, nil
}

// machineTime is how long all processors together have not been idle.
func machineTime() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	var busy time.Duration
	for i, field := range strings.Fields(line)[1:] {
		// user nice system idle iowait irq softirq steal, and guests that are in user and nice already
		if n, err := strconv.Atoi(field); err == nil && i < 8 && i != 3 && i != 4 {
			busy += time.Duration(n) * tick
		}
	}
	return busy, nil
}

// resident is a process's memory in bytes, as VmRSS has it.
func resident(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("/proc/%d/status has no VmRSS", pid)
	}
	kB, err := strconv.ParseInt(fields[0], 10, 64)
	return kB << 10, err
}
