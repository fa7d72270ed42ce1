package events

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/fairness/internal/ledger"
)

// batch is what some records tell, and what became of it.
type batch struct {
	channels map[ledger.ChannelID]*generation
	news     []*news // not applied yet, one for each run, in the order of the runs' last events
	kept     map[uuid.UUID]ledger.Posting
	latest   map[ledger.ChannelID]*news // applied

	erased  []erased
	resets  map[ledger.ChannelID]ledger.Channel
	answers []answer
	tables  map[ledger.ChannelID]ledger.Table
}

// generation is the newest generation of a channel's data.
type generation struct {
	epoch         uint64
	retentionDays int // as told last
	cause             // of its first event
}

// cause is where something began.
type cause struct {
	ctx           context.Context // with the span that an answer continues
	correlationID string
}

// news is the newest snapshot of a run.
type news struct {
	ledger.Snapshot
	policy runv1.FairnessPolicy
	window int
	// asked: we were asked who runs, in so many words.
	asked bool

	cause
}

// erased is a person whose name is to go.
type erased struct {
	in       ledger.ChannelID // without a channel: the whole workspace
	user, by ledger.UserID
	cause
}

// answer is what is said to news that ask.
type answer struct {
	to      *news
	posting ledger.Posting
	rule    string // that decided
}

func read(ctx context.Context, records []*bus.Record) (*batch, error) {
	b := &batch{
		channels: map[ledger.ChannelID]*generation{}, latest: map[ledger.ChannelID]*news{},
		resets: map[ledger.ChannelID]ledger.Channel{}, tables: map[ledger.ChannelID]ledger.Table{},
	}
	for _, record := range records {
		var event runv1.RunEvent
		if err := bus.Decode(record, &event); err != nil {
			return nil, err
		}
		by := cause{record.Context(ctx), event.GetCorrelationId()}
		if e := event.GetPersonErased(); e.GetUserId() != "" && e.GetReplacedBy() != "" {
			b.erased = append(b.erased, erased{channelOf(&event), ledger.UserID(e.UserId), ledger.UserID(e.ReplacedBy), by})
		}
		if event.GetChannelId() == "" {
			continue // personal
		}
		b.hear(&event, by)
		if event.GetRun() == nil {
			continue
		}
		n, err := newsOf(by, &event)
		if err != nil {
			return nil, err
		}
		b.add(n)
	}
	return b, nil
}

// hear notes what an event tells of its channel, unless it is of a lower epoch.
func (b *batch) hear(e *runv1.RunEvent, by cause) {
	channel := channelOf(e)
	g := b.channels[channel]
	if g == nil || e.GetEpoch() > g.epoch {
		g = &generation{epoch: e.GetEpoch(), cause: by}
		b.channels[channel] = g
	}
	if e.GetEpoch() == g.epoch && e.GetSettings() != nil {
		g.retentionDays = int(e.GetSettings().GetRetentionDays())
	}
}

func (b *batch) epochs() map[ledger.ChannelID]uint64 {
	epochs := make(map[ledger.ChannelID]uint64, len(b.channels))
	for channel, g := range b.channels {
		epochs[channel] = g.epoch
	}
	return epochs
}

// add replaces what is known of the run unless that is newer.
func (b *batch) add(n *news) {
	i := slices.IndexFunc(b.news, func(known *news) bool { return known.RunID == n.RunID })
	if i >= 0 {
		known := b.news[i]
		if cmp.Or(cmp.Compare(n.Epoch, known.Epoch), cmp.Compare(n.Version, known.Version)) < 0 {
			return
		}
		n.asked = n.asked || known.asked && known.AssignmentNo == n.AssignmentNo
		b.news = slices.Delete(b.news, i, i+1)
	}
	b.news = append(b.news, n)
}

func (b *batch) runs() []uuid.UUID {
	runs := make([]uuid.UUID, len(b.news))
	for i, n := range b.news {
		runs[i] = n.RunID
	}
	return runs
}

// next takes the first news of each channel: a channel's next run is judged by what the one before left behind.
// What was overtaken is passed over.
func (b *batch) next() []*news {
	var next, rest []*news
	taken := map[ledger.ChannelID]bool{}
	for _, n := range b.news {
		switch {
		case n.Version < b.kept[n.RunID].Version:
		case taken[n.Channel]:
			rest = append(rest, n)
		default:
			taken[n.Channel], b.latest[n.Channel] = true, n
			next = append(next, n)
		}
	}
	b.news = rest
	return next
}

// people are all who can be chosen.
func (n *news) people() []ledger.UserID {
	return append(slices.Collect(maps.Keys(n.Orders)), n.Volunteers...)
}

// decide chooses by the channel's ledger, which is without this run. before is what is kept of the run.
func (n *news) decide(before ledger.Posting, l ledger.Ledger) (answer, error) {
	posting, err := before.Follow(n.Snapshot)
	if err != nil {
		return answer{}, err
	}
	posting.AssignmentNo = n.AssignmentNo
	policy, known := policies[n.policy]
	if !known { // absent, or of a newer release
		n.policy = runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE
		policy = policies[n.policy]
	}
	choice, err := policy.Choose(ledger.Request{
		RunID: n.RunID, Orders: n.Orders, Declined: n.Declined, Volunteers: n.Volunteers, Window: n.window, Ledger: l,
	})
	if errors.Is(err, ledger.ErrNobody) {
		return answer{n, posting, nobodyLeft}, nil
	}
	if err != nil {
		return answer{}, fmt.Errorf("choose for run %s: %w", n.RunID, err)
	}
	if posting.Entry, err = ledger.NewEntry(n.RunID, posting.At, n.Orders, choice.Runner); err != nil {
		return answer{}, err
	}
	posting.Explanation, err = encodeExplanation(n.policy, choice)
	return answer{n, posting, label(choice.Rule)}, err
}
