package slack

import (
	"cmp"
	"context"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

// Person describes a person, as users.info has it.
func (c *Client) Person(ctx context.Context, userID string) (people.Person, error) {
	var user *slackgo.User
	err := c.call(ctx, "users.info", func(ctx context.Context) (err error) {
		user, err = c.api.GetUserInfoContext(ctx, userID)
		return err
	})
	if err != nil {
		return people.Person{}, err
	}
	return PersonOf(user), nil
}

// PersonOf is what Slack's description of someone says.
func PersonOf(user *slackgo.User) people.Person {
	return people.Person{
		UserID:         user.ID,
		Name:           cmp.Or(user.Profile.DisplayName, user.Profile.RealName, user.RealName, user.Name, people.Someone),
		Zone:           zone(user),
		WorkspaceAdmin: user.IsAdmin || user.IsOwner || user.IsPrimaryOwner,
		Bot:            user.IsBot,
		Deactivated:    user.Deleted,
	}
}

func zone(user *slackgo.User) *time.Location {
	if user.TZ == "" {
		return nil
	}
	location, err := time.LoadLocation(user.TZ)
	if err != nil {
		return nil
	}
	return location
}
