package command_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/command"
)

// now is a Monday, 10:00 in Berlin.
var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func berlin(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	return zone
}

func TestStart(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct{ pickup, place string }{
		"10:30":                            {"10:30", ""},
		"at 10:30":                         {"10:30", ""},
		"@10:30 Lobby":                     {"10:30", "Lobby"},
		"15.30":                            {"15:30", ""},
		"3pm":                              {"15:00", ""},
		"3 PM Lobby":                       {"15:00", "Lobby"},
		"3pm Lobby café":                   {"15:00", "Lobby café"},
		"3:15 p.m. Bar":                    {"15:15", "Bar"},
		"11am":                             {"11:00", ""},
		"12:15":                            {"12:15", ""},
		"noon":                             {"12:00", ""},
		"noon  Lobby  café":                {"12:00", "Lobby café"},
		"in 20m":                           {"10:20", ""},
		"in 20":                            {"10:20", ""},
		"in 20 minutes Lobby":              {"10:20", "Lobby"},
		"in 1h 15m":                        {"11:15", ""},
		"in 1h15m":                         {"11:15", ""},
		"in 2 hours 4th floor":             {"12:00", "4th floor"},
		"in 20m 4th floor":                 {"10:20", "4th floor"},
		"+20":                              {"10:20", ""},
		"+20m Lobby":                       {"10:20", "Lobby"},
		`pickup=10:30 note="Lobby"`:        {"10:30", "Lobby"},
		`note=“Lobby café” pickup=3pm`:     {"15:00", "Lobby café"},
		`10:30 "Lobby café"`:               {"10:30", "Lobby café"},
		`10:30 “Lobby`:                     {"10:30", `"Lobby`},
		"in 24h":                           {"10:00", ""},
		"10:30 " + strings.Repeat("é", 80): {"10:30", strings.Repeat("é", 80)},
		"11:59 " + strings.Repeat("☕", 3):  {"11:59", "☕☕☕"},
		"10:30 Lobby\u00a0café":            {"10:30", "Lobby café"},
	} {
		got, err := command.Parse(text)
		require.NoError(t, err, text)
		start, ok := got.(command.Start)
		require.True(t, ok, "%s: %#v", text, got)
		pickup, err := start.When.At(now, berlin(t))
		require.NoError(t, err, text)
		require.Equal(t, want.pickup, pickup.In(berlin(t)).Format("15:04"), text)
		require.Equal(t, want.place, start.Place, text)
	}
}

func TestWithoutTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]command.Command{
		"":                  command.Start{},
		"   ":               command.Start{},
		`note="Lobby café"`: command.Start{Place: "Lobby café"},
		"help":              command.Help{},
		"HELP":              command.Help{},
		"Lobby":             command.Unknown{Text: "Lobby"},
		"in the lobby":      command.Unknown{Text: "in the lobby"},
		"statsu":            command.Unknown{Text: "statsu"},
		`"Lobby`:            command.Unknown{Text: `"Lobby`},
	} {
		got, err := command.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"25:00", "10:75", "13pm", "0am", "10", "10 Lobby", "10:3", "in 0m", "+0", "in 20x", "10:30x", "3pmLobby",
		"pickup=soon", "pickup=10:30 note=\"Lobby\" more", "10:30 " + strings.Repeat("é", 81),
	} {
		got, err := command.Parse(text)
		var usage *command.UsageError
		require.ErrorAs(t, err, &usage, "%s: %#v", text, got)
		example, err := command.Parse(strings.Split(usage.Example, " or ")[0])
		require.NoError(t, err, "the example of %q must work", text)
		require.IsType(t, command.Start{}, example)
	}
}

func TestPastTimesOfferTheNextReading(t *testing.T) {
	t.Parallel()
	afternoon := now.Add(6 * time.Hour) // 16:00 in Berlin
	for text, want := range map[string]string{
		"3pm":     "Tue 15:00", // the half of the day was typed: only tomorrow is left
		"15:30":   "Tue 15:30",
		"10:30":   "Mon 22:30", // neither was typed: tonight is nearer
		"10:30am": "Tue 10:30",
		"12:15":   "Tue 00:15",
		"noon":    "Tue 12:00",
		"16:00":   "Tue 16:00", // this very minute is past
		"3:59":    "Tue 03:59",
	} {
		got, err := command.Parse(text)
		require.NoError(t, err)
		_, err = got.(command.Start).When.At(afternoon, berlin(t))
		var past *command.PastError
		require.ErrorAs(t, err, &past, text)
		require.Equal(t, want, past.Next.Format("Mon 15:04"), text)
	}
}

func TestTimesThatCannotBe(t *testing.T) {
	t.Parallel()
	at := func(text string, zone *time.Location) error {
		got, err := command.Parse(text)
		require.NoError(t, err)
		_, err = got.(command.Start).When.At(now, zone)
		return err
	}
	require.ErrorIs(t, at("10:30", nil), command.ErrNoZone)
	require.NoError(t, at("in 20m", nil))
	require.ErrorIs(t, at("in 24h 1m", nil), command.ErrTooFar)
	require.ErrorIs(t, at("in 9999h", nil), command.ErrTooFar)
}

func TestClockChanges(t *testing.T) {
	t.Parallel()
	zone := berlin(t)
	pickup := func(text string, at time.Time) (time.Time, error) {
		got, err := command.Parse(text)
		require.NoError(t, err)
		return got.(command.Start).When.At(at, zone)
	}
	// 29 March 2026: 02:00 becomes 03:00, so 02:30 does not come; the next 2:30 is in the afternoon.
	spring := time.Date(2026, 3, 29, 1, 30, 0, 0, zone)
	_, err := pickup("2:30", spring)
	var past *command.PastError
	require.ErrorAs(t, err, &past)
	require.Equal(t, "29 14:30", past.Next.Format("2 15:04"))
	got, err := pickup("3:30", spring)
	require.NoError(t, err)
	require.Equal(t, time.Hour, got.Sub(spring))
	// 25 October 2026: 03:00 becomes 02:00, so 02:30 comes twice; the first that is still ahead counts.
	autumn := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC) // 02:00 summer time
	got, err = pickup("2:30", autumn)
	require.NoError(t, err)
	require.Equal(t, 30*time.Minute, got.Sub(autumn))
	got, err = pickup("2:30", autumn.Add(45*time.Minute))
	require.NoError(t, err)
	require.Equal(t, 45*time.Minute, got.Sub(autumn.Add(45*time.Minute)))
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "10:30", "in 1h 15m Lobby", `pickup=3pm note="x"`, "+20", "noon “x", "help", "\xff:30"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := command.Parse(text)
		if err != nil {
			require.Nil(t, got)
			return
		}
		start, ok := got.(command.Start)
		if !ok || start.When.IsZero() {
			return
		}
		pickup, err := start.When.At(now, time.UTC)
		if err != nil {
			return
		}
		require.True(t, pickup.After(now) && !pickup.After(now.Add(command.MaxAhead)), "%q: %s", text, pickup)
		require.LessOrEqual(t, len([]rune(start.Place)), command.MaxPlace)
	})
}
