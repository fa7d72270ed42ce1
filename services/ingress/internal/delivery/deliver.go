package delivery

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/slack"
)

// deliver makes one attempt at a claim.
func (s *Sender) deliver(ctx context.Context, c *Claim) (r Result) {
	defer func() {
		if p := recover(); p != nil { // a message that cannot be rendered must not take the others down with it
			s.log.ErrorContext(ctx, "delivery panicked", "cause", telemetry.PanicCause(p), "stack", string(debug.Stack()))
			r = s.giveUp(ctx, c, "panic")
		}
	}()
	if c.Kind == Answer {
		return s.answer(ctx, c)
	}
	channel, found, r, ok := s.locate(ctx, c)
	if !ok {
		return r
	}
	if found != "" { // of a card, nobody knows which version it shows
		return c.posted(channel, found, 0, c.Part+1 < len(s.render(ctx, c, s.now())))
	}
	now := s.now()
	if why := c.obsolete(now); why != "" {
		s.log.InfoContext(ctx, "delivery obsolete", "reason", why)
		return Result{Outcome: Obsolete, Error: why, Part: c.Part}
	}
	if c.overdue(now) {
		return s.abandon(ctx, c, "too_late")
	}
	messages := s.render(ctx, c, now)
	if c.Part >= len(messages) {
		return Result{Outcome: Sent, Part: c.Part}
	}
	m, mark := messages[c.Part], slack.Mark{Delivery: c.ID, Part: c.Part}
	if c.Kind == Card && !c.opens() {
		if err := s.slack.Update(ctx, c.MessageChannel, c.MessageTS, m, mark); err != nil {
			return s.failed(ctx, c, err, false) // repeating it is harmless
		}
		return c.posted("", "", c.Run.GetVersion(), false)
	}
	thread := ""
	if c.Kind == Arrival {
		var err error
		if thread, err = s.queue.CardTS(ctx, c.WorkspaceID, c.RunID); err != nil {
			return s.again(ctx, c, err, false)
		}
	}
	ts, err := s.slack.Post(ctx, channel, thread, m, mark)
	if err != nil {
		return s.failed(ctx, c, err, slack.ClassOf(err) == slack.Ambiguous)
	}
	return c.posted(channel, ts, c.Run.GetVersion(), c.Part+1 < len(messages))
}

// locate finds out where the claim's next message goes and, when an earlier attempt may have posted it, where it is.
// ok: the attempt can go on; else r is its result.
func (s *Sender) locate(ctx context.Context, c *Claim) (channel, found string, r Result, ok bool) {
	channel = c.Conversation
	if c.Kind != Card && c.Conversation == c.UserID {
		direct, err := s.slack.OpenDirect(ctx, c.UserID)
		if err != nil {
			return "", "", s.failed(ctx, c, err, c.Unsure), false
		}
		channel = direct
	}
	if !c.Unsure || c.Kind == Card && !c.opens() {
		return channel, "", Result{}, true
	}
	found, err := s.slack.Find(ctx, channel, c.recordedAt(), slack.Mark{Delivery: c.ID, Part: c.Part})
	switch {
	case err == nil:
		return channel, found, Result{}, true
	case slack.ClassOf(err) == slack.Permanent:
		// We may not look there (no history scope). One message too many is better than none.
		s.report(ctx, slog.LevelWarn, "message cannot be looked for", slack.CodeOf(err))
		return channel, "", Result{}, true
	default:
		return "", "", s.again(ctx, c, err, true), false
	}
}

// answer shows a message to one person in the channel, or by direct message where that cannot be.
func (s *Sender) answer(ctx context.Context, c *Claim) Result {
	now := s.now()
	if why := c.obsolete(now); why != "" {
		return Result{Outcome: Obsolete, Error: why}
	}
	m := s.render(ctx, c, now)[0]
	err := s.slack.PostEphemeral(ctx, c.Conversation, c.UserID, m)
	if slack.ClassOf(err) == slack.Permanent && unreachable(slack.CodeOf(err)) {
		err = s.tellDirectly(ctx, c, m)
	}
	if err != nil {
		return s.failed(ctx, c, err, false) // an answer may come twice
	}
	return Result{Outcome: Sent}
}

func (s *Sender) tellDirectly(ctx context.Context, c *Claim, m message.Message) error {
	channel, err := s.slack.OpenDirect(ctx, c.UserID)
	if err != nil {
		return err
	}
	_, err = s.slack.Post(ctx, channel, "", m, slack.Mark{Delivery: c.ID})
	return err
}

// unreachable reports whether code means that we cannot speak to that person in that channel.
func unreachable(code string) bool {
	switch code {
	case "not_in_channel", "channel_not_found", "user_not_in_channel", "is_archived":
		return true
	}
	return false
}

// recordedAt is when the delivery was recorded: its id is of version 7.
func (c *Claim) recordedAt() time.Time {
	seconds, nanos := c.ID.Time().UnixTime()
	return time.Unix(seconds, nanos)
}

// posted is the result of a message that Slack has. version: of the run that it shows. more: messages follow.
func (c *Claim) posted(channel, ts string, version uint64, more bool) Result {
	r := Result{Outcome: Sent, MessageChannel: channel, MessageTS: ts, Part: c.Part + 1}
	switch {
	case c.Kind == Card:
		r.Version, r.Part, r.GoesOn = version, 0, c.goesOn()
	case more:
		r.Outcome = Again
	}
	return r
}

// giveBack is the result of a claim that was not tried.
func (c *Claim) giveBack() Result {
	return Result{Outcome: Again, Part: c.Part, Failures: c.Failures, Unsure: c.Unsure}
}

// failed is the result of a call that Slack did not confirm. unsure: it may have posted the message.
func (s *Sender) failed(ctx context.Context, c *Claim, err error, unsure bool) Result {
	if slack.ClassOf(err) == slack.Permanent {
		return s.giveUp(ctx, c, slack.CodeOf(err))
	}
	return s.again(ctx, c, err, unsure)
}

// giveUp is the result of an attempt that would fail in the same way each time. A run whose card cannot be posted ends;
// a change of a card is given up for this version of the run, a newer one may do.
func (s *Sender) giveUp(ctx context.Context, c *Claim, code string) Result {
	switch {
	case c.opens():
		return s.abandon(ctx, c, code)
	case c.Kind == Card:
		s.report(ctx, slog.LevelError, "card not changed", code)
		return Result{Outcome: Sent, Version: c.Run.GetVersion(), GoesOn: c.goesOn(), Error: code}
	case c.Kind == List || c.Kind == Summary:
		if err := s.queue.Record(ctx, c.stranded()); err != nil {
			return s.again(ctx, c, err, false)
		}
		s.wake()
		fallthrough
	default:
		s.report(ctx, slog.LevelError, "delivery failed for good", code)
		return Result{Outcome: Failed, Error: code, Part: c.Part}
	}
}

// again is the result of an attempt that has to be repeated. unsure: it may have succeeded.
func (s *Sender) again(ctx context.Context, c *Claim, err error, unsure bool) Result {
	r := Result{Outcome: Again, Part: c.Part, Failures: c.Failures, Unsure: unsure, Error: slack.CodeOf(err)}
	class := slack.ClassOf(err)
	if class == slack.Limited {
		r.Wait, r.Pauses = s.pauses(c, err)
		s.log.InfoContext(ctx, "slack limits us", "code", r.Error, "seconds", r.Wait.Seconds())
		return r
	}
	r.Failures++
	r.Wait = backoff(r.Failures)
	if class == slack.Ambiguous {
		r.Wait = max(r.Wait, ambiguousWait)
	}
	s.report(ctx, slog.LevelWarn, "delivery will be tried again", class.String())
	return r
}

// pauses are Slack's wishes in a limited call: it limits methods, and how fast we post in a conversation.
func (s *Sender) pauses(c *Claim, err error) (time.Duration, []Pause) {
	limited := slack.AsError(err)
	all := []Pause{{WorkspaceID: c.WorkspaceID, Subject: limited.Method, For: limited.RetryAfter}}
	if limited.Method == slack.PostMessage {
		all = append(all, Pause{WorkspaceID: c.WorkspaceID, Subject: c.Conversation, For: limited.RetryAfter})
	}
	return limited.RetryAfter, all
}

// abandon ends a run whose card cannot be shown: nobody could order, and nobody else could start one. Repeating it is harmless.
func (s *Sender) abandon(ctx context.Context, c *Claim, code string) Result {
	id := uuid.NewSHA1(c.ID, []byte("abandon")).String()
	command := &commandv1.Command{
		Id: id, CorrelationId: c.CorrelationID, WorkspaceId: c.WorkspaceID, ChannelId: c.ChannelID, IssuedAt: timestamppb.New(s.now()),
		What: &commandv1.Command_AbandonRun{AbandonRun: &commandv1.AbandonRun{RunId: c.RunID, Cause: code}},
	}
	msg, err := bus.Encode(topic.Commands, topic.Key(c.WorkspaceID, c.ChannelID), id, c.RunID, s.now(), command)
	if err == nil {
		msg.Headers = map[string]string{bus.CorrelationHeader: c.CorrelationID}
		err = s.publisher.Publish(ctx, msg)
	}
	if err == nil {
		err = s.queue.Record(ctx, c.notice(code, s.now()))
	}
	if err != nil {
		s.log.WarnContext(ctx, "run not abandoned", "error", err)
		return s.again(ctx, c, err, false)
	}
	s.report(ctx, slog.LevelError, "card cannot be shown, run abandoned", code)
	s.wake()
	return Result{Outcome: Failed, Error: code}
}
