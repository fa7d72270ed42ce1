package delivery

import (
	"context"
	"time"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// render puts the claim into words, in as many messages as it takes.
func (s *Sender) render(ctx context.Context, c *Claim, now time.Time) []message.Message {
	run := c.Run
	names := message.Names(s.people.Names(ctx, c.WorkspaceID, mentioned(run, c.Event)))
	switch c.Kind {
	case Card:
		return []message.Message{message.Card(run, names, c.Ref)}
	case Summary:
		return []message.Message{message.Summary(run, names)}
	case List:
		settings := c.Settings
		if !s.reminders {
			settings = nil
		}
		return message.RunnerList(run, settings, names)
	case Reminder:
		return message.Reminder(run, names, now)
	case LastCall:
		return []message.Message{message.LastCall(run, c.Event.GetLastCall().GetMissingIds(), names)}
	case Arrival:
		return message.Arrival(run, names)
	case Offer:
		return []message.Message{message.Offer(run, names)}
	case Relief:
		return []message.Message{message.Relief(run, names)}
	case Stranded:
		if c.UserID != "" {
			return []message.Message{message.SummaryLost(run, names)}
		}
		return []message.Message{message.RunnerUnreachable(run, names)}
	case Greeting:
		return []message.Message{message.Hello()}
	case Notice:
		return []message.Message{message.Abandoned(c.ChannelID, c.cause(), c.Ref)}
	case Answer:
		return []message.Message{reply(c.Event, names)}
	}
	return nil
}

// reply is what the author of a command is told about what came of it.
func reply(event *runv1.RunEvent, names message.Names) message.Message {
	run := event.GetRun()
	switch what := event.GetWhat().(type) {
	case *runv1.RunEvent_OrderPlaced:
		return message.UsualOrdered(run, what.OrderPlaced.GetUserId())
	case *runv1.RunEvent_Volunteered:
		return message.Volunteering(run)
	case *runv1.RunEvent_StoppedVolunteering:
		return message.NotVolunteering(run)
	case *runv1.RunEvent_TakeOverOffered:
		return message.Offered(run, names)
	case *runv1.RunEvent_SettingsChanged:
		return message.SettingsSaved(event, names)
	case *runv1.RunEvent_ChannelResetCompleted:
		return message.ResetCompleted(what.ChannelResetCompleted)
	default:
		return message.Rejection(event, names)
	}
}

// mentioned lists who a message may have to name, the most likely first.
func mentioned(run *runv1.Run, event *runv1.RunEvent) []string {
	var ids []string
	for _, r := range []*runv1.Run{run, event.GetRun()} {
		if r == nil {
			continue
		}
		a := r.GetAssignment()
		ids = append(ids, r.GetInitiatorId(), a.GetRunnerId(), a.GetExplanation().GetRunnerUpId(), a.GetPreviousRunnerId(), a.GetOfferedById())
		for _, order := range r.GetOrders() {
			ids = append(ids, order.GetUserId())
		}
		ids = append(ids, r.GetVolunteerIds()...)
	}
	ids = append(ids, event.GetLastCall().GetMissingIds()...)
	ids = append(ids, event.GetSettings().GetAdminIds()...)
	ids = append(ids, event.GetSettingsChanged().GetPrevious().GetAdminIds()...)
	return ids
}
