package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
)

// Runtime is what build registers a service's parts with. Its methods are for build only, except Telemetry and Log.
type Runtime struct {
	Name, Version string
	Telemetry     *telemetry.Telemetry
	Log           *slog.Logger
	// Now is the time by which the service decides. Only tests of whole processes move it.
	Now func() time.Time

	mux        *http.ServeMux
	health     *health
	components []*component
	closers    []closer
	failed     chan error // the first component that failed; buffered
}

type closer struct {
	name  string
	close func() error
}

func newRuntime(name string, tel *telemetry.Telemetry) *Runtime {
	rt := &Runtime{
		Name: name, Version: currentVersion(), Telemetry: tel, Log: tel.Log, Now: newClock(),
		mux: http.NewServeMux(), health: newHealth(tel.Log), failed: make(chan error, 1),
	}
	rt.mux.HandleFunc("GET /health/live", live)
	rt.mux.Handle("GET /health/ready", rt.health)
	rt.mux.Handle("GET /metrics", tel.MetricsHandler)
	return rt
}

// Go registers a component. run is to go on until ctx ends and then finish what it has begun; components are ended
// one after the other, the last registered first, so the intake comes last.
// An error or a panic stops the service, exit code 1; nil before ctx ends means that there was no more to do.
func (rt *Runtime) Go(name string, run func(ctx context.Context) error) {
	rt.components = append(rt.components, &component{name: name, run: run, done: make(chan struct{})})
}

// Check registers a dependency that /health/ready reports on by name. check has 2 s and is called concurrently with
// the others; its answer is kept for up to a second. What it returns is public: credentials in it are masked.
func (rt *Runtime) Check(name string, check func(ctx context.Context) error) {
	rt.health.add(name, check)
}

// Handle serves h on the service's listener. The pattern is http.ServeMux's: "/slack/", "GET /api/v1/runs/{id}".
func (rt *Runtime) Handle(pattern string, h http.Handler) { rt.mux.Handle(pattern, h) }

// Defer registers what is closed when all components have ended, the last registered first.
func (rt *Runtime) Defer(name string, close func() error) {
	rt.closers = append(rt.closers, closer{name, close})
}

// serve runs the service until ctx ends or something fails.
func (rt *Runtime) serve(ctx context.Context, cfg Config, build func() error) (err error) {
	// The port is taken first: two copies by mistake should end before the second one joins anything.
	listener, err := net.Listen("tcp", cfg.HTTPAddr)
	if err != nil {
		return fmt.Errorf("listen on HTTP_ADDR: %w", err)
	}
	defer listener.Close()
	defer func() { err = errors.Join(err, rt.close()) }()
	if err := guard(build); err != nil {
		return fmt.Errorf("build: %w", err)
	}

	server := rt.server()
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			rt.fail(fmt.Errorf("http server: %w", err))
		}
	}()
	if err := rt.announce(listener.Addr().String(), cfg.HTTPAddrFile); err != nil {
		server.Close()
		return err
	}
	for _, c := range rt.components {
		rt.start(c)
	}

	select {
	case <-ctx.Done():
		rt.Log.InfoContext(ctx, "stopping")
	case err = <-rt.failed:
		rt.Log.ErrorContext(ctx, "stopping", "error", err)
	}
	return errors.Join(err, rt.stop(server, cfg, err == nil))
}

func (rt *Runtime) server() *http.Server {
	return &http.Server{
		Handler:           rt.recovering(rt.mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(rt.Log.Handler(), slog.LevelWarn),
	}
}

// recovering answers 500 when a handler panics, with the place in the log.
func (rt *Runtime) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p)
			default:
				rt.Log.ErrorContext(r.Context(), "handler panicked", "path", r.URL.Path, "cause", telemetry.PanicCause(p), "stack", string(debug.Stack()))
				w.WriteHeader(http.StatusInternalServerError)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// announce tells where the service listens, in the log and, for a parent process, in a file that is complete when it appears.
func (rt *Runtime) announce(addr, file string) error {
	rt.Log.Info("listening", "addr", addr, "version", rt.Version)
	if file == "" {
		return nil
	}
	partial := filepath.Join(filepath.Dir(file), "."+filepath.Base(file)+".partial")
	if err := os.WriteFile(partial, []byte(addr+"\n"), 0o600); err != nil {
		return fmt.Errorf("address file: %w", err)
	}
	if err := os.Rename(partial, file); err != nil {
		return fmt.Errorf("address file: %w", err)
	}
	return nil
}

// stop ends everything in order: readiness red, no new requests, components from the last to the first.
// What is not done when the grace is over is left behind.
func (rt *Runtime) stop(server *http.Server, cfg Config, planned bool) error {
	rt.health.stop()
	if planned {
		<-time.After(cfg.ShutdownDelay)
	}
	grace, cancel := context.WithTimeout(context.Background(), cfg.ShutdownGrace)
	defer cancel()
	var errs []error
	if err := server.Shutdown(grace); err != nil {
		server.Close()
		errs = append(errs, fmt.Errorf("http requests cut off: %w", err))
	}
	for _, c := range slices.Backward(rt.components) {
		c.cancel()
		select {
		case <-c.done:
		case <-grace.Done():
			errs = append(errs, fmt.Errorf("component %s did not end within SHUTDOWN_GRACE", c.name))
		}
	}
	select {
	case err := <-rt.failed: // while stopping
		errs = append(errs, err)
	default:
	}
	return errors.Join(errs...)
}

// close runs what Defer registered.
func (rt *Runtime) close() error {
	var errs []error
	for _, c := range slices.Backward(rt.closers) {
		if err := guard(c.close); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", c.name, err))
		}
	}
	return errors.Join(errs...)
}
