package e2e_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

// demo is what `make demo` starts, with state of its own.
type demo struct {
	t     *testing.T
	state string
	out   *log
	cmd   *exec.Cmd
	ended chan struct{}
}

func newDemo(t *testing.T) *demo {
	d := &demo{t: t, state: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() && d.out != nil {
			t.Logf("it said:\n%s", d.out.tail(60))
		}
		if d.cmd != nil {
			d.stop(os.Interrupt)
		}
		code, out := d.local("reset")
		require.Zero(t, code, out)
	})
	return d
}

// up starts it; env is further environment. awaitPage waits until it can be used.
func (d *demo) up(env ...string) {
	d.t.Helper()
	d.out, d.ended = &log{}, make(chan struct{})
	d.cmd = d.command(context.Background(), "up") // beyond the test, for its cleanup
	d.cmd.Env = append(d.cmd.Env, env...)
	d.cmd.Stdout, d.cmd.Stderr = d.out, d.out
	require.NoError(d.t, d.cmd.Start())
	go func() {
		_ = d.cmd.Wait()
		close(d.ended)
	}()
}

func (d *demo) command(ctx context.Context, word string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(binaries, "local"), "-state", d.state, "-binaries", binaries, word)
	cmd.Env = append(os.Environ(), "GOCOVERDIR="+coverDir, "DATABASE_URL=", "KAFKA_BOOTSTRAP=", "SLACK_API_URL=")
	return cmd
}

// local runs the command to its end.
func (d *demo) local(word string) (code int, out string) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := d.command(ctx, word)
	text, _ := cmd.CombinedOutput()
	return cmd.ProcessState.ExitCode(), string(text)
}

var pageLine = regexp.MustCompile(`Open (http://127\.0\.0\.1:\d+) and type /coffee`)

// page waits for the address and enters the office there.
func (d *demo) page() (url string, here *office.Office) {
	d.t.Helper()
	d.says(`Ready in \d`)
	url = pageLine.FindStringSubmatch(d.out.String())[1]
	here, err := office.Enter(d.t.Context(), url)
	require.NoError(d.t, err)
	return url, here
}

// says waits until the output matches.
func (d *demo) says(pattern string) {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	require.True(d.t, eventually(func() bool { return re.MatchString(d.out.String()) }), pattern)
}

// stop ends it by a signal and returns when it has ended.
func (d *demo) stop(signal os.Signal) {
	d.t.Helper()
	_ = d.cmd.Process.Signal(signal)
	select {
	case <-d.ended:
	case <-time.After(soon):
		_ = d.cmd.Process.Kill()
		require.Fail(d.t, "it does not end", d.out.tail(20))
	}
}

// children are its processes, by name.
func (d *demo) children() map[string]int {
	d.t.Helper()
	if runtime.GOOS != "linux" {
		d.t.Skip("needs /proc")
	}
	all := map[string]int{}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(d.t, err)
	for _, file := range stats {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		require.NoError(d.t, err)
		if name, _, parent := process(pid); parent == d.cmd.Process.Pid {
			all[name] = pid
		}
	}
	return all
}

// process is what Linux tells of a process; nothing of one that is gone.
func process(pid int) (name, state string, parent int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(text), " (") // pid (name) state parent …
	name, rest, _ = strings.Cut(rest, ") ")
	_, _ = fmt.Sscan(rest, &state, &parent)
	return name, state, parent
}

func requireGone(t *testing.T, children map[string]int) {
	t.Helper()
	for name, pid := range children {
		require.True(t, eventually(func() bool {
			_, state, _ := process(pid)
			return state == "" || state == "Z" // init may take its time to bury it
		}), "%s is left behind", name)
	}
}

func (d *demo) person(here *office.Office, name string) person { return person{here.Person(name), d.t} }

func TestTheDemo(t *testing.T) {
	t.Parallel()
	eventually(func() bool { // somebody who keeps the port longer than that will do, too
		listener, err := net.Listen("tcp", "127.0.0.1:8580")
		if err == nil {
			t.Cleanup(func() { _ = listener.Close() })
		}
		return err == nil
	})
	d := newDemo(t)
	d.up()
	page, here := d.page()
	require.NotContains(t, page, ":8580", "another port will do")
	ana, ben, cem := d.person(here, "Ana"), d.person(here, "Ben"), d.person(here, "Cem")
	ana.types("/coffee in 20m Lobby")
	ben.reads("No orders yet")

	env := d.env()
	require.Equal(t, page, env["COFFEEBUDDY_PAGE_URL"])
	for _, name := range []string{"COFFEEBUDDY_SLACK_REQUESTS_URL", "SLACK_API_URL", "DATABASE_URL", "KAFKA_BOOTSTRAP", "INGRESS_URL", "RUNS_URL", "FAIRNESS_URL", "REMINDER_URL"} {
		require.NotEmpty(t, env[name], name)
	}

	for _, word := range []string{"up", "reset"} {
		code, out := d.local(word)
		require.Equal(t, 1, code)
		require.Equal(t, "coffeebuddy: already running from this folder: open "+page+"\n", out)
	}

	// Whatever is killed is started again.
	children := d.children()
	require.Len(t, children, 5, "four services and a server")
	require.NoError(t, syscall.Kill(children["runs"], syscall.SIGKILL))
	d.says(`demo +│ runs ended \(signal: killed\), starting it again`)
	ben.orders("Earl Grey")
	ana.reads("1 × Earl Grey (Ben)")
	require.NoError(t, syscall.Kill(children["postgres"], syscall.SIGKILL))
	d.says(`demo +│ postgres ended, starting it again`)
	cem.orders("Flat white")
	ana.reads("2 orders")

	// Ctrl-C; and what was there goes on.
	children = d.children()
	d.stop(os.Interrupt)
	require.Zero(t, d.cmd.ProcessState.ExitCode())
	requireGone(t, children)
	require.NoFileExists(t, filepath.Join(d.state, "env"))
	require.NotContains(t, d.out.String(), "map[")
	d.up()
	_, here = d.page()
	ana, ben, cem = d.person(here, "Ana"), d.person(here, "Ben"), d.person(here, "Cem")
	ana.reads("Coffee run", "2 orders")
	ana.orders("Ristretto")
	ben.reads("3 orders")
	ana.presses("close")
	cem.reads("is today's runner", "3 cups")
	require.Equal(t, 1, cem.count("Coffee run"))

	children = d.children()
	d.stop(syscall.SIGTERM)
	requireGone(t, children)
	code, out := d.local("reset")
	require.Zero(t, code, out)
	d.up()
	_, here = d.page()
	require.Empty(t, d.person(here, "Ana").all(), "reset forgets everything")
}

// The launcher itself is killed: nothing is left behind, and the next start goes on where it was.
func TestTheDemoAfterItWasKilled(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	d.up()
	_, here := d.page()
	ana, ben := d.person(here, "Ana"), d.person(here, "Ben")
	ana.types("/coffee in 20m Lobby")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.reads("1 × Earl Grey (Ben)")
	children := d.children()
	d.stop(os.Kill)
	requireGone(t, children)

	d.up()
	_, here = d.page()
	ana, ben = d.person(here, "Ana"), d.person(here, "Ben")
	ana.orders("Flat white")
	ben.reads("2 orders", "1 × Earl Grey (Ben)")
	ana.presses("close")
	ben.reads("is today's runner", "2 cups")
	require.Equal(t, 1, ben.count("Coffee run"))
}

func (d *demo) env() map[string]string {
	d.t.Helper()
	file := filepath.Join(d.state, "env")
	info, err := os.Stat(file)
	require.NoError(d.t, err)
	require.Equal(d.t, os.FileMode(0o600), info.Mode().Perm(), "it holds secrets")
	text, err := exec.CommandContext(d.t.Context(), "sh", "-c", ". "+file+" && env").Output()
	require.NoError(d.t, err)
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = value
	}
	return env
}

func TestTheDemoWithServersThatAreGiven(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	database, broker := testkit.Postgres(t), testkit.Kafka(t)
	sim, err := slacksim.New(slacksim.Config{SigningSecret: "swordfish", BotToken: "xoxb-swordfish"})
	require.NoError(t, err)
	slack := httptest.NewServer(sim)
	t.Cleanup(slack.Close)
	t.Cleanup(func() { _ = sim.Close() })
	given := []string{
		"DATABASE_URL=" + strings.Replace(database.URL, "postgres://", "postgresql+psycopg://", 1),
		"KAFKA_BOOTSTRAP=" + broker.Bootstrap[0], "SLACK_API_URL=" + slack.URL + "/api/",
	}

	d.up(given...)
	d.says("SLACK_API_URL is given, so SLACK_BOT_TOKEN .* and SLACK_SIGNING_SECRET.* are needed too")
	<-d.ended
	require.Equal(t, 1, d.cmd.ProcessState.ExitCode())

	d.up(append(given, "SLACK_SIGNING_SECRET=swordfish", "SLACK_BOT_TOKEN=xoxb-swordfish")...)
	d.says(`Slack requests go to http://127.0.0.1:\d+`)
	require.Len(t, d.children(), 4, "no server of ours")
	sim.SetAppURL(d.env()["COFFEEBUDDY_SLACK_REQUESTS_URL"])
	here, err := office.Enter(t.Context(), slack.URL)
	require.NoError(t, err)
	ana := d.person(here, "Ana")
	ana.types("/coffee in 20m Lobby")
	ana.reads("No orders yet")
	require.NoDirExists(t, filepath.Join(d.state, "postgres"))
	require.NoDirExists(t, filepath.Join(d.state, "kafka"))
}

// The database outlives the broker of our own: a new one does not stop the services.
func TestTheDemoWithADatabaseThatKnowsAnotherBroker(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	given := "DATABASE_URL=" + testkit.Postgres(t).URL
	for round := range 2 {
		d.up(given)
		_, here := d.page()
		ana, ben := d.person(here, "Ana"), d.person(here, "Ben")
		channel := "C0COFFEE"
		if round > 0 {
			channel = "C0TEA" // in the other one is an open run, whose card the simulator has forgotten
		}
		ana.in(channel).types("/coffee in 20m Lobby")
		ben.in(channel).reads("No orders yet")
		d.stop(os.Interrupt)
		code, out := d.local("reset")
		require.Zero(t, code, out)
	}
}

func TestTheDemoWithAWrongEnvironment(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	d.up("LOG_LEVEL=loud", "REMINDER_OFFSET_DEFAULT=61")
	<-d.ended
	require.Equal(t, 1, d.cmd.ProcessState.ExitCode())
	require.Contains(t, d.out.String(), `LOG_LEVEL is "loud"`)
	require.Contains(t, d.out.String(), "REMINDER_OFFSET_DEFAULT is 61")
	require.NotContains(t, d.out.String(), "listening", "nothing was started")
	for _, args := range [][]string{nil, {"sideways"}, {"up", "down"}} {
		out, err := exec.CommandContext(t.Context(), filepath.Join(binaries, "local"), args...).CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "usage: local")
	}
}

func TestSmoke(t *testing.T) {
	t.Parallel()
	d := newDemo(t)
	code, out := d.local("smoke")
	require.Zero(t, code, out)
	for _, line := range []string{"3 orders", "2 × Flat white (Ana, Cem)", "is today's runner", "in direct messages", "I'll remind you at"} {
		require.Contains(t, out, line)
	}
	require.FileExists(t, filepath.Join(d.state, "smoke", "services.log"))
	require.NoDirExists(t, filepath.Join(d.state, "smoke", "kafka"), "what was played is forgotten")
}
