package slackhttp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/slack-go/slack"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/pkg/telemetry"
	commandv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/command/v1"
	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
	"github.com/coffeebuddy/coffeebuddy/services/ingress/internal/message"
)

// openAdmin opens the channel's settings, for those who may change them. runs decides again when they are saved.
func (s *Server) openAdmin(ctx context.Context, from click) message.Message {
	settings, err := s.settingsOrDefaults(ctx, from.channelID)
	if err != nil {
		return message.Broken(telemetry.Ref(ctx))
	}
	if !slices.Contains(settings.GetAdminIds(), from.userID) {
		person, err := s.person(ctx, from.userID)
		switch {
		case err != nil:
			return message.Broken(telemetry.Ref(ctx))
		case !person.WorkspaceAdmin:
			return message.NotAdmin(settings, s.names(ctx))
		}
	}
	changes, _ := ask(ctx, s, "changes of settings", func(ctx context.Context, workspaceID string) ([]*runv1.RunEvent, error) {
		return s.Knowledge.SettingsChanges(ctx, workspaceID, from.channelID)
	})
	form := message.SettingsModal{ChannelID: from.channelID, Settings: settings, Changes: changes, RemindersOff: s.RemindersOff}
	if err := s.Slack.OpenView(ctx, from.triggerID, form.View(s.names(ctx))); err != nil {
		s.Telemetry.Log.WarnContext(ctx, "settings form not opened", "error", err)
		return message.ModalFailed(telemetry.Ref(ctx))
	}
	return message.Message{}
}

// settingsOrDefaults are a channel's settings, or the installation's where nothing happened yet.
func (s *Server) settingsOrDefaults(ctx context.Context, channelID string) (*runv1.ChannelSettings, error) {
	settings, err := s.settings(ctx, channelID)
	if err != nil || settings != nil {
		return settings, err
	}
	return proto.CloneOf(s.Defaults), nil
}

// disabled says that runs cannot be started in a channel, if that is known. An empty message: they can, as far as is known.
func (s *Server) disabled(ctx context.Context, channelID string) message.Message {
	settings, _ := s.settings(ctx, channelID)
	if settings == nil || settings.GetEnabled() {
		return message.Message{}
	}
	return message.Disabled(settings, s.names(ctx))
}

// savesSettings reads the settings form. What is out of bounds is said in its field.
func (s *Server) savesSettings(ctx context.Context, in interaction) (any, error) {
	about, known := settingsOf(in.View)
	if !known {
		return slack.NewUpdateViewSubmissionResponse(message.OldForm()), nil
	}
	entered := in.View.State.Values
	settings, faults := &runv1.ChannelSettings{}, map[string]string{}
	for _, o := range entered[message.BlockSwitches][message.BlockSwitches].SelectedOptions {
		settings.Enabled = settings.Enabled || o.Value == message.SwitchEnabled
		settings.Reminders = settings.Reminders || o.Value == message.SwitchReminders
		settings.LastCall = settings.LastCall || o.Value == message.SwitchLastCall
	}
	for _, bound := range message.Bounds {
		if problem := bound.Set(settings, entered[bound.Block][bound.Block].Value); problem != "" {
			faults[bound.Block] = problem
		}
	}
	settings.Policy = runv1.FairnessPolicy_FAIRNESS_POLICY_FAIR_SHARE
	if entered[message.BlockPolicy][message.BlockPolicy].SelectedOption.Value == message.PolicyRotation {
		settings.Policy = runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION
	}
	settings.AdminIds = entered[message.BlockAdmins][message.BlockAdmins].SelectedUsers
	if len(faults) > 0 {
		return slack.NewErrorsViewSubmissionResponse(faults), nil
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(settings)
	if err != nil {
		return nil, errBad // text that is no UTF-8
	}
	from := click{id: derive("settings", in.View.ID, in.User.ID, string(raw)), userID: in.User.ID, channelID: about.ChannelID}
	said := s.sendAsAdmin(ctx, from, message.ActionSettings, &commandv1.Command{What: &commandv1.Command_ChangeSettings{
		ChangeSettings: &commandv1.ChangeSettings{Settings: settings, IfVersion: about.Version},
	}})
	if said.Text != "" { // the form stays open, so what was chosen is not lost
		return slack.NewErrorsViewSubmissionResponse(map[string]string{message.BlockOffset: said.Text}), nil
	}
	return nil, nil
}

// askReset puts the form that confirms a reset on top of the settings.
func (s *Server) askReset(ctx context.Context, in interaction) error {
	about, known := settingsOf(in.View)
	if !known {
		return nil // the form says so when it is sent
	}
	name, err := s.Slack.ChannelName(ctx, about.ChannelID)
	if err == nil {
		err = s.Slack.PushView(ctx, in.TriggerID, message.ResetModal(about.ChannelID, name))
	}
	if err != nil {
		s.Telemetry.Log.WarnContext(ctx, "reset form not opened", "error", err)
	}
	return nil
}

// resets purges a channel's data once its name was typed.
func (s *Server) resets(ctx context.Context, in interaction) (any, error) {
	about, known := settingsOf(in.View)
	if !known {
		return slack.NewUpdateViewSubmissionResponse(message.OldForm()), nil
	}
	typed := strings.TrimPrefix(message.OneLine(in.View.State.Values[message.BlockName][message.BlockName].Value), "#")
	fault := func(problem string) any {
		return slack.NewErrorsViewSubmissionResponse(map[string]string{message.BlockName: problem})
	}
	if typed != about.Name {
		return fault("That is not this channel's name: " + about.Name), nil
	}
	from := click{id: derive("reset", in.View.ID, in.User.ID), userID: in.User.ID, channelID: about.ChannelID}
	said := s.sendAsAdmin(ctx, from, message.ActionReset, &commandv1.Command{What: &commandv1.Command_ResetChannel{ResetChannel: &commandv1.ResetChannel{}}})
	if said.Text != "" {
		return fault(said.Text), nil
	}
	begun := message.ResetBegun()
	return slack.NewUpdateViewSubmissionResponse(&begun), nil
}

// sendAsAdmin sends what only admins may ask.
func (s *Server) sendAsAdmin(ctx context.Context, from click, action string, cmd *commandv1.Command) message.Message {
	ctx = from.context(ctx)
	if person, err := s.person(ctx, from.userID); err == nil { // else they may be one of the channel's
		from.admin = person.WorkspaceAdmin
	}
	return s.send(ctx, from, action, "", cmd)
}

// settingsOf is what a settings form is about. False: it is another form, or from another version.
func settingsOf(form view) (about message.SettingsContext, known bool) {
	err := json.Unmarshal([]byte(form.PrivateMetadata), &about)
	return about, err == nil && about.ChannelID != ""
}
