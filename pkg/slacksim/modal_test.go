package slacksim_test

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
)

func (o *office) openModal(view slack.ModalViewRequest) *slacksim.View {
	o.t.Helper()
	_, err := o.api.OpenView(o.command("/coffee").form.Get("trigger_id"), view)
	require.NoError(o.t, err)
	modal, err := o.people.Modal(o.ctx(), ana)
	require.NoError(o.t, err)
	require.NotNil(o.t, modal)
	return modal
}

func (o *office) answersJSON(v any) {
	o.app.answers(func(w http.ResponseWriter, _ request) {
		if v == nil {
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	})
}

func (o *office) submit(view *slacksim.View, values map[string]string) slacksim.Submission {
	o.t.Helper()
	result, err := o.people.Submit(o.ctx(), ana, view.ID, values)
	require.NoError(o.t, err)
	return result
}

func TestModalErrorsKeepWhatWasTypedThenItCloses(t *testing.T) {
	t.Parallel()
	o := open(t)
	modal := o.openModal(orderModal("drink_block", "Earl Grey"))
	require.Equal(t, "── Your order ──\nDrink: [ Earl Grey ]\n[ Close ] [ Save ]", slacksim.Reader{}.View(*modal))
	require.Equal(t, "run-1", modal.PrivateMetadata)

	o.answersJSON(slack.NewErrorsViewSubmissionResponse(map[string]string{"drink_block": "Not on the menu."}))
	result := o.submit(modal, map[string]string{"drink": "Rocket fuel"})
	require.Equal(t, slacksim.Submission{Status: 200, Result: "errors", Errors: map[string]string{"drink_block": "Not on the menu."}}, result)
	p := o.app.nth(t, "/slack/interactions", 1).payload(t)
	require.Equal(t, slack.InteractionTypeViewSubmission, p.Type)
	require.Equal(t, "order", p.View.CallbackID)
	require.Equal(t, "Rocket fuel", p.View.State.Values["drink_block"]["drink"].Value)
	kept, err := o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Contains(t, slacksim.Reader{}.View(*kept), "Rocket fuel")

	o.answersJSON(nil)
	require.Equal(t, "closed", o.submit(modal, map[string]string{"drink_block": "Flat white"}).Result)
	closed, err := o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Nil(t, closed)
	_, err = o.people.Submit(o.ctx(), ana, modal.ID, nil)
	require.Error(t, err)
}

func TestModalAnswersSlackDoesNotUnderstand(t *testing.T) {
	t.Parallel()
	o := open(t)
	modal := o.openModal(orderModal("drink", "Tea"))
	for name, answer := range map[string]func(w http.ResponseWriter, r request){
		"error for a block that is no input": func(w http.ResponseWriter, _ request) {
			_ = json.NewEncoder(w).Encode(slack.NewErrorsViewSubmissionResponse(map[string]string{"other": "x"}))
		},
		"no errors":      func(w http.ResponseWriter, _ request) { _, _ = io.WriteString(w, `{"response_action":"errors"}`) },
		"unknown action": func(w http.ResponseWriter, _ request) { _, _ = io.WriteString(w, `{"response_action":"dance"}`) },
		"bad view": func(w http.ResponseWriter, _ request) {
			_, _ = io.WriteString(w, `{"response_action":"update","view":{}}`)
		},
		"not json":   func(w http.ResponseWriter, _ request) { _, _ = io.WriteString(w, `ok`) },
		"status 500": func(w http.ResponseWriter, _ request) { w.WriteHeader(500) },
	} {
		o.app.answers(answer)
		require.Equal(t, "failed", o.submit(modal, nil).Result, name)
	}
	o.sim.SetAppURL("")
	require.Equal(t, slacksim.Submission{Result: "failed"}, o.submit(modal, nil))
}

func TestSlackItselfRefusesEmptyAndLongFields(t *testing.T) {
	t.Parallel()
	o := open(t)
	view := orderModal("drink", "")
	number := slack.NewNumberInputBlockElement(nil, "n", false)
	number.MinValue, number.MaxValue = "1", "9"
	view.Blocks.BlockSet = append(view.Blocks.BlockSet, slack.NewInputBlock("count", slack.NewTextBlockObject("plain_text", "Cups", false, false), nil, number))
	modal := o.openModal(view)
	require.Equal(t, map[string]string{"drink": "Please complete this required field.", "count": "Must be at most 9."},
		o.submit(modal, map[string]string{"count": "12"}).Errors)
	require.Equal(t, map[string]string{"count": "Please enter a valid number."},
		o.submit(modal, map[string]string{"drink": "Tea", "count": "1.5"}).Errors)
	require.Empty(t, o.app.got("/slack/interactions"))
}

func TestModalStack(t *testing.T) {
	t.Parallel()
	o := open(t)
	first := o.openModal(orderModal("drink", "Tea"))
	second := orderModal("drink", "Coffee")
	second.CallbackID = "second"
	o.answersJSON(slack.NewPushViewSubmissionResponse(&second))
	require.Equal(t, "updated", o.submit(first, nil).Result)
	top, err := o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, "second", top.CallbackID)
	require.Equal(t, first.ID, *top.PreviousViewID)
	require.Equal(t, first.ID, top.RootViewID)

	third := orderModal("drink", "Water")
	third.CallbackID = "third"
	o.answersJSON(slack.NewUpdateViewSubmissionResponse(&third))
	require.Equal(t, "updated", o.submit(top, nil).Result)
	top, err = o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, "third", top.CallbackID)

	require.NoError(t, o.people.Close(o.ctx(), ana, top.ID)) // back to the first; the app hears of it
	closed := o.app.nth(t, "/slack/interactions", 3).payload(t)
	require.Equal(t, slack.InteractionTypeViewClosed, closed.Type)
	require.Equal(t, "third", closed.View.CallbackID)
	top, err = o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, first.ID, top.ID)

	o.answersJSON(slack.NewPushViewSubmissionResponse(&second))
	require.Equal(t, "updated", o.submit(top, nil).Result)
	top, _ = o.people.Modal(o.ctx(), ana)
	require.Equal(t, "updated", o.submit(top, nil).Result)
	top, _ = o.people.Modal(o.ctx(), ana)
	require.Equal(t, "failed", o.submit(top, nil).Result) // three is the most
	o.answersJSON(slack.NewClearViewSubmissionResponse())
	require.Equal(t, "closed", o.submit(top, nil).Result)
	top, err = o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Nil(t, top)
}

func TestClearOnClose(t *testing.T) {
	t.Parallel()
	o := open(t)
	first := o.openModal(orderModal("drink", "Tea"))
	second := orderModal("drink", "Coffee")
	second.ClearOnClose = true
	o.answersJSON(slack.NewPushViewSubmissionResponse(&second))
	o.submit(first, nil)
	top, err := o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.NoError(t, o.people.Close(o.ctx(), ana, top.ID))
	for n := range 2 {
		require.True(t, o.app.nth(t, "/slack/interactions", n+2).payload(t).IsCleared)
	}
	top, err = o.people.Modal(o.ctx(), ana)
	require.NoError(t, err)
	require.Nil(t, top)
}

func TestUpdateKeepsTextUnderTheSameBlockID(t *testing.T) {
	t.Parallel()
	o := open(t)
	view := orderModal("drink-1", "")
	view.Blocks.BlockSet = append(view.Blocks.BlockSet, slack.NewActionBlock("taps", button("tap", "Flat white")))
	modal := o.openModal(view)

	_, err := o.people.ClickView(o.ctx(), ana, modal.ID, "tap", map[string]string{"drink": "half typ"})
	require.NoError(t, err)
	p := o.app.nth(t, "/slack/interactions", 1).payload(t)
	require.Equal(t, "view", p.Container.Type)
	require.Equal(t, "Flat white", p.ActionCallback.BlockActions[0].Value)
	require.Equal(t, "half typ", p.View.State.Values["drink-1"]["drink"].Value)
	require.Empty(t, p.ResponseURL)

	shown := func() string {
		v, err := o.people.Modal(o.ctx(), ana)
		require.NoError(t, err)
		require.Equal(t, modal.ID, v.ID)
		return slacksim.Reader{}.View(*v)
	}
	_, err = o.api.UpdateView(orderModal("drink-1", "Flat white"), "", "", modal.ID)
	require.NoError(t, err)
	require.Contains(t, shown(), "half typ") // as Slack does
	_, err = o.api.UpdateView(orderModal("drink-2", "Flat white"), "", p.View.Hash+"old", modal.ID)
	require.EqualError(t, err, "hash_conflict")
	_, err = o.api.UpdateView(orderModal("drink-2", "Flat white"), "", "", modal.ID)
	require.NoError(t, err)
	require.Contains(t, shown(), "[ Flat white ]")
	_, err = o.api.PushView(p.TriggerID, orderModal("x", ""))
	require.NoError(t, err)
	_, err = o.api.UpdateView(orderModal("drink-2", ""), "", "", "V0NONE")
	require.EqualError(t, err, "not_found")
}

func TestInvalidViewSaysWhere(t *testing.T) {
	t.Parallel()
	o := open(t)
	view := orderModal("drink", "")
	view.Title.Text = "This title is much too long"
	_, err := o.api.OpenView(o.command("/coffee").form.Get("trigger_id"), view)
	require.EqualError(t, err, "invalid_arguments")
	var slackErr slack.SlackErrorResponse
	require.ErrorAs(t, err, &slackErr)
	require.Equal(t, []string{"[ERROR] must be less than 25 characters [json-pointer:/view/title/text]"}, slackErr.ResponseMetadata.Messages)
}

func TestHome(t *testing.T) {
	t.Parallel()
	o := open(t)
	publish := func(text, hash string) (*slack.ViewResponse, error) {
		return o.api.PublishView(ana, slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{
			section(text), slack.NewActionBlock("", button("go", "1")),
		}}}, hash)
	}
	first, err := publish("one", "")
	require.NoError(t, err)
	_, err = publish("two", first.Hash)
	require.NoError(t, err)
	_, err = publish("three", "1.0")
	require.EqualError(t, err, "hash_conflict")
	views, err := o.people.Views(o.ctx(), ana)
	require.NoError(t, err)
	require.Equal(t, "two\n[ Order ]", slacksim.Reader{}.View(*views.Home))
	require.Equal(t, first.ID, views.Home.ID)
	_, err = o.people.ClickView(o.ctx(), ana, views.Home.ID, "go", nil)
	require.NoError(t, err)
	require.Equal(t, slack.VTHomeTab, o.app.nth(t, "/slack/interactions", 1).payload(t).View.Type)
	others, err := o.people.Views(o.ctx(), ben)
	require.NoError(t, err)
	require.Nil(t, others.Home)
}
