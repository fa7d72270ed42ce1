package events_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

func TestAnErasedPersonIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	run := newBrew()
	runner := run.Assignment.RunnerId
	b.handle(run.tells(), record(&runv1.RunEvent{WorkspaceId: "T1", What: &runv1.RunEvent_PersonalSettingsChanged{
		PersonalSettingsChanged: &runv1.PersonalSettingsChanged{UserId: runner, Settings: &runv1.PersonalSettings{Version: 1, Reminders: true}},
	}}))
	fired, _ := b.fire(b.clock)
	require.Equal(t, 1, fired)
	erased := &runv1.PersonErased{UserId: runner, ReplacedBy: "erased-1"}
	run.Version++
	run.Assignment.RunnerId = erased.ReplacedBy
	b.handle(
		record(&runv1.RunEvent{WorkspaceId: "T1", What: &runv1.RunEvent_PersonErased{PersonErased: erased}}),
		record(&runv1.RunEvent{WorkspaceId: run.WorkspaceId, ChannelId: run.ChannelId, Epoch: 1, Run: run.Run, What: &runv1.RunEvent_PersonErased{PersonErased: erased}}),
	)
	for _, table := range []string{"person", "timer", "run"} {
		var n int
		require.NoError(t, b.db.Read(t.Context()).Raw("SELECT count(*) FROM reminder."+table+" t WHERE position(convert_to(?, 'UTF8') IN convert_to(t::text, 'UTF8')) > 0", runner).Row().Scan(&n))
		require.Zero(t, n, table)
	}
}
