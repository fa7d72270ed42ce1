package store_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/store"
)

const (
	office = "T0COFFEE"
	coffee = "C0COFFEE"
	ana    = "U0ANA"
)

type kitchen struct {
	*store.Store
	t        *testing.T
	db       *postgres.DB
	database *testkit.Database
}

func newKitchen(t *testing.T) *kitchen {
	t.Helper()
	t.Parallel()
	database := testkit.Postgres(t)
	tel, _ := testkit.Telemetry(t)
	db, err := postgres.Open(postgres.Config{URL: database.URL, MaxConnections: 5}, store.Role, tel)
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return &kitchen{store.New(db, time.Minute), t, db, database}
}

// apply applies events and claims up to limit of the deliveries.
func (k *kitchen) apply(limit int, deliveries []delivery.Delivery, events ...*runv1.RunEvent) ([]delivery.Claim, error) {
	var claims []delivery.Claim
	err := k.db.InTx(k.t.Context(), func(tx *postgres.Tx) (err error) {
		claims, err = k.Apply(k.t.Context(), tx, events, deliveries, limit)
		return err
	})
	return claims, err
}

func event(id string, version uint64, status runv1.RunStatus) *runv1.RunEvent {
	return &runv1.RunEvent{
		Id: "e-" + id, WorkspaceId: office, ChannelId: coffee, Epoch: 1, OccurredAt: timestamppb.Now(),
		Settings: &runv1.ChannelSettings{Enabled: true, ReminderOffsetMinutes: 5},
		Run: &runv1.Run{
			Id: id, WorkspaceId: office, ChannelId: coffee, Version: version, Status: status, InitiatorId: ana,
			StartedAt: timestamppb.Now(), PickupAt: timestamppb.New(time.Now().Add(time.Hour)),
		},
		What: &runv1.RunEvent_RunStarted{RunStarted: &runv1.RunStarted{}},
	}
}

const (
	open   = runv1.RunStatus_RUN_STATUS_OPEN
	closed = runv1.RunStatus_RUN_STATUS_CLOSED
)

func TestNothingIsKnownAtFirst(t *testing.T) {
	k := newKitchen(t)
	run, err := k.Run(t.Context(), office, "r1")
	require.NoError(t, err)
	require.Nil(t, run)
	usual, err := k.Usual(t.Context(), office, coffee, ana)
	require.NoError(t, err)
	require.Nil(t, usual)
}

func TestTheNewestUsualCounts(t *testing.T) {
	k := newKitchen(t)
	saved := func(drink string, at time.Time) *runv1.RunEvent {
		return &runv1.RunEvent{
			Id: drink, WorkspaceId: office, ChannelId: coffee, Epoch: 1, OccurredAt: timestamppb.New(at),
			What: &runv1.RunEvent_UsualSaved{UsualSaved: &runv1.UsualSaved{Usual: &runv1.Usual{UserId: ana, Drink: drink, Quantity: 1}}},
		}
	}
	now := time.Now()
	_, err := k.apply(0, nil, saved("Tea", now), saved("Flat white", now.Add(time.Second)))
	require.NoError(t, err)
	_, err = k.apply(0, nil, saved("Tea", now)) // published again
	require.NoError(t, err)
	usual, err := k.Usual(t.Context(), office, coffee, ana)
	require.NoError(t, err)
	require.True(t, proto.Equal(&runv1.Usual{UserId: ana, Drink: "Flat white", Quantity: 1}, usual))
}

func TestOnlyTheNewestAttemptIsRecorded(t *testing.T) {
	k := newKitchen(t)
	e := event("r1", 1, open)
	claims, err := k.apply(10, delivery.Of(e, delivery.Cause{}), e)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	late := claims[0]
	require.False(t, late.Unsure)
	require.Equal(t, "r1", late.Run.GetId())
	require.EqualValues(t, 5, late.Settings.GetReminderOffsetMinutes())

	none, err := k.Claim(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, none, "it is leased")
	k.database.Exec(`UPDATE ingress.delivery SET leased_until = now()`)
	claims, err = k.Claim(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.True(t, claims[0].Unsure, "the first attempt may have posted it")
	require.Equal(t, "r1", claims[0].Run.GetId())
	require.EqualValues(t, 5, claims[0].Settings.GetReminderOffsetMinutes())

	_, err = k.Finish(t.Context(), []delivery.Result{{ID: late.ID, Attempt: late.Attempt, Outcome: delivery.Failed, Error: "late"}})
	require.NoError(t, err)
	_, err = k.Finish(t.Context(), []delivery.Result{{
		ID: claims[0].ID, Attempt: claims[0].Attempt, Outcome: delivery.Sent, Version: 1, MessageChannel: coffee, MessageTS: "1.1",
	}})
	require.NoError(t, err)
	_, err = k.Finish(t.Context(), []delivery.Result{{ID: late.ID, Attempt: late.Attempt, Outcome: delivery.Again}})
	require.NoError(t, err)
	var state, code string
	require.NoError(t, k.database.Connect().QueryRow(t.Context(), `SELECT state, error FROM ingress.delivery`).Scan(&state, &code))
	require.Equal(t, "sent", state)
	require.Empty(t, code)
}

func TestABatchClaimsNoMoreThanThereIsRoomFor(t *testing.T) {
	k := newKitchen(t)
	var events []*runv1.RunEvent
	var deliveries []delivery.Delivery
	for _, id := range []string{"r1", "r2", "r3"} {
		e := event(id, 1, open)
		e.ChannelId, e.Run.ChannelId = "C-"+id, "C-"+id
		events, deliveries = append(events, e), append(deliveries, delivery.Of(e, delivery.Cause{})...)
	}
	claims, err := k.apply(2, deliveries, events...)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	rest, err := k.Claim(t.Context(), 10)
	require.NoError(t, err)
	require.Len(t, rest, 1)
	require.False(t, rest[0].Unsure)
}

func TestAFinishedDeliverySaysWhetherAnotherWaits(t *testing.T) {
	k := newKitchen(t)
	e := event("r1", 1, open)
	claims, err := k.apply(10, delivery.Of(e, delivery.Cause{}), e)
	require.NoError(t, err)
	finish := func(c delivery.Claim) (more bool) {
		more, err := k.Finish(t.Context(), []delivery.Result{{
			ID: c.ID, Attempt: c.Attempt, Outcome: delivery.Sent, Version: c.Version, GoesOn: true, MessageChannel: coffee, MessageTS: "1.1",
		}})
		require.NoError(t, err)
		return more
	}
	require.False(t, finish(claims[0]))
	k.database.Exec(`UPDATE ingress.delivery SET sent_at = now() - interval '1 minute'`)

	e = event("r1", 2, open)
	e.What = &runv1.RunEvent_OrderPlaced{OrderPlaced: &runv1.OrderPlaced{UserId: ana, Usual: true}}
	claims, err = k.apply(10, delivery.Of(e, delivery.Cause{}), e)
	require.NoError(t, err)
	require.Len(t, claims, 2)
	i := slices.IndexFunc(claims, func(c delivery.Claim) bool { return c.Kind == delivery.Answer })
	answer := claims[i]
	require.False(t, finish(answer), "the card is under way")

	k.database.Exec(`UPDATE ingress.delivery SET leased_until = '-infinity', state = 'pending'`)
	require.True(t, finish(answer), "the card waits")
}

func TestTheBacklogSaysWhenToLookAgain(t *testing.T) {
	k := newKitchen(t)
	b, err := k.Backlog(t.Context())
	require.NoError(t, err)
	require.Equal(t, delivery.Backlog{Next: -1}, b)
	e := event("r1", 1, open)
	d := delivery.Of(e, delivery.Cause{})
	d[0].After = 10 * time.Second
	_, err = k.apply(10, d, e)
	require.NoError(t, err)
	b, err = k.Backlog(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, b.Pending)
	require.InDelta(t, 10, b.Next.Seconds(), 5)
	k.database.Exec(`UPDATE ingress.delivery SET due_at = now() - interval '1 hour'`)
	b, err = k.Backlog(t.Context())
	require.NoError(t, err)
	require.Zero(t, b.Next)
}

func TestWhatCannotBeIsRefused(t *testing.T) {
	k := newKitchen(t)
	nobody := event("r1", 1, closed)
	nobody.What = &runv1.RunEvent_RunnerAssigned{RunnerAssigned: &runv1.RunnerAssigned{}} // without a runner
	_, err := k.apply(10, delivery.Of(nobody, delivery.Cause{}), nobody)
	require.NotEmpty(t, postgres.Constraint(err), "such an event is dead-lettered: %v", err)
	require.False(t, postgres.Infrastructure(err))
}

func TestPeopleAreKept(t *testing.T) {
	k := newKitchen(t)
	ctx := context.Background()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	now := time.Now().Truncate(time.Microsecond)
	known := people.Known{Person: people.Person{UserID: ana, Name: "Ana", Zone: berlin, WorkspaceAdmin: true}, SeenAt: now}
	require.NoError(t, k.SavePerson(ctx, office, known))
	older := known
	older.Name, older.SeenAt = "Anna", now.Add(-time.Hour)
	require.NoError(t, k.SavePerson(ctx, office, older))
	require.NoError(t, k.SavePerson(ctx, office, people.Known{Person: people.Person{UserID: "U0BEN", Name: "Ben"}, SeenAt: now}))

	got, err := k.People(ctx, office, []string{ana, "U0BEN", "U0NOBODY"})
	require.NoError(t, err)
	require.Len(t, got, 2)
	for _, p := range got {
		if p.UserID == ana {
			require.Equal(t, known.Person.Zone.String(), p.Zone.String())
			require.Equal(t, "Ana", p.Name)
			require.True(t, p.WorkspaceAdmin)
		} else {
			require.Nil(t, p.Zone)
		}
	}
}
