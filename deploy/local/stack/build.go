package stack

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Services are the four services, in the order in which they are listed and started.
var Services = []string{"ingress", "runs", "fairness", "reminder"}

// Build compiles the four service binaries of the repository at root into dir, with one call of the Go command
// so that what they share is compiled once. tags are build tags; the services that are released have none. cover adds coverage counters (go build -cover), which a binary
// writes to Config.CoverDir when it ends. more are further programs to build.
func Build(ctx context.Context, root, dir, tags string, cover bool, more ...string) error {
	args := []string{"build", "-trimpath", "-ldflags=-s -w", "-o", dir + string(filepath.Separator)}
	if tags != "" {
		args = append(args, "-tags="+tags)
	}
	if cover {
		args = append(args, "-cover", "-covermode=atomic", "-coverpkg=github.com/coffeebuddy/coffeebuddy/...")
	}
	for _, name := range Services {
		args = append(args, "./services/"+name)
	}
	args = append(args, more...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder for the binaries: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.SysProcAttr = ownGroup() // Ctrl-C is for us; the compiler would only complain about it
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := startLocked(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("build the services: %w\n%s", err, out.String())
	}
	return nil
}
