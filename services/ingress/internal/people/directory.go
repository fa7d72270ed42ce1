package people

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/singleflight"
)

const (
	fresh       = 4 * time.Hour    // then Slack is asked again
	again       = 30 * time.Second // after Slack did not answer
	askLimit    = 1500 * time.Millisecond
	namesLimit  = 2 * time.Second // for all that one message needs
	namesAsked  = 300             // most people looked up in Slack for one message: as many as a run has orders
	atOnce      = 16
	mostAhead   = 64 // lookups ahead of the need
	mostEntries = 50_000
)

// Store keeps what was learned, for all replicas.
type Store interface {
	People(ctx context.Context, workspaceID string, userIDs []string) ([]Known, error)
	SavePerson(ctx context.Context, workspaceID string, person Known) error
}

// Source is Slack.
type Source interface {
	Person(ctx context.Context, userID string) (Person, error)
}

// Directory answers who someone is: from memory, else from the store, else from Slack.
type Directory struct {
	store  Store
	source Source
	log    *slog.Logger
	now    func() time.Time
	asking singleflight.Group
	ahead  chan struct{} // a place for each lookup that is expected

	mu      sync.Mutex
	entries map[key]entry
}

type key struct{ workspaceID, userID string }

// entry is a person, or the reason why nothing is known, until it is looked at again.
type entry struct {
	Person
	until time.Time
	err   error
}

// New returns an empty directory.
func New(store Store, source Source, log *slog.Logger, now func() time.Time) *Directory {
	return &Directory{store: store, source: source, log: log, now: now, ahead: make(chan struct{}, mostAhead), entries: map[key]entry{}}
}

// Person describes someone. What is known from earlier is good enough when Slack does not answer;
// an error means that nothing at all is known.
func (d *Directory) Person(ctx context.Context, workspaceID, userID string) (Person, error) {
	k := key{workspaceID, userID}
	if e, ok := d.recall(k); ok && d.now().Before(e.until) {
		return e.Person, e.err
	}
	// Whoever asks first asks for all, so their going away must not fail the others.
	asked := d.asking.DoChan(workspaceID+"/"+userID, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
		defer cancel()
		return d.look(ctx, k)
	})
	select {
	case <-ctx.Done():
		return Person{}, fmt.Errorf("person %s: %w", userID, ctx.Err())
	case result := <-asked:
		return result.Val.(Person), result.Err
	}
}

// Changed keeps what Slack tells of someone who is known here. Of others nothing is kept.
func (d *Directory) Changed(ctx context.Context, workspaceID string, person Person) error {
	k := key{workspaceID, person.UserID}
	_, known := d.recall(k)
	if !known {
		stored, err := d.store.People(ctx, workspaceID, []string{person.UserID})
		if err != nil || len(stored) == 0 {
			return err
		}
	}
	d.remember(k, entry{Person: person, until: d.now().Add(fresh)})
	return d.store.SavePerson(ctx, workspaceID, Known{person, d.now()})
}

// Expect looks someone up ahead of the message that will name them. It does not wait, and does nothing when there is much to do.
func (d *Directory) Expect(ctx context.Context, workspaceID, userID string) {
	select {
	case d.ahead <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-d.ahead }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askLimit)
		defer cancel()
		_, _ = d.Person(ctx, workspaceID, userID) // whoever needs to know asks again
	}()
}

// look asks the store and, when that knows nothing recent, Slack.
func (d *Directory) look(ctx context.Context, k key) (Person, error) {
	stored, storeErr := d.store.People(ctx, k.workspaceID, []string{k.userID})
	var known *Known
	if len(stored) > 0 {
		known = &stored[0]
		if until := known.SeenAt.Add(fresh); d.now().Before(until) {
			d.remember(k, entry{Person: known.Person, until: until})
			return known.Person, nil
		}
	} else if e, ok := d.recall(k); ok && e.err == nil {
		known = &Known{Person: e.Person}
	}
	person, err := d.source.Person(ctx, k.userID)
	switch {
	case err == nil:
		d.remember(k, entry{Person: person, until: d.now().Add(fresh)})
		if err := d.store.SavePerson(ctx, k.workspaceID, Known{person, d.now()}); err != nil {
			d.log.WarnContext(ctx, "person not saved", "error", err)
		}
		return person, nil
	case known != nil:
		d.remember(k, entry{Person: known.Person, until: d.now().Add(again)})
		return known.Person, nil
	default:
		err = fmt.Errorf("person %s: %w", k.userID, errors.Join(err, storeErr))
		d.remember(k, entry{err: err, until: d.now().Add(again)})
		return Person{}, err
	}
}

// Names returns the display names of userIDs, Someone for those (and any other) who cannot be found out in time.
func (d *Directory) Names(ctx context.Context, workspaceID string, userIDs []string) func(userID string) string {
	names := make(map[string]string, len(userIDs))
	var missing, old []string
	for _, id := range userIDs {
		if _, seen := names[id]; seen || id == "" {
			continue
		}
		e, ok := d.recall(key{workspaceID, id})
		names[id] = e.Name
		switch {
		case !ok:
			missing = append(missing, id)
		case !d.now().Before(e.until):
			old = append(old, id)
		}
	}
	if len(missing) > 0 {
		missing = d.load(ctx, workspaceID, missing, names)
	}
	d.ask(ctx, workspaceID, append(missing, old...))
	return func(userID string) string {
		if e, ok := d.recall(key{workspaceID, userID}); ok && e.Name != "" {
			return e.Name
		}
		if name := names[userID]; name != "" {
			return name
		}
		return Someone
	}
}

// load fills names from the store in one query and returns who is not there, or not recent.
func (d *Directory) load(ctx context.Context, workspaceID string, userIDs []string, names map[string]string) []string {
	stored, err := d.store.People(ctx, workspaceID, userIDs)
	if err != nil {
		d.log.WarnContext(ctx, "people not loaded", "error", err)
		return userIDs
	}
	recent := map[string]bool{}
	for _, known := range stored {
		names[known.UserID] = known.Name
		if until := known.SeenAt.Add(fresh); d.now().Before(until) {
			recent[known.UserID] = true
			d.remember(key{workspaceID, known.UserID}, entry{Person: known.Person, until: until})
		}
	}
	var rest []string
	for _, id := range userIDs {
		if !recent[id] {
			rest = append(rest, id)
		}
	}
	return rest
}

// ask brings userIDs into memory as far as the limits go.
func (d *Directory) ask(ctx context.Context, workspaceID string, userIDs []string) {
	if len(userIDs) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, namesLimit)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, id := range userIDs[:min(len(userIDs), namesAsked)] {
		group.Go(func() error {
			if _, err := d.Person(ctx, workspaceID, id); err != nil {
				d.log.DebugContext(ctx, "person unknown", "user_id", id, "error", err)
			}
			return nil
		})
	}
	_ = group.Wait() // never an error: a name that is missing stops no message
}

func (d *Directory) recall(k key) (entry, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.entries[k]
	return e, ok
}

func (d *Directory) remember(k key, e entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.entries) >= mostEntries {
		clear(d.entries)
	}
	d.entries[k] = e
}
