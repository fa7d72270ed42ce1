package command_test

import (
	"errors"
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
		"3:15\u202fPM Bar":                 {"15:15", "Bar"}, // as calendars write it
		"10:30, Lobby":                     {"10:30", "Lobby"},
		"10:30,Lobby":                      {"10:30", "Lobby"},
		"noon, Lobby":                      {"12:00", "Lobby"},
		"@noon":                            {"12:00", ""},
		"20m":                              {"10:20", ""}, // the unit says what it is
		"20 min Lobby":                     {"10:20", "Lobby"},
		"1h":                               {"11:00", ""},
		"1h15":                             {"11:15", ""},
		"in 1h15 Lobby":                    {"11:15", "Lobby"},
		"in 1h 15 Lobby Street":            {"11:00", "15 Lobby Street"}, // a number alone after a space: an address
		"in 20 mocha bar":                  {"10:20", "mocha bar"},
		"in 20m, Lobby":                    {"10:20", "Lobby"},
		"IN 20M LOBBY":                     {"10:20", "LOBBY"},
		"in 90m":                           {"11:30", ""},
		"23:59":                            {"23:59", ""},
		"10:30 3rd floor":                  {"10:30", "3rd floor"},
		"10:30 'Ana's desk'":               {"10:30", "Ana's desk"},
		"10:30 help":                       {"10:30", "help"}, // after a time anything is a place
		"10:30 <!channel> & `x`":           {"10:30", "<!channel> & `x`"},
		`note='Lobby' pickup="3 pm"`:       {"15:00", "Lobby"},
		`PICKUP=in20m`:                     {"10:20", ""},
		`pickup=10:30 note="Lobby`:         {"10:30", `"Lobby`},
		`pickup=10:30 note="a"b"`:          {"10:30", `a"b`},
		`pickup=10:30 pickup=11:30`:        {"11:30", ""}, // the last word counts
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
		"":                                      command.Start{},
		"   ":                                   command.Start{},
		`note="Lobby café"`:                     command.Start{Place: "Lobby café"},
		"help":                                  command.Help{},
		"HELP":                                  command.Help{},
		"help me":                               command.Help{},
		"?":                                     command.Help{},
		`note=""`:                               command.Start{},
		"Lobby":                                 command.Unknown{Place: "Lobby"},
		"in the lobby":                          command.Unknown{Place: "in the lobby"},
		"at noonish":                            command.Unknown{Place: "at noonish"},
		"statsu":                                command.Unknown{Place: "statsu"},
		`"Lobby`:                                command.Unknown{Place: `"Lobby`},
		`"Lobby café"`:                          command.Unknown{Place: "Lobby café"},
		`""`:                                    command.Unknown{},
		"-20":                                   command.Unknown{Place: "-20"},
		"٣:٣٠":                                  command.Unknown{Place: "٣:٣٠"}, // digits of other scripts are not read as times
		"close":                                 command.Close{},
		"Status ":                               command.Status{},
		"cancel":                                command.Cancel{},
		"fairness":                              command.Fairness{},
		"HISTORY":                               command.History{},
		"admin":                                 command.Admin{},
		"usual":                                 command.Usual{},
		"usual  Flat  white":                    command.Usual{Drink: "Flat white"},
		"Usual “oat” & <b>":                     command.Usual{Drink: "“oat” & <b>"},
		"usual clear":                           command.ClearUsual{},
		"Cancel the run":                        command.Unknown{}, // what people try is no place
		"tomorrow":                              command.Unknown{},
		"now":                                   command.Unknown{},
		"note = Lobby":                          command.Unknown{},
		strings.Repeat("é", command.MaxPlace):   command.Unknown{Place: strings.Repeat("é", command.MaxPlace)},
		strings.Repeat("é", command.MaxPlace+1): command.Unknown{},
		"<@U0BEN> owes me one " + "<!everyone> &": command.Unknown{Place: "<@U0BEN> owes me one <!everyone> &"},
	} {
		got, err := command.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"25:00":                            "There is no 25:00.",
		"10:75":                            "There is no 10:75.",
		"13pm Lobby":                       "There is no 13pm.",
		"0am":                              "There is no 0am.",
		"10":                               "A number alone could be a time or minutes.",
		"10 Lobby":                         "A number alone could be a time or minutes.",
		"at 10, Lobby":                     "A number alone could be a time or minutes.",
		"1030":                             "A number alone could be a time or minutes.",
		"0":                                "A number alone could be a time or minutes.",
		"99999999999":                      "A number alone could be a time or minutes.",
		"10:3":                             "I can't read that time.",
		"10:30x":                           "I can't read that time.",
		"3pmLobby":                         "I can't read that time.",
		"10:30`code`":                      "I can't read that time.",
		"3p":                               "I can't read that time.",
		"in 0m":                            "Pickup must be in the future.",
		"+0":                               "Pickup must be in the future.",
		"0 minutes":                        "Pickup must be in the future.",
		"in 20x":                           "I can't read that span of time.",
		"in 1.5 hours":                     "I can't read that span of time.",
		"in 1,5 hours":                     "I can't read that span of time.",
		"in 3 days":                        "I can't read that span of time.",
		"in 5 weeks":                       "I can't read that span of time.",
		"+90 seconds":                      "I can't read that span of time.",
		"+1w":                              "I can't read that span of time.",
		"pickup=soon":                      "After pickup= I need a time.",
		"pickup=":                          "After pickup= I need a time.",
		"pickup=3 pm":                      "A number alone could be a time or minutes.",
		"note=a x":                         "What has a space in it needs quotes.",
		"pickup=10:30 note=\"Lobby\" more": "What has a space in it needs quotes.",
		"10:30 " + strings.Repeat("é", 81): "A place has at most 80 characters, this one has 81.",
		`note="` + strings.Repeat("é", 99) + `"`: "A place has at most 80 characters, this one has 99.",
	} {
		got, err := command.Parse(text)
		var usage *command.UsageError
		require.ErrorAs(t, err, &usage, "%s: %#v", text, got)
		require.Equal(t, want, usage.Problem, text)
		require.NotEmpty(t, usage.Examples, text)
		for _, example := range usage.Examples {
			got, err := command.Parse(example)
			require.NoError(t, err, "%q, the example for %q, must work", example, text)
			require.IsType(t, command.Start{}, got)
		}
		require.Contains(t, err.Error(), "/coffee "+usage.Examples[0])
	}
}

func TestPastTimesOfferTheNextReading(t *testing.T) {
	t.Parallel()
	afternoon := now.Add(6 * time.Hour) // 16:00 in Berlin
	for text, want := range map[string][3]string{
		"3pm":     {"3:00 pm", "Tue 15:00", "tomorrow 3:00 pm"}, // the half of the day was typed: only tomorrow is left
		"15:30":   {"15:30", "Tue 15:30", "tomorrow 15:30"},
		"10:30":   {"10:30", "Mon 22:30", "22:30"}, // neither was typed: tonight is nearer
		"10:30am": {"10:30 am", "Tue 10:30", "tomorrow 10:30 am"},
		"12:15":   {"12:15", "Tue 00:15", "tomorrow 00:15"},
		"noon":    {"12:00 pm", "Tue 12:00", "tomorrow 12:00 pm"},
		"16:00":   {"16:00", "Tue 16:00", "tomorrow 16:00"}, // this very minute is past
		"3:59":    {"03:59", "Tue 03:59", "tomorrow 03:59"},
	} {
		got, err := command.Parse(text)
		require.NoError(t, err)
		_, err = got.(command.Start).When.At(afternoon, berlin(t))
		var past *command.PastError
		require.ErrorAs(t, err, &past, text)
		require.Equal(t, want, [3]string{past.Typed, past.Next.Format("Mon 15:04"), past.Label}, text)
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

	// On the day before clocks go back, the same time tomorrow is 25 hours away.
	got, err := command.Parse("3pm")
	require.NoError(t, err)
	_, err = got.(command.Start).When.At(time.Date(2026, 10, 24, 15, 30, 0, 0, berlin(t)), berlin(t))
	require.ErrorIs(t, err, command.ErrTooFar)
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
	for _, seed := range []string{"", "10:30", "in 1h 15m Lobby", `pickup=3pm note="x"`, "+20", "noon “x", "help", "\xff:30", "1h15", "3pm", "8:59"} {
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
		require.LessOrEqual(t, len([]rune(start.Place)), command.MaxPlace)
		pickup, err := start.When.At(now, time.UTC)
		if past, ok := errors.AsType[*command.PastError](err); ok {
			pickup, err = past.Next, nil
		}
		if err != nil {
			return
		}
		require.True(t, pickup.After(now) && !pickup.After(now.Add(command.MaxAhead)), "%q: %s", text, pickup)
	})
}
