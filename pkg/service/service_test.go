package service_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/config"
	"github.com/coffeebuddy/coffeebuddy/pkg/service"
)

type cfg struct {
	Kafka  string `env:"KAFKA_BOOTSTRAP" required:"true" example:"kafka-1:9092" desc:"Brokers"`
	Secret string `env:"SIGNING_SECRET" secret:"true"`
}

// running is a service inside the test.
type running struct {
	t    *testing.T
	url  string
	stop context.CancelFunc
	code chan int
	out  *buffer
}

// run starts a service and waits until it listens.
func run(t *testing.T, build func(ctx context.Context, rt *service.Runtime, c cfg) error, environ ...string) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	r := &running{t: t, stop: stop, code: make(chan int, 1), out: &buffer{}}
	file := filepath.Join(t.TempDir(), "addr")
	environ = append([]string{"KAFKA_BOOTSTRAP=k:1", "HTTP_ADDR=127.0.0.1:0", "HTTP_ADDR_FILE=" + file}, environ...)
	go func() { r.code <- service.Run(ctx, "runs", nil, environ, r.out, r.out, build) }()
	require.Eventually(t, func() bool {
		addr, err := os.ReadFile(file)
		r.url = "http://" + strings.TrimSpace(string(addr))
		return err == nil
	}, 5*time.Second, time.Millisecond)
	return r
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	response, err := http.Get(r.url + path)
	require.NoError(r.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	return response.StatusCode, string(body)
}

// end waits for the exit code.
func (r *running) end() int {
	r.t.Helper()
	select {
	case code := <-r.code:
		return code
	case <-time.After(10 * time.Second):
		require.Fail(r.t, "does not end", r.out.String())
		return -1
	}
}

func nothing(context.Context, *service.Runtime, cfg) error { return nil }

func TestHealthAndMetrics(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	kafka := errors.New("dial kafka://bob:hunter2@kafka:9092: refused")
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Check("postgres", func(context.Context) error { return nil })
		rt.Check("kafka", func(context.Context) error { mu.Lock(); defer mu.Unlock(); return kafka })
		rt.Handle("/slack/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "slack "+r.URL.Path) }))
		return nil
	})
	code, body := r.get("/health/live")
	require.Equal(t, 200, code, body)

	code, body = r.get("/health/ready")
	require.Equal(t, 503, code)
	require.JSONEq(t, `{"status":"not_ready","checks":{"postgres":{"ok":true},
		"kafka":{"ok":false,"error":"dial kafka://bob:[redacted]@kafka:9092: refused"}}}`, body)
	mu.Lock()
	kafka = nil
	mu.Unlock()
	require.Eventually(t, func() bool { code, body = r.get("/health/ready"); return code == 200 }, 5*time.Second, 5*time.Millisecond)
	require.JSONEq(t, `{"status":"ready","checks":{"postgres":{"ok":true},"kafka":{"ok":true}}}`, body)

	code, body = r.get("/metrics")
	require.Equal(t, 200, code)
	require.Contains(t, body, `target_info{service_name="runs"`)
	code, body = r.get("/slack/commands")
	require.Equal(t, 200, code)
	require.Equal(t, "slack /slack/commands", body)
	code, _ = r.get("/elsewhere")
	require.Equal(t, 404, code)

	r.stop()
	require.Equal(t, 0, r.end(), r.out)
}

func TestReadinessOfChecksThatHangOrPanic(t *testing.T) {
	t.Parallel()
	never := make(chan struct{})
	defer close(never)
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Check("deaf", func(context.Context) error { <-never; return nil })
		rt.Check("slow", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		rt.Check("broken", func(context.Context) error { panic("oh") })
		return nil
	})
	start := time.Now()
	code, body := r.get("/health/ready")
	require.Less(t, time.Since(start), 4*time.Second, "checks run at the same time")
	require.Equal(t, 503, code)
	require.JSONEq(t, `{"status":"not_ready","checks":{"deaf":{"ok":false,"error":"no answer within 2s"},
		"slow":{"ok":false,"error":"no answer within 2s"},"broken":{"ok":false,"error":"panic: string"}}}`, body)
	r.stop()
	require.Equal(t, 0, r.end())
}

func TestManyProbesShareOneCheck(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := 0
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Check("postgres", func(context.Context) error { mu.Lock(); defer mu.Unlock(); asked++; return nil })
		return nil
	})
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if response, err := http.Get(r.url + "/health/ready"); err == nil {
				response.Body.Close()
			}
		})
	}
	wg.Wait()
	mu.Lock()
	defer mu.Unlock()
	require.LessOrEqual(t, asked, 2)
}

// trail records what happened in which order.
type trail struct {
	mu    sync.Mutex
	steps []string
}

func (tr *trail) add(step string) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.steps = append(tr.steps, step)
}

func (tr *trail) all() []string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return append([]string(nil), tr.steps...)
}

func (tr *trail) component(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		<-ctx.Done()
		tr.add(name)
		return ctx.Err()
	}
}

func TestShutdownIsOrdered(t *testing.T) {
	t.Parallel()
	var tr trail
	inside, goOn := make(chan struct{}), make(chan struct{})
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Defer("postgres", func() error { tr.add("close postgres"); return nil })
		rt.Defer("kafka", func() error { tr.add("close kafka"); return nil })
		rt.Go("outbox", tr.component("outbox"))
		rt.Go("consumer", tr.component("consumer"))
		rt.Handle("/slow", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			close(inside)
			<-goOn
			tr.add("request")
			_, _ = io.WriteString(w, "done")
		}))
		return nil
	}, "SHUTDOWN_DELAY=1s")
	answer := make(chan string, 1)
	go func() {
		_, body := r.get("/slow")
		answer <- body
	}()
	<-inside
	r.stop()
	// Still served, and told to go elsewhere.
	require.Eventually(t, func() bool { code, _ := r.get("/health/ready"); return code == 503 }, 900*time.Millisecond, time.Millisecond)
	code, _ := r.get("/health/live")
	require.Equal(t, 200, code)
	// Then nobody new comes in, and the request under way holds up the rest.
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
		if err == nil {
			_ = connection.Close()
		}
		return err != nil
	}, 5*time.Second, time.Millisecond)
	require.Empty(t, tr.all())
	close(goOn)
	require.Equal(t, "done", <-answer, "a request under way is answered")
	require.Equal(t, 0, r.end(), r.out)
	require.Equal(t, []string{"request", "consumer", "outbox", "close kafka", "close postgres"}, tr.all())
}

func TestAFailingComponentStopsTheServiceInOrder(t *testing.T) {
	t.Parallel()
	var tr trail
	fail := make(chan struct{})
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Defer("postgres", func() error { tr.add("close"); return nil })
		rt.Go("outbox", tr.component("outbox"))
		rt.Go("once", func(context.Context) error { return nil })
		rt.Go("consumer", func(context.Context) error { <-fail; return errors.New("topic was recreated") })
		return nil
	})
	close(fail)
	require.Equal(t, 1, r.end())
	require.Equal(t, []string{"outbox", "close"}, tr.all())
	require.Contains(t, r.out.String(), "component consumer: topic was recreated")
	require.Contains(t, r.out.String(), "component has nothing more to do")
}

func TestAPanicIsLoggedAndEndsWithExitCode1(t *testing.T) {
	t.Parallel()
	var tr trail
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Go("outbox", tr.component("outbox"))
		rt.Go("consumer", func(context.Context) error { panic("impossible") })
		return nil
	})
	require.Equal(t, 1, r.end())
	require.Equal(t, []string{"outbox"}, tr.all())
	require.Contains(t, r.out.String(), "panic: string")
	require.NotContains(t, r.out.String(), "impossible", "it may be a user's text")
	require.Contains(t, r.out.String(), "service_test.go", "with the stack")
}

func TestAPanicInBuildEndsWithExitCode1(t *testing.T) {
	t.Parallel()
	var out buffer
	code := service.Run(t.Context(), "runs", nil, []string{"KAFKA_BOOTSTRAP=k:1", "HTTP_ADDR=127.0.0.1:0"}, &out, &out,
		func(context.Context, *service.Runtime, cfg) error { panic("impossible") })
	require.Equal(t, 1, code)
	require.Contains(t, out.String(), "build: panic: string")
}

func TestAPanickingHandlerAnswers500(t *testing.T) {
	t.Parallel()
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Handle("/", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("impossible") }))
		return nil
	})
	code, _ := r.get("/")
	require.Equal(t, 500, code)
	require.Contains(t, r.out.String(), `"cause":"string"`)
	require.NotContains(t, r.out.String(), "impossible", "it may be a user's text")
	code, _ = r.get("/health/live")
	require.Equal(t, 200, code)
}

func TestAComponentThatDoesNotEndIsLeftBehind(t *testing.T) {
	t.Parallel()
	var tr trail
	never := make(chan struct{})
	defer close(never)
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Go("outbox", tr.component("outbox"))
		rt.Go("deaf", func(context.Context) error { <-never; return nil })
		return nil
	}, "SHUTDOWN_GRACE=50ms")
	r.stop()
	require.Equal(t, 1, r.end())
	require.Contains(t, r.out.String(), "component deaf did not end")
}

func TestAPortThatIsTakenEndsWithExitCode1(t *testing.T) {
	t.Parallel()
	first := run(t, nothing)
	var out buffer
	code := service.Run(t.Context(), "runs", nil,
		[]string{"KAFKA_BOOTSTRAP=k:1", "HTTP_ADDR=" + strings.TrimPrefix(first.url, "http://")}, &out, &out,
		func(context.Context, *service.Runtime, cfg) error { t.Error("must not be built"); return nil })
	require.Equal(t, 1, code)
	require.Contains(t, out.String(), "address already in use")
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	fault := func(context.Context, *service.Runtime, cfg) error {
		return &config.Error{Faults: []config.Fault{{Variable: "KAFKA_BOOTSTRAP", Problem: "is of no use"}}}
	}
	tests := map[string]struct {
		args, environ []string
		build         func(context.Context, *service.Runtime, cfg) error
		code          int
		stdout        string
		stderr        []string // parts
	}{
		"check, good": {args: []string{"--check-config"}, environ: []string{"KAFKA_BOOTSTRAP=k:1"}, stdout: "configuration ok\n"},
		"check, every fault": {
			args:    []string{"--check-config"},
			environ: []string{"SIGNING_SECRET=hunter2", "SHUTDOWN_GRACE=soon", "LOG_FORMAT=xml", "SHUTDOWN_DELAY=-1s"},
			code:    2,
			stderr: []string{
				"KAFKA_BOOTSTRAP is not set (example: KAFKA_BOOTSTRAP=kafka-1:9092)",
				`SHUTDOWN_GRACE is "soon", not a duration such as 500ms, 10s or 5m (example: SHUTDOWN_GRACE=10s)`,
				`LOG_FORMAT is "xml", neither json nor text (example: LOG_FORMAT=json)`,
				"SHUTDOWN_DELAY is negative (example: SHUTDOWN_DELAY=5s)",
			},
		},
		"start with a fault":   {code: 2, stderr: []string{"KAFKA_BOOTSTRAP is not set"}},
		"a fault build finds":  {environ: []string{"KAFKA_BOOTSTRAP=k:1", "HTTP_ADDR=127.0.0.1:0"}, build: fault, code: 2, stderr: []string{"KAFKA_BOOTSTRAP is of no use"}},
		"version":              {args: []string{"--version"}, stdout: "runs dev\n"},
		"help":                 {args: []string{"--help"}, stderr: []string{"check-config", "KAFKA_BOOTSTRAP (required)", "HTTP_ADDR (default :8080)"}},
		"an unknown flag":      {args: []string{"--unknown"}, code: 2, stderr: []string{"-unknown"}},
		"arguments are a slip": {args: []string{"check-config"}, code: 2, stderr: []string{"takes no arguments"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr buffer
			if test.build == nil {
				test.build = func(context.Context, *service.Runtime, cfg) error { t.Error("must not be built"); return nil }
			}
			require.Equal(t, test.code, service.Run(t.Context(), "runs", test.args, test.environ, &stdout, &stderr, test.build), &stderr)
			for _, part := range test.stderr {
				require.Contains(t, stderr.String(), part)
			}
			require.NotContains(t, stderr.String(), "hunter2")
			if test.stderr == nil {
				require.Equal(t, test.stdout, stdout.String())
			}
		})
	}
}

func TestLogSaysWhereItListens(t *testing.T) {
	t.Parallel()
	r := run(t, nothing)
	var line struct{ Msg, Service, Addr, Version string }
	first, _, _ := strings.Cut(r.out.String(), "\n")
	require.NoError(t, json.Unmarshal([]byte(first), &line), first)
	require.Equal(t, "listening", line.Msg)
	require.Equal(t, "runs", line.Service)
	require.Equal(t, r.url, "http://"+line.Addr)
	require.NotEmpty(t, line.Version)
}

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestAServiceIsItsOwnHealthCheck(t *testing.T) {
	t.Parallel()
	var red sync.Map
	r := run(t, func(_ context.Context, rt *service.Runtime, _ cfg) error {
		rt.Check("kafka", func(context.Context) error {
			if _, is := red.Load("kafka"); is {
				return errors.New("away")
			}
			return nil
		})
		return nil
	})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(r.url, "http://"))
	require.NoError(t, err)
	ask := func(addr string) (int, string) {
		var out buffer
		code := service.Run(t.Context(), "runs", []string{"--health-check"}, []string{"KAFKA_BOOTSTRAP=k:1", "HTTP_ADDR=" + addr}, &out, &out, nothing)
		return code, out.String()
	}
	code, out := ask(":" + port) // as in a container
	require.Zero(t, code, out)
	red.Store("kafka", true)
	require.Eventually(t, func() bool { code, out = ask("127.0.0.1:" + port); return code == 1 }, 5*time.Second, 50*time.Millisecond)
	require.Contains(t, out, "away")
	require.Contains(t, out, "not ready")
	code, out = ask("127.0.0.1:1")
	require.Equal(t, 1, code)
	require.Contains(t, out, "refused")
}
