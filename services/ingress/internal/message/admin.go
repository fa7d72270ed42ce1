package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/slack-go/slack"

	runv1 "github.com/coffeebuddy/coffeebuddy/proto/gen/coffeebuddy/run/v1"
)

// Names inside the settings forms, as they come back.
const (
	CallbackSettings = "settings"
	CallbackReset    = "reset"

	BlockSwitches   = "switches" // checkboxes with the values below
	SwitchEnabled   = "enabled"
	SwitchReminders = "reminders"
	SwitchLastCall  = "last_call"

	BlockOffset    = "reminder_offset"
	BlockLastCall  = "last_call_lead"
	BlockClosing   = "closing_lead"
	BlockPickup    = "default_pickup"
	BlockPolicy    = "policy"
	BlockWindow    = "window"
	BlockRetention = "retention"
	BlockAdmins    = "admins"
	BlockName      = "name" // of the channel that is to be reset

	ActionReset = "reset" // opens the second form

	PolicyFairShare = "fair_share"
	PolicyRotation  = "rotation"
)

// Bound is what a number among the settings may be; runs and the database enforce it, too.
type Bound struct {
	Block, Label string
	Least, Most  int
	of           func(*runv1.ChannelSettings) *uint32
}

// Bounds are the numbers among the settings, in the order of the form.
var Bounds = []Bound{
	{BlockOffset, "Remind the runner, minutes before pickup", 1, 60, func(s *runv1.ChannelSettings) *uint32 { return &s.ReminderOffsetMinutes }},
	{BlockLastCall, "Last call, minutes before pickup", 1, 30, func(s *runv1.ChannelSettings) *uint32 { return &s.LastCallLeadMinutes }},
	{BlockClosing, "Close ordering, minutes before pickup (0: only by hand)", 0, 60, func(s *runv1.ChannelSettings) *uint32 { return &s.ClosingLeadMinutes }},
	{BlockPickup, "Pickup when no time is given, minutes from the start", 5, 180, func(s *runv1.ChannelSettings) *uint32 { return &s.DefaultPickupMinutes }},
	{BlockWindow, "Fairness window, in runs", 1, 50, func(s *runv1.ChannelSettings) *uint32 { return &s.FairnessWindow }},
	{BlockRetention, "Keep runs, in days", 30, 365, func(s *runv1.ChannelSettings) *uint32 { return &s.RetentionDays }},
}

// Set puts n into settings. It returns what is wrong with it; empty: nothing.
func (b Bound) Set(settings *runv1.ChannelSettings, entered string) (problem string) {
	n, err := strconv.Atoi(strings.TrimSpace(entered))
	if err != nil || n < b.Least || n > b.Most {
		return fmt.Sprintf("Please enter a whole number from %d to %d.", b.Least, b.Most)
	}
	*b.of(settings) = uint32(n)
	return ""
}

// SettingsContext travels in the settings forms.
type SettingsContext struct {
	ChannelID string `json:"channel"`
	Version   uint64 `json:"version"` // of the settings that are shown
	Name      string `json:"name,omitempty"`
}

// SettingsModal is what the settings form shows.
type SettingsModal struct {
	ChannelID    string
	Settings     *runv1.ChannelSettings
	Changes      []*runv1.RunEvent // the latest changes, the newest first
	RemindersOff bool              // for the whole installation
}

// View lays the form out.
func (m SettingsModal) View(names Names) slack.ModalViewRequest {
	s := m.Settings
	blocks := []slack.Block{mrkdwn("Settings of CoffeeBuddy in %s", channel(m.ChannelID)), switches(s)}
	if m.RemindersOff {
		blocks = append(blocks, small("Reminders and last calls are off for the whole installation, whatever is chosen here."))
	}
	for _, b := range Bounds {
		input := slack.NewNumberInputBlockElement(nil, b.Block, false)
		input.MinValue, input.MaxValue, input.InitialValue = strconv.Itoa(b.Least), strconv.Itoa(b.Most), strconv.Itoa(int(*b.of(s)))
		blocks = append(blocks, slack.NewInputBlock(b.Block, plainText(b.Label), nil, input))
		if b.Block == BlockPickup {
			blocks = append(blocks, policyInput(s))
		}
	}
	admins := slack.NewOptionsMultiSelectBlockElement(slack.MultiOptTypeUser, plainText("Nobody beside the workspace's admins"), BlockAdmins)
	admins.InitialUsers = s.GetAdminIds()
	blocks = append(blocks, slack.NewInputBlock(BlockAdmins, plainText("Channel admins"), nil, admins).WithOptional(true))
	if len(m.Changes) > 0 {
		blocks = append(blocks, slack.NewDividerBlock(), mrkdwn("*Last changes*"))
		for _, e := range m.Changes {
			blocks = append(blocks, small("%s, %s: %s", e.GetOccurredAt().AsTime().Format("2 Jan 15:04 UTC"), names.of(e.GetActorId()), changes(e, names)))
		}
	}
	reset := button(ActionReset, m.ChannelID, "Reset this channel's data").WithStyle(slack.StyleDanger)
	blocks = append(blocks, slack.NewDividerBlock(), mrkdwn("*Danger zone*"), slack.NewActionBlock("danger", reset))
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: CallbackSettings, PrivateMetadata: asJSON(SettingsContext{ChannelID: m.ChannelID, Version: s.GetVersion()}),
		Title: plainText("Settings"), Submit: plainText("Save"), Close: plainText("Cancel"), Blocks: slack.Blocks{BlockSet: blocks},
	}
}

func switches(s *runv1.ChannelSettings) *slack.InputBlock {
	var options, on []*slack.OptionBlockObject
	for _, o := range []struct {
		value, label string
		on           bool
	}{
		{SwitchEnabled, "Runs can be started in this channel", s.GetEnabled()},
		{SwitchReminders, "Remind the runner before pickup", s.GetReminders()},
		{SwitchLastCall, "Last call before ordering closes", s.GetLastCall()},
	} {
		option := slack.NewOptionBlockObject(o.value, plainText(o.label), nil)
		options = append(options, option)
		if o.on {
			on = append(on, option)
		}
	}
	boxes := slack.NewCheckboxGroupsBlockElement(BlockSwitches, options...)
	boxes.InitialOptions = on
	return slack.NewInputBlock(BlockSwitches, plainText("On or off"), nil, boxes).WithOptional(true)
}

func policyInput(s *runv1.ChannelSettings) *slack.InputBlock {
	options := []*slack.OptionBlockObject{
		slack.NewOptionBlockObject(PolicyFairShare, plainText("Fair share: whoever owes most, by what they drank"), nil),
		slack.NewOptionBlockObject(PolicyRotation, plainText("Rotation: whoever ran least lately"), nil),
	}
	choice := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, nil, BlockPolicy, options...)
	choice.InitialOption = options[0]
	if s.GetPolicy() == runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION {
		choice.InitialOption = options[1]
	}
	return slack.NewInputBlock(BlockPolicy, plainText("Who runs"), nil, choice)
}

// ResetModal asks for the channel's name before its data is purged.
func ResetModal(channelID, name string) slack.ModalViewRequest {
	input := slack.NewPlainTextInputBlockElement(plainText(name), BlockName)
	return slack.ModalViewRequest{
		Type: slack.VTModal, CallbackID: CallbackReset, PrivateMetadata: asJSON(SettingsContext{ChannelID: channelID, Name: name}),
		Title: plainText("Reset data"), Submit: plainText("Reset"), Close: plainText("Back"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			mrkdwn("This deletes all runs, orders, usual drinks and the fairness ledger of %s, for good. Its settings and the record of changes stay.", channel(channelID)),
			slack.NewInputBlock(BlockName, plainText("Type the channel's name to confirm"), nil, input),
		}},
	}
}

// ResetBegun answers a confirmed reset, before all have purged their part.
func ResetBegun() slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plainText("Reset data"), Close: plainText("Close"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{plain("The reset is under way. In the channel, I'll tell you alone what was deleted.")}},
	}
}

// NotAdmin refuses someone the settings.
func NotAdmin(settings *runv1.ChannelSettings, names Names) Message {
	return say("Only %s can change CoffeeBuddy's settings here.", whoAdministers(settings, names))
}

// Disabled answers whatever is asked in a channel where runs cannot be started.
func Disabled(settings *runv1.ChannelSettings, names Names) Message {
	return say("CoffeeBuddy is turned off in this channel. To turn it on, ask %s: /coffee admin.", whoAdministers(settings, names))
}

func whoAdministers(settings *runv1.ChannelSettings, names Names) string {
	if admins := settings.GetAdminIds(); len(admins) > 0 {
		return people(admins, names) + " or a workspace admin"
	}
	return "a workspace admin"
}

// SettingsSaved answers who changed a channel's settings.
func SettingsSaved(event *runv1.RunEvent, names Names) Message {
	if event.GetSettingsChanged().GetPrevious().GetVersion() == event.GetSettings().GetVersion() {
		return only("Nothing to change: the settings were like that already.")
	}
	return say("Saved: %s.", changes(event, names))
}

// ResetCompleted tells who asked for a reset what was deleted.
func ResetCompleted(done *runv1.ChannelResetCompleted) Message {
	c := done.GetCounts()
	text := fmt.Sprintf("Purged %s, %s, %s, %s, %s.",
		plural(int(c.GetRuns()), "run", "runs"), plural(int(c.GetOrders()), "order", "orders"), plural(int(c.GetUsuals()), "usual", "usuals"),
		plural(int(c.GetLedgerEntries()), "ledger entry", "ledger entries"), plural(int(c.GetReminders()), "reminder", "reminders"))
	if slices.Contains(done.GetMissing(), "fairness") {
		text += " The ledger will follow."
	}
	if slices.Contains(done.GetMissing(), "reminder") {
		text += " Reminders will follow."
	}
	return only("%s", text)
}

// changes are the settings that an event changed, with what they were and are.
func changes(e *runv1.RunEvent, names Names) string {
	from, to := e.GetSettingsChanged().GetPrevious(), e.GetSettings()
	var all []string
	add := func(what string, was, is any) {
		if was != is {
			all = append(all, fmt.Sprintf("%s %v → %v", what, was, is))
		}
	}
	add("runs", onOff(from.GetEnabled()), onOff(to.GetEnabled()))
	add("reminders", onOff(from.GetReminders()), onOff(to.GetReminders()))
	add("last call", onOff(from.GetLastCall()), onOff(to.GetLastCall()))
	add("reminder minutes", from.GetReminderOffsetMinutes(), to.GetReminderOffsetMinutes())
	add("last call minutes", from.GetLastCallLeadMinutes(), to.GetLastCallLeadMinutes())
	add("closing minutes", from.GetClosingLeadMinutes(), to.GetClosingLeadMinutes())
	add("default pickup minutes", from.GetDefaultPickupMinutes(), to.GetDefaultPickupMinutes())
	add("who runs", policyName(from.GetPolicy()), policyName(to.GetPolicy()))
	add("fairness window", from.GetFairnessWindow(), to.GetFairnessWindow())
	add("retention days", from.GetRetentionDays(), to.GetRetentionDays())
	add("channel admins", admins(from, names), admins(to, names))
	return strings.Join(all, ", ")
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func policyName(p runv1.FairnessPolicy) string {
	if p == runv1.FairnessPolicy_FAIRNESS_POLICY_ROTATION {
		return "rotation"
	}
	return "fair share"
}

func admins(s *runv1.ChannelSettings, names Names) string {
	if len(s.GetAdminIds()) == 0 {
		return "none"
	}
	return people(s.GetAdminIds(), names)
}

func asJSON(v any) string {
	raw, _ := json.Marshal(v) // strings and numbers: cannot fail
	return string(raw)
}
