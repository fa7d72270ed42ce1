package store_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/postgres"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

func TestWhatIsOldIsPurged(t *testing.T) {
	k := newKitchen(t)
	old, young, elsewhere := started("old", coffee, 31*24*60, closed), started("young", coffee, 29*24*60, closed), started("elsewhere", "C0TEA", 31*24*60, closed)
	old.Settings.RetentionDays, young.Settings.RetentionDays, elsewhere.Settings.RetentionDays = 30, 30, 90
	_, err := k.apply(0, nil, old, young, elsewhere)
	require.NoError(t, err)
	k.database.Exec(`UPDATE ingress.channel SET purge_due_at = now();
		INSERT INTO ingress.person VALUES ('T0COFFEE', 'U0LEFT', 'Lea', '', false, false, false, now() - interval '366 days'),
			('T0COFFEE', 'U0HERE', 'Hal', '', false, false, false, now() - interval '364 days');
		INSERT INTO ingress.pause VALUES ('T0COFFEE', 'chat.update', now() - interval '2 days'), ('T0COFFEE', 'chat.postMessage', now())`)
	var steps int
	for more := true; more; steps++ {
		more, err = k.PurgeOld(t.Context(), time.Now().Add(time.Second))
		require.NoError(t, err)
	}
	require.Equal(t, 3, steps, "each channel once a day")
	latest, err := k.LatestRuns(t.Context(), office, coffee, 10)
	require.NoError(t, err)
	require.Len(t, latest, 1)
	require.Equal(t, "young", latest[0].GetId())
	kept, err := k.Run(t.Context(), office, "elsewhere")
	require.NoError(t, err)
	require.NotNil(t, kept, "another channel keeps longer")
	for _, table := range []string{"person", "pause"} {
		var n int
		require.NoError(t, k.db.Read(t.Context()).Raw("SELECT count(*) FROM ingress."+table).Row().Scan(&n))
		require.Equal(t, 1, n, table)
	}
}

func TestAResetIsFollowed(t *testing.T) {
	k := newKitchen(t)
	saved := event("r1", 2, open)
	saved.What = &runv1.RunEvent_UsualSaved{UsualSaved: &runv1.UsualSaved{Usual: &runv1.Usual{UserId: ana, Drink: "Tea", Quantity: 1}}}
	_, err := k.apply(0, nil, started("r1", coffee, 1, open), saved, started("elsewhere", "C0TEA", 1, open))
	require.NoError(t, err)
	reset := event("", 0, 0)
	reset.Run, reset.Epoch, reset.What = nil, 2, &runv1.RunEvent_ChannelReset{ChannelReset: &runv1.ChannelReset{}}
	_, err = k.apply(0, nil, reset, started("r1", coffee, 1, open)) // with one from before it, again
	require.NoError(t, err)
	run, err := k.Run(t.Context(), office, "r1")
	require.NoError(t, err)
	require.Nil(t, run)
	usual, err := k.Usual(t.Context(), office, coffee, ana)
	require.NoError(t, err)
	require.Nil(t, usual)
	run, err = k.Run(t.Context(), office, "elsewhere")
	require.NoError(t, err)
	require.NotNil(t, run)
}

func TestChangesOfSettingsAreRemembered(t *testing.T) {
	k := newKitchen(t)
	for version := range uint64(8) {
		e := event("", 0, 0)
		e.Run, e.ActorId = nil, ana
		e.Settings.Version = version
		if version == 3 { // nothing changed
			e.Settings.Version = 2
		}
		e.What = &runv1.RunEvent_SettingsChanged{SettingsChanged: &runv1.SettingsChanged{Previous: &runv1.ChannelSettings{Version: max(version, 1) - 1}}}
		if version == 3 {
			e.GetSettingsChanged().Previous.Version = 2
		}
		_, err := k.apply(0, nil, e)
		require.NoError(t, err)
	}
	changes, err := k.SettingsChanges(t.Context(), office, coffee)
	require.NoError(t, err)
	require.Len(t, changes, 4, "the latest five numbers, of which one changed nothing")
	require.EqualValues(t, 7, changes[0].GetSettings().GetVersion())
	require.Equal(t, ana, changes[0].GetActorId())
}

func TestPersonalSettingsAreTheNewest(t *testing.T) {
	k := newKitchen(t)
	settings, err := k.Personal(t.Context(), office, ana)
	require.NoError(t, err)
	require.Nil(t, settings)
	for _, version := range []uint64{2, 1} {
		require.NoError(t, k.db.InTx(t.Context(), func(tx *postgres.Tx) error {
			return k.SavePersonal(t.Context(), tx, []*runv1.RunEvent{{
				WorkspaceId: office, What: &runv1.RunEvent_PersonalSettingsChanged{PersonalSettingsChanged: &runv1.PersonalSettingsChanged{
					UserId: ana, Settings: &runv1.PersonalSettings{Version: version, Reminders: version == 1},
				}},
			}})
		}))
	}
	settings, err = k.Personal(t.Context(), office, ana)
	require.NoError(t, err)
	require.False(t, settings.GetReminders())
	channels, usuals, err := k.Usuals(t.Context(), office, ana, 10)
	require.NoError(t, err)
	require.Empty(t, channels)
	require.Empty(t, usuals)
}
