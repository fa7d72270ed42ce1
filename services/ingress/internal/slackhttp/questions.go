package slackhttp

import (
	"context"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// status shows the open run's card again.
func (s *Server) status(ctx context.Context, from click) message.Message {
	run, err := s.openRun(ctx, from.channelID)
	switch {
	case err != nil:
		return message.Broken(telemetry.Ref(ctx))
	case run == nil:
		return message.NoOpenRun()
	}
	return message.Card(run, s.namesOf(ctx, message.Named(run)), "")
}

// end closes or cancels the open run.
func (s *Server) end(ctx context.Context, from click, action string, cmd *commandv1.Command) message.Message {
	run, _ := s.openRun(ctx, from.channelID) // runs has the last word
	from, err := s.asAdmin(ctx, from, run.GetId())
	if err != nil {
		return s.unconfirmed(ctx, action, err)
	}
	return s.send(ctx, from, action, run.GetId(), cmd)
}

const historyLength = 10

// history lists the latest runs that have ended.
func (s *Server) history(ctx context.Context, from click) message.Message {
	runs, err := s.latestRuns(ctx, from.channelID, historyLength+1) // the newest may not have ended
	if err != nil {
		return message.Broken(telemetry.Ref(ctx))
	}
	var ended []*runv1.Run
	var runners []string
	for _, run := range runs {
		if run.GetEndedAt() != nil && len(ended) < historyLength {
			ended, runners = append(ended, run), append(runners, run.GetAssignment().GetRunnerId())
		}
	}
	return message.History(ended, s.namesOf(ctx, runners))
}

// fairness shows who owes what.
func (s *Server) fairness(ctx context.Context, from click) message.Message {
	standings, err := s.standings(ctx, from.channelID)
	if err != nil {
		return message.Broken(telemetry.Ref(ctx))
	}
	settings, _ := s.settings(ctx, from.channelID) // unknown: the usual rule
	var owing []string
	for _, c := range standings[:min(len(standings), message.MostStandings)] {
		owing = append(owing, c.GetUserId())
	}
	return message.Standings(standings, settings.GetPolicy(), settings.GetFairnessWindow(), s.namesOf(ctx, owing))
}

// why opens the numbers behind the choice of a runner.
func (s *Server) why(ctx context.Context, from click, runID string) message.Message {
	run, err := s.run(ctx, runID)
	switch {
	case err != nil:
		return message.Broken(telemetry.Ref(ctx))
	case run == nil:
		return message.UnknownRun()
	}
	if err := s.Slack.OpenView(ctx, from.triggerID, message.WhyModal(run, s.namesOf(ctx, message.Named(run)))); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "explanation not opened", "error", err)
		return message.ModalFailed(telemetry.Ref(ctx))
	}
	return message.Message{}
}

// typedUsual tells someone their usual, or makes a drink that.
func (s *Server) typedUsual(ctx context.Context, from click, drink string) message.Message {
	if drink == "" {
		usual, err := s.usual(ctx, from)
		if err != nil {
			return message.Broken(telemetry.Ref(ctx))
		}
		return message.YourUsual(usual)
	}
	if problem := drinkProblem(drink); problem != "" {
		return message.Usage(problem, "usual Flat white")
	}
	said := s.send(ctx, from, message.ActionSaveUsual, "", &commandv1.Command{
		What: &commandv1.Command_SaveUsual{SaveUsual: &commandv1.SaveUsual{Drink: drink, Quantity: 1}},
	})
	if said.Text == "" {
		return message.UsualSaved(drink)
	}
	return said
}

func (s *Server) clearUsual(ctx context.Context, from click) message.Message {
	said := s.send(ctx, from, message.ActionForget, "", &commandv1.Command{What: &commandv1.Command_ClearUsual{ClearUsual: &commandv1.ClearUsual{}}})
	if said.Text == "" {
		return message.UsualCleared()
	}
	return said
}
