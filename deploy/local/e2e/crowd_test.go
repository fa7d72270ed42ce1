package e2e_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/pkg/slacksim"
)

// together has all do something at the same instant.
func together[T any](t *testing.T, all []T, do func(T) error) {
	t.Helper()
	errs := make([]error, len(all))
	start := make(chan struct{})
	var done sync.WaitGroup
	for i, one := range all {
		done.Go(func() {
			<-start
			errs[i] = do(one)
		})
	}
	close(start)
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

func TestFiftyOrderAndTwoCloseAtTheSameInstant(t *testing.T) {
	t.Parallel()
	w := begin(t)
	const many = 50
	var names []string
	for i := range many {
		names = append(names, fmt.Sprintf("Guest%02d", i))
	}
	require.NoError(t, w.Hire(t.Context(), names...))
	crowd := make([]person, many)
	for i, name := range names {
		crowd[i] = w.person(name)
	}
	ana, ben := w.person("Ana"), w.person("Ben")
	ben.types("/coffee in 20m Lobby")
	card := ana.reads("No orders yet")

	// Each in their own form; and all at once a second time, so that everyone has changed their mind.
	for round := range 2 {
		forms := map[string]*slacksim.View{}
		for _, p := range crowd {
			p.presses("order")
			form, err := p.Modal(t.Context(), p.ID)
			require.NoError(t, err)
			forms[p.ID] = form
		}
		together(t, crowd, func(p person) error {
			result, err := p.Submit(t.Context(), p.ID, forms[p.ID].ID, map[string]string{"drink": fmt.Sprintf("Drink %d of %s", round, p.Name)})
			if err == nil && result.Result != "closed" {
				err = fmt.Errorf("%s: %s %v", p.Name, result.Result, result.Errors)
			}
			return err
		})
	}
	w.settled()
	conn := w.db.Connect()
	require.Equal(t, many, w.number(conn, "SELECT count(*) FROM runs.drink_order WHERE drink LIKE 'Drink 1 of %'"))
	require.Equal(t, 1+2*2*many, w.events(), "each order is an event, and so is the usual that it becomes")
	ana.reads("Coffee run", "50 orders", "1 × Drink 1 of Guest49 (Guest49)")
	require.Zero(t, ana.count("Drink 0 of"))

	together(t, []person{ana, ben}, func(p person) error { return p.Presses(t.Context(), "close") })
	ana.reads("is today's runner", "50 cups")
	w.settled()
	require.Equal(t, 1, ana.count("is today's runner"))
	require.Equal(t, 1, ana.count("only visible to Ana", "already closed")+ben.count("only visible to Ben", "already closed"))
	require.Equal(t, 1+2*2*many+3, w.events(), "closed, refused, assigned")
	ended := ana.messages("Coffee run")
	require.Len(t, ended, 1)
	require.Equal(t, card.TS, ended[0].TS, "the card is the same message all along")
	require.Equal(t, 1, ana.count("Coffee run", "50 orders", "Ordering is closed"))
	runners := 0
	for _, p := range crowd {
		runners += p.dm().count("You're today's runner", "50 cups")
	}
	require.Equal(t, 1, runners)
	require.Zero(t, w.deadLetters())
}
