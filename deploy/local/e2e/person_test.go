package e2e_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// person is the colleague with this name, in #coffee.
func (w *world) person(name string) person { return person{w.Person(name), w.t} }

// person acts and reads; whatever cannot be done fails the test.
type person struct {
	office.Person
	t testing.TB
}

func (p person) in(channel string) person { return person{p.In(channel), p.t} }
func (p person) dm() person               { return person{p.DM(), p.t} }

func (p person) types(text string) {
	p.t.Helper()
	require.NoError(p.t, p.Types(p.t.Context(), text))
}

func (p person) presses(action string) {
	p.t.Helper()
	require.NoError(p.t, p.Presses(p.t.Context(), action))
}

func (p person) picks(verb string) {
	p.t.Helper()
	require.NoError(p.t, p.Picks(p.t.Context(), "more", verb))
}

func (p person) orders(drink string) {
	p.t.Helper()
	require.NoError(p.t, p.Orders(p.t.Context(), drink))
}

func (p person) fillsIn(drink string) {
	p.t.Helper()
	require.NoError(p.t, p.FillsIn(p.t.Context(), drink))
}

// form is what the form in front of the person shows.
func (p person) form() string {
	p.t.Helper()
	view, err := p.Modal(p.t.Context(), p.ID)
	require.NoError(p.t, err)
	require.NotNil(p.t, view, "no form is open")
	return slacksim.Reader{}.View(*view)
}

// enters submits the settings form with these values, by block. fault: the block in which a fault is said; empty: none.
func (p person) enters(values map[string]string, fault string) {
	p.t.Helper()
	view, err := p.Modal(p.t.Context(), p.ID)
	require.NoError(p.t, err)
	require.NotNil(p.t, view, "no form is open")
	result, err := p.Submit(p.t.Context(), p.ID, view.ID, values)
	require.NoError(p.t, err)
	if fault == "" {
		require.Equal(p.t, "closed", result.Result, "%v", result.Errors)
		return
	}
	require.Contains(p.t, result.Errors, fault)
}

// resets confirms, from the settings form, that the channel of that name is reset.
func (p person) resets(name string) {
	p.t.Helper()
	view, err := p.Modal(p.t.Context(), p.ID)
	require.NoError(p.t, err)
	require.NotNil(p.t, view, "no form is open")
	_, err = p.ClickView(p.t.Context(), p.ID, view.ID, "reset", nil)
	require.NoError(p.t, err)
	confirm, err := p.Modal(p.t.Context(), p.ID)
	require.NoError(p.t, err)
	result, err := p.Submit(p.t.Context(), p.ID, confirm.ID, map[string]string{"name": name})
	require.NoError(p.t, err)
	require.Equal(p.t, "updated", result.Result, "%v", result.Errors)
}

// reads waits until a message shows all the words.
func (p person) reads(words ...string) slacksim.Message {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), soon)
	defer cancel()
	message, err := p.Reads(ctx, words...)
	require.NoError(p.t, err)
	return message
}

// read is how the person reads a message.
func (w *world) read(p person, m slacksim.Message) string {
	w.t.Helper()
	workspace, err := p.Workspace(w.t.Context())
	require.NoError(w.t, err)
	return workspace.Reader(p.ID).Message(m)
}

// messages are those that now show all the words, oldest first.
func (p person) messages(words ...string) []slacksim.Message {
	p.t.Helper()
	messages, err := p.Showing(p.t.Context(), words...)
	require.NoError(p.t, err)
	return messages
}

// count is how many messages now show all the words.
func (p person) count(words ...string) int {
	p.t.Helper()
	return len(p.messages(words...))
}

// all is the whole conversation, as text.
func (p person) all() string {
	p.t.Helper()
	text, err := p.Conversation(p.t.Context(), p.Channel, p.ID)
	require.NoError(p.t, err)
	return text
}
