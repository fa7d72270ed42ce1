// Package service is the frame every service runs in: configuration, telemetry, one HTTP listener with health and
// metrics, components, and an ordered shutdown. A service's main is
//
//	func main() { os.Exit(service.Main("runs", app.Build)) }
package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Config is what every service reads from its environment.
type Config struct {
	HTTPAddr      string        `env:"HTTP_ADDR" default:":8080" desc:"Where to listen, host:port; port 0 takes a free one"`
	HTTPAddrFile  string        `env:"HTTP_ADDR_FILE" example:"/run/coffeebuddy/runs.addr" desc:"File that the address listened on is written to (none: not written)"`
	ShutdownDelay time.Duration `env:"SHUTDOWN_DELAY" default:"0s" example:"5s" desc:"How long to go on serving with readiness red, so that load balancers look elsewhere"`
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" default:"10s" desc:"How long requests and components may take to finish after that"`
	Telemetry     telemetry.Config
}

// Validate implements what config.Load asks.
func (c Config) Validate() []config.Fault {
	var faults []config.Fault
	if c.ShutdownDelay < 0 {
		faults = append(faults, config.Fault{Variable: "SHUTDOWN_DELAY", Problem: "is negative"})
	}
	if c.ShutdownGrace <= 0 {
		faults = append(faults, config.Fault{Variable: "SHUTDOWN_GRACE", Problem: "is not above 0"})
	}
	return faults
}

// Exit codes of Main.
const (
	exitOK     = 0
	exitFailed = 1 // a component or the start failed
	exitUsage  = 2 // the configuration or the command line is wrong; nothing was started
)

// Version is set by the linker (-X …/pkg/service.Version=v1.2.3); else it is what Go recorded of the checkout.
var Version = ""

// Main runs a service until SIGINT or SIGTERM, or until a component fails, and returns its exit code.
// A second signal ends the process at once.
//
// build puts the service together: it makes its parts from cfg and registers them with rt. It should connect to
// nothing, so that a dependency that is away makes the service not ready instead of ending it. Components start
// after build has returned nil.
//
// Flags: --check-config reports on the configuration and exits 0 or 2; --version; --help lists the variables.
func Main[C any](name string, build func(ctx context.Context, rt *Runtime, cfg C) error) int {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // before anything ends: a second signal has its default effect from here on
		stop()
	}()
	return Run(ctx, name, os.Args[1:], os.Environ(), os.Stdout, os.Stderr, build)
}

// Run is Main with everything given: arguments, environment, where log lines and faults go, and a ctx whose end
// stops the service. Tests run a service inside themselves with it.
func Run[C any](ctx context.Context, name string, args, environ []string, stdout, stderr io.Writer,
	build func(ctx context.Context, rt *Runtime, cfg C) error,
) int {
	type all struct {
		Frame   Config
		Service C
	}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check-config", false, "check the configuration and exit: 0, or 2 with every fault")
	version := flags.Bool("version", false, "print the version and exit")
	healthy := flags.Bool("health-check", false, "ask the service that listens on HTTP_ADDR whether it is ready: 0, or 1 with what is not")
	table := flags.Bool("config-table", false, "print the variables of the environment, tab-separated, for documentation")
	flags.Usage = func() { usage(stderr, flags, config.Describe[all]()) }
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		return exitUsage
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "%s takes no arguments\n", name)
		return exitUsage
	case *table:
		for _, v := range config.Describe[all]() {
			fmt.Fprintf(stdout, "%s\t%s\t%s\t%s\t%t\t%t\t%t\t%s\n", v.Name, name, v.Default, v.Example, v.Required, v.Secret, v.File, v.Description)
		}
		return exitOK
	case *version:
		fmt.Fprintln(stdout, name, currentVersion())
		return exitOK
	}

	cfg, err := config.Load[all](environ)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitUsage
	}
	if *check {
		fmt.Fprintln(stdout, "configuration ok")
		return exitOK
	}
	if *healthy {
		if err := askReady(ctx, cfg.Frame.HTTPAddr, stdout); err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", name, err)
			return exitFailed
		}
		return exitOK
	}

	tel, err := telemetry.Start(ctx, name, currentVersion(), cfg.Frame.Telemetry, stdout)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", name, err)
		return exitFailed
	}
	rt := newRuntime(name, tel)
	err = rt.serve(ctx, cfg.Frame, func() error { return build(ctx, rt, cfg.Service) })
	flush, cancel := context.WithTimeout(context.Background(), flushLimit)
	defer cancel()
	if shutdownErr := tel.Shutdown(flush); shutdownErr != nil {
		tel.Log.WarnContext(ctx, "spans may be lost", "error", shutdownErr)
	}
	faults, faulty := errors.AsType[*config.Error](err)
	switch {
	case faulty: // found by build
		fmt.Fprintf(stderr, "%s: %v\n", name, faults)
		return exitUsage
	case err != nil:
		tel.Log.ErrorContext(ctx, "stopped", "error", err)
		return exitFailed
	}
	tel.Log.InfoContext(ctx, "stopped")
	return exitOK
}

// askLimit is how long a service may take to say whether it is ready.
const askLimit = 5 * time.Second

// askReady is a health check for images without a shell: it asks whoever listens on addr of this machine.
func askReady(ctx context.Context, addr string, out io.Writer) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("HTTP_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, askLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/health/ready", nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(out, io.LimitReader(res.Body, 1<<16)); err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return errors.New("not ready")
	}
	return nil
}

// flushLimit is how long the last spans may take to be sent.
const flushLimit = 5 * time.Second

func usage(w io.Writer, flags *flag.FlagSet, variables []config.Variable) {
	fmt.Fprintf(w, "usage: %s [flags]\n\n", flags.Name())
	flags.PrintDefaults()
	fmt.Fprint(w, "\nenvironment:\n")
	for _, v := range variables {
		note := ""
		switch {
		case v.Required:
			note = " (required)"
		case v.Default != "":
			note = " (default " + v.Default + ")"
		}
		if v.File {
			note += ", or in the file that " + v.Name + "_FILE names"
		}
		fmt.Fprintf(w, "  %s%s\n    \t%s\n", v.Name, note, v.Description)
	}
}

func currentVersion() string {
	if Version != "" {
		return Version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return "dev"
}
