package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/office"
	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// browser is a person in front of the page.
type browser struct {
	t     *testing.T
	ctx   context.Context
	shots string // folder of the screenshots
	count int
}

// chromium finds the machine's browser; empty: there is none.
func chromium() string {
	for _, name := range []string{
		"chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
		"/Applications/Google Chrome.app/Contents/MacOS/Google Chrome", "/Applications/Chromium.app/Contents/MacOS/Chromium",
	} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func openBrowser(t *testing.T, url string) *browser {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	b := &browser{t: t, shots: filepath.Join(root, ".local", "screenshots")}
	require.NoError(t, os.RemoveAll(b.shots))
	require.NoError(t, os.MkdirAll(b.shots, 0o755))
	scratch, err := os.MkdirTemp("", "coffeebuddy-") //nolint:usetesting // a test's folder has too long a name for a browser's socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(scratch) }) // with what the browser leaves behind
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium()), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Env("TMPDIR="+scratch))
	allocated, end := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(end)
	var cancel context.CancelFunc
	b.ctx, cancel = chromedp.NewContext(allocated)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(b.ctx)) // the browser lives as long as this context
	complaints := chromedp.Console(b.ctx)
	t.Cleanup(func() {
		cancel()
		for said, err := range complaints {
			if err != nil {
				return
			}
			if said.Type != "log" && said.Type != "info" && said.Type != "debug" {
				t.Errorf("the page's console: %s", said)
			}
		}
	})
	b.does(chromedp.EmulateViewport(1280, 800), chromedp.Navigate(url))
	return b
}

// does carries out steps that take no longer than a person would wait.
func (b *browser) does(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, soon)
	defer cancel()
	var err error
	for _, step := range steps {
		// What is redrawn in the very moment is aimed at again.
		for err = chromedp.Do(ctx, step); err != nil && strings.Contains(err.Error(), "node"); err = chromedp.Do(ctx, step) {
			b.t.Log(err)
		}
		if err != nil {
			b.shot("failed")
			require.NoError(b.t, err)
		}
	}
}

// is evaluates a JavaScript expression.
func (b *browser) is(expression string) bool {
	b.t.Helper()
	yes, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool]("Boolean("+expression+")"))
	require.NoError(b.t, err)
	return yes
}

// sees waits until a message, the dialog or whatever the selector means shows all the words.
func (b *browser) sees(selector string, words ...string) {
	b.t.Helper()
	if !eventually(func() bool { return b.is(containing(selector, words...)) }) {
		b.shot("failed")
		text, _ := chromedp.Run(b.ctx, chromedp.Text(chromedp.CSS("#app")))
		require.Fail(b.t, "not on the page", "%q in\n%s", words, text)
	}
}

// containing is the newest element that shows all the words, as a JavaScript expression.
func containing(selector string, words ...string) string {
	list, _ := json.Marshal(words)
	return fmt.Sprintf(`[...document.querySelectorAll(%q)].findLast((e) => %s.every((w) => e.innerText.includes(w)))`, selector, list)
}

const (
	message = "#messages [data-test=message]"
	modal   = "dialog[open]"
)

func hook(name string) string { return fmt.Sprintf("[data-test=%q]", name) }

// clicks presses what a hook names.
func (b *browser) clicks(selector string) {
	b.t.Helper()
	b.does(chromedp.Click(chromedp.CSS(selector)))
}

// clicksOnCard presses a button of the run's card.
func (b *browser) clicksOnCard(action string) {
	b.t.Helper()
	b.clicksOn("Coffee run", action)
}

// clicksOn presses a button of the newest message with these words.
func (b *browser) clicksOn(words, action string) {
	b.t.Helper()
	b.does(chromedp.Click(chromedp.JSPath(containing(message, words) + fmt.Sprintf(`.querySelector('[data-action-id=%q]')`, action))))
}

func (b *browser) types(selector, text string) {
	b.t.Helper()
	b.does(chromedp.SendKeys(chromedp.CSS(selector), text))
}

// retypes types over what is in a field.
func (b *browser) retypes(selector, text string) {
	b.t.Helper()
	b.does(chromedp.WaitVisible(chromedp.CSS(selector)))
	b.is(fmt.Sprintf("document.querySelector(%q).select()", selector))
	b.types(selector, text)
}

// says types into the composer and sends it.
func (b *browser) says(text string) {
	b.t.Helper()
	b.types(hook("composer"), text)
	b.clicks(hook("send"))
}

// orders fills in the order form that is open.
func (b *browser) orders(drink string) {
	b.t.Helper()
	b.sees(modal, "Your order")
	b.retypes(hook("modal")+" input:not([type=checkbox])", drink)
	b.clicks(hook("modal-submit"))
	b.does(chromedp.WaitNotPresent(chromedp.CSS(hook("modal"))))
}

// becomes looks through the eyes of somebody else.
func (b *browser) becomes(name string) {
	b.t.Helper()
	b.clicks(hook("person-switcher"))
	b.clicks(hook("person-U0" + strings.ToUpper(name)))
	b.sees(hook("person-switcher"), "You are "+name)
}

// shot keeps what is on the screen, with the pointer out of the way and nothing moving.
func (b *browser) shot(name string) {
	b.count++
	_ = chromedp.Do(b.ctx, chromedp.MouseEvent(chromedp.MouseMoved, 1000, 20))
	eventually(func() bool { return !b.is(`document.querySelector("[aria-busy=true]")`) })
	if png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot()); err == nil {
		_ = os.WriteFile(filepath.Join(b.shots, fmt.Sprintf("%02d-%s.png", b.count, name)), png, 0o644)
	}
}

// A whole run on the page, a runner who can't go, and an admin who changes the channel, as people play it by hand.
func TestBrowserPlaysAWholeRun(t *testing.T) {
	if chromium() == "" {
		t.Skip("there is no Chromium on this machine")
	}
	t.Parallel()
	w := begin(t)
	b := openBrowser(t, w.PageURL)

	b.sees(hook("first-visit"), "Type /coffee to start")
	b.shot("first-visit")
	_, err := w.Client().Say(t.Context(), "U0BEN", office.Coffee, "I could do with a coffee. Anyone else?")
	require.NoError(t, err)
	_, err = w.Client().Say(t.Context(), "U0CEM", office.Coffee, "Count me in :coffee:")
	require.NoError(t, err)
	b.sees(message, "Count me in")
	b.says("/coffee in 25m Lobby café")
	b.sees(message, "Coffee run", "started by", "Lobby café", "No orders yet", "Close run")
	b.shot("card")
	b.clicksOnCard("order")
	b.sees(modal, "Your order")
	b.shot("order")
	b.orders("Flat white")
	b.sees(message, "1 order", "1 × Flat white (Ana)")

	b.becomes("Ben")
	b.sees(message, "Coffee run", "1 × Flat white (Ana)")
	b.clicksOnCard("order")
	b.orders("Earl Grey")
	b.sees(message, "2 orders", "1 × Earl Grey (Ben)")
	b.becomes("Cem")
	b.clicksOnCard("usual")
	b.sees(modal, "First time here: what do you drink?")
	b.shot("usual-first-time")
	b.orders("Oat milk cappuccino")
	b.sees(message, "3 orders", "1 × Oat milk cappuccino (Cem)")

	// Dee changes her mind; Eva drinks what Ana drinks. They sit elsewhere, and the page follows.
	dee, eva := w.person("Dee"), w.person("Eva")
	dee.orders("Espresso")
	b.sees(message, "4 orders")
	b.becomes("Dee")
	b.clicksOnCard("more")
	b.does(chromedp.Click(chromedp.JSPath(containing(hook("option"), "Withdraw my order"))))
	b.sees(message, "3 orders")
	dee.presses("usual")
	eva.orders("flat white")
	b.becomes("Ben")
	b.sees(message, "5 orders", "\n2 × Flat white (Ana, Eva)\n", "\n1 × Espresso (Dee)\n") // each on a line of its own
	b.shot("run")

	b.clicksOnCard("close")
	b.sees(hook("confirm"), "Close this run?")
	b.shot("confirm")
	b.clicks(hook("confirm-ok"))
	b.sees(message, "Only visible to you", "Only Ana or a channel admin can close this run.")
	b.shot("refused")
	b.becomes("Ana")
	require.False(t, b.is(containing(message, "Only Ana")), "what only Ben sees")
	b.clicksOnCard("close")
	b.clicks(hook("confirm-ok"))
	b.sees(message, "is today's runner", "2 × Flat white (Ana, Eva)", "5 cups", "the lot decided")
	b.sees(message, "Coffee run", "Ordering is closed.")
	require.False(t, b.is(containing(message, "Coffee run")+`.querySelector("[data-test=action]")`), "the card has lost its buttons")
	b.shot("summary")

	runner := w.assigned(w.person("Ana"), w.person("Ben"), w.person("Cem"), dee, eva)
	if runner.Name != "Ana" {
		b.becomes(runner.Name)
	}
	b.clicks(hook("channel-" + runner.DM().Channel))
	b.sees(message, "You're today's runner", "5 cups", "I'll remind you at")
	b.shot("direct-message")

	b.clicksOn("You're today's runner", "decline")
	b.sees(message, "you can't go this time")
	require.False(t, b.is(containing(message, "You're today's runner")+`.querySelector("[data-test=action]")`), "the list has lost its buttons")
	b.shot("declined")
	b.clicks(hook("channel-" + office.Coffee))
	b.sees(message, " goes", "Instead of "+runner.Name)
	b.shot("handover")

	if runner.Name != "Ana" {
		b.becomes("Ana")
	}
	b.says("/coffee admin")
	b.sees(modal, "Settings of CoffeeBuddy in", "Channel admins", "Reset this channel's data")
	offset := hook("modal") + ` [data-test="modal-input"][data-block-id="reminder_offset"]`
	b.retypes(offset, "61")
	b.clicks(hook("modal-submit"))
	b.sees(modal, "Please enter a number of at most 60.")
	b.shot("settings")
	b.retypes(offset, "7")
	b.clicks(hook("modal-submit"))
	b.does(chromedp.WaitNotPresent(chromedp.CSS(hook("modal"))))
	b.sees(message, "Only visible to you", "Saved:", "reminder minutes 5 → 7")
	b.shot("saved")
}
