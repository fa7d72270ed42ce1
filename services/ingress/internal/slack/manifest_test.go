package slack_test

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackapp "github.com/coffeebuddy/coffeebuddy/deploy/slack"
)

// scopesOf are the scopes that a method needs in the conversations the bot is in, by its page in
// https://docs.slack.dev/reference/methods.
var scopesOf = map[string][]string{
	"auth.test": nil, "response_url": nil, "views.open": nil, "views.push": nil, "views.update": nil, "views.publish": nil,
	"chat.postMessage": {"chat:write"}, "chat.postEphemeral": {"chat:write"}, "chat.update": {"chat:write"},
	"conversations.open":    {"im:write"},
	"conversations.info":    {"channels:read", "groups:read"},
	"conversations.history": {"channels:history", "groups:history", "im:history"},
	"users.info":            {"users:read"},
}

// scopesOfEvent are likewise those of an event type, by https://docs.slack.dev/reference/events.
var scopesOfEvent = map[string][]string{
	"app_home_opened": nil, "app_uninstalled": nil, "tokens_revoked": nil,
	"app_mention": {"app_mentions:read"}, "message": {"im:history"}, "user_change": {"users:read"},
	"channel_archive": {"channels:read"}, "channel_unarchive": {"channels:read"}, "channel_deleted": {"channels:read"}, "channel_left": {"channels:read"},
	"group_archive": {"groups:read"}, "group_unarchive": {"groups:read"}, "group_deleted": {"groups:read"}, "group_left": {"groups:read"},
	"member_joined_channel": {"channels:read", "groups:read"}, "member_left_channel": {"channels:read", "groups:read"},
}

const docs = "../../../../docs/slack-app.md"

// literals are the strings in a package's sources that pick returns.
func literals(t *testing.T, dir string, pick func(ast.Node) []ast.Expr) (found []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(gotoken.NewFileSet(), file, nil, 0)
		require.NoError(t, err)
		ast.Inspect(parsed, func(n ast.Node) bool {
			for _, e := range pick(n) {
				if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == gotoken.STRING {
					text, err := strconv.Unquote(literal.Value)
					require.NoError(t, err)
					found = append(found, text)
				}
			}
			return true
		})
	}
	return found
}

func sorted(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

func TestTheManifestAsksForWhatIsUsedAndNoMore(t *testing.T) {
	t.Parallel()
	m, err := slackapp.Read()
	require.NoError(t, err)
	scopes, events := map[string]bool{"commands": true}, map[string]bool{}

	methods := literals(t, ".", func(n ast.Node) []ast.Expr { // c.call(ctx, "method", …), and the constants that name some
		switch n := n.(type) {
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "call" {
				return n.Args[1:2]
			}
		case *ast.ValueSpec:
			return slices.DeleteFunc(slices.Clone(n.Values), func(e ast.Expr) bool {
				l, ok := e.(*ast.BasicLit)
				return !ok || !strings.HasPrefix(l.Value, `"chat.`)
			})
		}
		return nil
	})
	require.Contains(t, methods, "chat.postMessage")
	require.Contains(t, methods, "users.info")
	for _, method := range methods {
		require.Contains(t, scopesOf, method, "say here what it needs")
		for _, scope := range scopesOf[method] {
			scopes[scope] = true
		}
	}

	handled := literals(t, "../slackhttp", func(n ast.Node) []ast.Expr { // the cases of the switch over c.Event.Type
		s, ok := n.(*ast.SwitchStmt)
		if !ok {
			return nil
		}
		if tag, ok := s.Tag.(*ast.SelectorExpr); !ok || tag.Sel.Name != "Type" || !strings.Contains(selector(tag), "Event") {
			return nil
		}
		var cases []ast.Expr
		for _, c := range s.Body.List {
			cases = append(cases, c.(*ast.CaseClause).List...)
		}
		return cases
	})
	require.Contains(t, handled, "app_home_opened")
	for _, event := range handled {
		require.Contains(t, scopesOfEvent, event, "say here what it needs")
		for _, scope := range scopesOfEvent[event] {
			scopes[scope] = true
		}
		if event == "message" {
			event = "message.im"
		}
		events[event] = true
	}

	require.ElementsMatch(t, sorted(scopes), m.BotScopes)
	require.Empty(t, m.UserScopes)
	require.ElementsMatch(t, sorted(events), m.BotEvents)
	require.Equal(t, "/coffee", m.Command)
}

func selector(e *ast.SelectorExpr) string {
	if x, ok := e.X.(*ast.SelectorExpr); ok {
		return selector(x) + "." + e.Sel.Name
	}
	return e.Sel.Name
}

func TestEachScopeAndEventHasItsReasonInTheDocs(t *testing.T) {
	t.Parallel()
	m, err := slackapp.Read()
	require.NoError(t, err)
	text, err := os.ReadFile(docs)
	require.NoError(t, err)
	for _, name := range slices.Concat(m.BotScopes, m.BotEvents) {
		require.Contains(t, string(text), "`"+name+"`")
	}
}
