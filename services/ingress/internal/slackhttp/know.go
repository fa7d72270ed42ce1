package slackhttp

import (
	"context"
	"slices"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/people"
)

// ask puts a question that has an answer to fall back on: it may take askBudget and fail.
func ask[T any](ctx context.Context, s *Server, what string, question func(ctx context.Context, workspaceID string) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, askBudget)
	defer cancel()
	workspaceID, err := s.Slack.Workspace(ctx)
	var answer T
	if err == nil {
		answer, err = question(ctx, workspaceID)
	}
	if err != nil {
		s.Telemetry.Log.WarnContext(ctx, "not known", "what", what, "error", err)
	}
	return answer, err
}

func (s *Server) run(ctx context.Context, runID string) (*runv1.Run, error) {
	return ask(ctx, s, "run", func(ctx context.Context, workspaceID string) (*runv1.Run, error) {
		return s.Knowledge.Run(ctx, workspaceID, runID)
	})
}

func (s *Server) usual(ctx context.Context, from click) (*runv1.Usual, error) {
	return ask(ctx, s, "usual", func(ctx context.Context, workspaceID string) (*runv1.Usual, error) {
		return s.Knowledge.Usual(ctx, workspaceID, from.channelID, from.userID)
	})
}

func (s *Server) openRun(ctx context.Context, channelID string) (*runv1.Run, error) {
	return ask(ctx, s, "open run", func(ctx context.Context, workspaceID string) (*runv1.Run, error) {
		return s.Knowledge.OpenRun(ctx, workspaceID, channelID)
	})
}

func (s *Server) latestRuns(ctx context.Context, channelID string, limit int) ([]*runv1.Run, error) {
	return ask(ctx, s, "latest runs", func(ctx context.Context, workspaceID string) ([]*runv1.Run, error) {
		return s.Knowledge.LatestRuns(ctx, workspaceID, channelID, limit)
	})
}

// settings are a channel's, nil if nothing happened there yet.
func (s *Server) settings(ctx context.Context, channelID string) (*runv1.ChannelSettings, error) {
	return ask(ctx, s, "settings", func(ctx context.Context, workspaceID string) (*runv1.ChannelSettings, error) {
		return s.Knowledge.Settings(ctx, workspaceID, channelID)
	})
}

func (s *Server) standings(ctx context.Context, channelID string) ([]*runv1.Candidate, error) {
	return ask(ctx, s, "standings", func(ctx context.Context, workspaceID string) ([]*runv1.Candidate, error) {
		return s.Knowledge.Standings(ctx, workspaceID, channelID)
	})
}

// person is who someone is, and whether the installation counts them among the workspace's admins.
func (s *Server) person(ctx context.Context, userID string) (people.Person, error) {
	person, err := s.slackPerson(ctx, userID)
	if slices.Contains(s.Admins, userID) {
		person.WorkspaceAdmin, err = true, nil
	}
	return person, err
}

func (s *Server) slackPerson(ctx context.Context, userID string) (people.Person, error) {
	return ask(ctx, s, "person", func(ctx context.Context, workspaceID string) (people.Person, error) {
		return s.People.Person(ctx, workspaceID, userID)
	})
}

// expect has someone looked up while they go on: a card will name them soon.
func (s *Server) expect(ctx context.Context, userID string) {
	if workspaceID, err := s.Slack.Workspace(ctx); err == nil {
		s.People.Expect(ctx, workspaceID, userID)
	}
}

func (s *Server) names(ctx context.Context) message.Names {
	return func(userID string) string {
		person, err := s.slackPerson(ctx, userID)
		if err != nil {
			return people.Someone
		}
		return person.Name
	}
}

// namesOf looks up the people whom a table names, all at once.
func (s *Server) namesOf(ctx context.Context, userIDs []string) message.Names {
	names, err := ask(ctx, s, "names", func(ctx context.Context, workspaceID string) (message.Names, error) {
		return s.People.Names(ctx, workspaceID, userIDs), nil
	})
	if err != nil {
		return func(string) string { return people.Someone }
	}
	return names
}

// started reports whether a run is known to be someone's own.
func (s *Server) started(ctx context.Context, runID, userID string) bool {
	run, err := s.run(ctx, runID)
	return err == nil && run.GetInitiatorId() == userID
}
