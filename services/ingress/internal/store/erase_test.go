package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/delivery"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

func TestAnErasedPersonIsForgotten(t *testing.T) {
	k := newKitchen(t)
	run := event("r1", 1, open)
	usual := event("r1", 2, open)
	usual.What = &runv1.RunEvent_UsualSaved{UsualSaved: &runv1.UsualSaved{Usual: &runv1.Usual{UserId: ana, Drink: "Tea", Quantity: 1}}}
	other := event("r1", 3, open)
	other.What = &runv1.RunEvent_UsualSaved{UsualSaved: &runv1.UsualSaved{Usual: &runv1.Usual{UserId: "U0BEN", Drink: "Tea", Quantity: 1}}}
	placed := event("r1", 4, open)
	placed.What = &runv1.RunEvent_OrderPlaced{OrderPlaced: &runv1.OrderPlaced{UserId: ana, Usual: true}}
	settings := event("", 0, open)
	settings.Run, settings.ActorId = nil, "U0BEN"
	settings.Settings = &runv1.ChannelSettings{Version: 1, AdminIds: []string{ana}}
	settings.What = &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{Previous: &runv1.ChannelSettings{}}}
	_, err := k.apply(0, delivery.Of(placed, delivery.Cause{}), run, usual, other, placed, settings)
	require.NoError(t, err)
	require.NoError(t, k.SavePerson(t.Context(), office, people.Known{Person: people.Person{UserID: ana, Name: "Ana"}, SeenAt: time.Now()}))
	personally := func(what *runv1.RunEvent) {
		what.WorkspaceId, what.OccurredAt = office, timestamppb.Now()
		require.NoError(t, k.db.InTx(t.Context(), func(tx *postgres.Tx) error { return k.SavePersonal(t.Context(), tx, []*runv1.RunEvent{what}) }))
	}
	personally(&runv1.RunEvent{What: &runv1.RunEvent_PersonalSettingsChanged{PersonalSettingsChanged: &runv1.PersonalSettingsChanged{
		UserId: ana, Settings: &runv1.PersonalSettings{Version: 3},
	}}})

	gone := &runv1.RunEvent_PersonErased{PersonErased: &runv1.PersonErased{UserId: ana, ReplacedBy: "erased-1"}}
	without := event("r1", 5, open)
	without.Settings.Version, without.Run.InitiatorId, without.What = 2, "erased-1", gone
	_, err = k.apply(0, nil, without)
	require.NoError(t, err)
	personally(&runv1.RunEvent{What: gone})

	for _, table := range []string{"run", "usual", "delivery", "settings_change", "person", "personal_settings", "channel"} {
		var left int
		require.NoError(t, k.db.Read(t.Context()).Raw("SELECT count(*) FILTER (WHERE t::text LIKE '%U0ANA%' OR position(encode('U0ANA', 'hex') IN t::text) > 0) FROM ingress."+table+" t").Row().Scan(&left))
		require.Zero(t, left, table)
	}
	kept, err := k.Usual(t.Context(), office, coffee, "U0BEN")
	require.NoError(t, err)
	require.Equal(t, "Tea", kept.GetDrink(), "of others all is kept")
}
