package main

import (
	"context"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
)

const guests = 100 // people who order in one run

// spent is what a run has cost so far.
type spent struct {
	commands, events, kafka, calls, updates, sent int64
}

func (s spent) since(b spent) spent {
	return spent{s.commands - b.commands, s.events - b.events, s.kafka - b.kafka, s.calls - b.calls, s.updates - b.updates, s.sent - b.sent}
}

func (w *world) spent(ctx context.Context) (s spent, err error) {
	if s.commands, err = w.number(ctx, applied); err != nil {
		return s, err
	}
	if s.events, err = w.number(ctx, `SELECT COALESCE(sum(next_offset), 0)::bigint FROM ingress.consumer_position`); err != nil {
		return s, err
	}
	s.calls, s.updates, s.sent = w.slack.calls.Load(), w.slack.updates.Load(), w.slack.received.Load()
	err = filepath.WalkDir(filepath.Join(w.dir, "kafka"), func(_ string, file fs.DirEntry, err error) error {
		if err != nil || file.IsDir() {
			return err
		}
		info, err := file.Info()
		if err == nil {
			s.kafka += info.Size()
		}
		return err
	})
	return s, err
}

// measureCrowd has a hundred people order in one run within a second, and closes it.
func measureCrowd(ctx context.Context, w *world, r *report) error {
	c := &channel{n: channelCount, id: "C99999999", run: uuid.Must(uuid.NewV7()).String()}
	w.slack.add(c)
	before, err := w.spent(ctx)
	if err != nil {
		return err
	}
	start := c.command(c.person(0), &commandv1.Command{What: &commandv1.Command_StartRun{StartRun: &commandv1.StartRun{
		RunId: c.run, Place: "Lobby café", PickupAt: timestamppb.New(time.Now().Add(3 * time.Hour)),
	}}})
	if err := w.publish(ctx, []bus.Message{start}); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	begun, err := w.spent(ctx)
	if err != nil {
		return err
	}
	for i := range guests {
		order := c.order(fmt.Sprintf("U%06d", i), true)
		if err := w.publish(ctx, []bus.Message{order}); err != nil {
			return err
		}
		if err := sleep(ctx, time.Second/guests); err != nil {
			return err
		}
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	ordered, err := w.spent(ctx)
	if err != nil {
		return err
	}
	end := c.command(c.person(0), &commandv1.Command{What: &commandv1.Command_CloseRun{CloseRun: &commandv1.CloseRun{RunId: c.run}}})
	if err := w.publish(ctx, []bus.Message{end}); err != nil {
		return err
	}
	const assigned = "SELECT count(*) FROM ingress.delivery WHERE kind = 'list' AND state = 'sent'"
	if err := w.reach(ctx, assigned, 1); err != nil {
		return err
	}
	if err := w.settle(ctx); err != nil {
		return err
	}
	after, err := w.spent(ctx)
	if err != nil {
		return err
	}
	burst, all := ordered.since(begun), after.since(before)
	r.atMost("updates of a card for 100 orders within a second", float64(burst.updates), 2, "", "")
	r.note("a run with 100 orders, from start to runner", fmt.Sprintf("%d events", all.events), "of %d commands; usuals are saved with the orders", all.commands)
	r.note("  calls of Slack", fmt.Sprint(all.calls), "%d of them updates of the card; %d KB", all.updates, all.sent>>10)
	r.note("  Kafka's log", fmt.Sprintf("%d KB", all.kafka>>10), "all topics; each event carries the run with all its orders")
	return nil
}
