package e2e_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

var (
	binaries string // the services, built once for all tests
	coverDir string // where they write what was covered; empty: they count nothing
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run()
	}
	// Most tests wait most of the time, so more of them than processors go on at once.
	_ = flag.Set("test.parallel", "8")
	coverDir = os.Getenv("COFFEEBUDDY_COVER_DIR")
	remove, err := build()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	return m.Run()
}

func build() (remove func(), err error) {
	root, err := stack.Root()
	if err != nil {
		return nil, err
	}
	if binaries, err = os.MkdirTemp("", "coffeebuddy-e2e-"); err != nil {
		return nil, err
	}
	remove = func() { _ = os.RemoveAll(binaries) }
	if err := stack.Build(context.Background(), root, binaries, "movableclock", coverDir != "", "./deploy/local", "./services/coffeebuddyctl"); err != nil {
		remove()
		return nil, err
	}
	return remove, nil
}
