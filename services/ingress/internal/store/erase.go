package store

import (
	"github.com/jackc/pgx/v5"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// erase deletes what is kept of a person ($2) in a channel ($3), or in all of the workspace if it is empty. Runs come anew,
// without them; standings too. What Slack shows stays there, and cards follow their runs. Of the changes of settings
// those go that name the person among the channel's admins.
var erase = []string{
	`DELETE FROM ingress.usual WHERE workspace_id = $1 AND user_id = $2 AND ($3 = '' OR channel_id = $3)`,
	`DELETE FROM ingress.delivery WHERE workspace_id = $1 AND $2 IN (user_id, conversation) AND ($3 = '' OR channel_id = $3)`,
	`DELETE FROM ingress.settings_change WHERE workspace_id = $1 AND ($3 = '' OR channel_id = $3)
		AND (actor_id = $2 OR position(convert_to($2, 'UTF8') IN previous) > 0 OR position(convert_to($2, 'UTF8') IN settings) > 0)`,
}

var erasePersonal = []string{
	`DELETE FROM ingress.person WHERE workspace_id = $1 AND user_id = $2`,
	`DELETE FROM ingress.personal_settings WHERE workspace_id = $1 AND user_id = $2`,
}

// queueErasure forgets a person if the event says so: all that is theirs if it is personal, else in its channel.
func queueErasure(batch *pgx.Batch, e *runv1.RunEvent) {
	erased := e.GetPersonErased()
	if erased == nil {
		return
	}
	for _, sql := range erase {
		batch.Queue(sql, e.GetWorkspaceId(), erased.GetUserId(), e.GetChannelId())
	}
	if e.GetChannelId() != "" {
		return
	}
	for _, sql := range erasePersonal {
		batch.Queue(sql, e.GetWorkspaceId(), erased.GetUserId())
	}
}
