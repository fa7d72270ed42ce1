package slackhttp_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// What a runner presses in their direct messages is said of the run's channel, and takes the place of the buttons.
func TestHandoverClicks(t *testing.T) {
	t.Parallel()
	value := message.AssignmentValue{RunID: runID, No: 2}.String()
	for name, c := range map[string]struct {
		verb, value string
		about       func(*commandv1.Command) (string, uint32)
		replaced    string
	}{
		"on my way": {"accept", value, func(c *commandv1.Command) (string, uint32) {
			return c.GetAcceptAssignment().GetRunId(), c.GetAcceptAssignment().GetAssignmentNo()
		}, "It's here"},
		"can't go": {"decline", value, func(c *commandv1.Command) (string, uint32) {
			return c.GetDeclineAssignment().GetRunId(), c.GetDeclineAssignment().GetAssignmentNo()
		}, "I'm asking the next"},
		"it's here": {"arrived", value, func(c *commandv1.Command) (string, uint32) {
			return c.GetAnnounceArrival().GetRunId(), c.GetAnnounceArrival().GetAssignmentNo()
		}, "Thank you"},
		"let cem go": {"relieve", value + ":U0CEM", func(c *commandv1.Command) (string, uint32) {
			require.Equal(t, "U0CEM", c.GetTakeOver().GetConfirmedUserId())
			return c.GetTakeOver().GetRunId(), c.GetTakeOver().GetAssignmentNo()
		}, "telling them"},
		"i'll go instead": {"take_over", value, func(c *commandv1.Command) (string, uint32) {
			require.Empty(t, c.GetTakeOver().GetConfirmedUserId())
			return c.GetTakeOver().GetRunId(), c.GetTakeOver().GetAssignmentNo()
		}, ""},
	} {
		w := newWorld(t)
		payload := with(click("U0BEN", c.verb, c.value, 0), map[string]any{
			"channel": fields{"id": "D0BEN"},
			"message": map[string]any{"text": "You run", "blocks": []any{
				map[string]any{"type": "section", "text": fields{"type": "plain_text", "text": "2 × Mocha"}}, fields{"type": "actions"},
			}},
		})
		require.Empty(t, w.clicks(payload), name)
		cmd := w.only()
		id, no := c.about(cmd)
		require.Equal(t, runID, id, name)
		require.EqualValues(t, 2, no, name)
		require.Equal(t, []string{"C0COFFEE", "D0BEN"}, []string{cmd.GetChannelId(), cmd.GetReplyTo()}, name)
		if c.replaced == "" {
			require.Empty(t, w.replaced, name)
			continue
		}
		require.Len(t, w.replaced, 1, name)
		require.Contains(t, w.replaced[0], "You run", name)
		require.Contains(t, w.replaced[0], "2 × Mocha", "the list stays")
		require.Contains(t, w.replaced[0], c.replaced, name)
	}
}

func TestHandoverOfARunThatWasPurged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	delete(w.runs, runID)
	w.clicks(click("U0BEN", "accept", runID+":1", 0))
	require.Empty(t, w.commands)
	require.Contains(t, w.said[0].Text, "I don't know this run any more")
	require.Empty(t, w.replaced)
}

func TestButtonsBeforeClosing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clicks(click("U0BEN", "volunteer", runID, 0))
	require.Equal(t, runID, w.only().GetVolunteer().GetRunId())
	w = newWorld(t)
	w.clicks(click("U0BEN", "stop_volunteering", runID, 0))
	require.Equal(t, runID, w.only().GetStopVolunteering().GetRunId())

	w = newWorld(t)
	pickup := w.now.Add(25 * time.Minute)
	w.clicks(with(click("U0BEN", "", "", 0), map[string]any{"actions": []any{map[string]any{
		"action_id": "more", "action_ts": "1795424700.000100",
		"selected_option": fields{"value": fmt.Sprintf("later:%s:%d", runID, pickup.UnixMicro())},
	}}}))
	move := w.only().GetMoveRun()
	require.True(t, pickup.Equal(move.GetIfPickupAt().AsTime()))
	require.True(t, pickup.Add(5*time.Minute).Equal(move.GetPickupAt().AsTime()))

	w = newWorld(t)
	w.clicks(click("U0BEN", "ask_cancel", runID, 0))
	require.Empty(t, w.commands, "it asks first")
	require.Contains(t, w.said[0].Text, "Cancel this run for everybody?")
}
