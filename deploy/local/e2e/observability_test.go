package e2e_test

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

var (
	instrument = regexp.MustCompile(`(?:Counter|Histogram|Gauge)\(\s*"([a-z_]+)"`)
	metricName = regexp.MustCompile(`coffeebuddy_([a-z_]+?)(?:_bucket|_count|_sum)?\b`)
)

// instruments are the names of all metrics that the code makes.
func instruments(t *testing.T, root string) (names []string) {
	t.Helper()
	for _, folder := range []string{"services", "pkg"} {
		require.NoError(t, filepath.WalkDir(filepath.Join(root, folder), func(name string, _ fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			text, err := os.ReadFile(name)
			for _, found := range instrument.FindAllSubmatch(text, -1) {
				names = append(names, string(found[1]))
			}
			return err
		}))
	}
	return names
}

// Alerts and graphs ask for metrics that there are, and graphs show all of them.
func TestAlertsAndGraphsKnowTheMetrics(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	known := instruments(t, root)
	require.Contains(t, known, "requests_total")
	graphed := map[string]bool{}
	for _, name := range []string{"deploy/prometheus/rules.yaml", "deploy/grafana/coffeebuddy.json"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		for _, found := range metricName.FindAllSubmatch(text, -1) {
			require.Contains(t, known, string(found[1]), name)
			graphed[string(found[1])] = true
		}
	}
	for _, name := range known {
		if name != "slack_connections" { // readiness says so
			require.True(t, graphed[name], "no alert and no graph has %s", name)
		}
	}
}

// Each alert has a runbook, which says what to do, and each runbook an alert.
func TestAlertsHaveRunbooks(t *testing.T) {
	t.Parallel()
	root, err := stack.Root()
	require.NoError(t, err)
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string
				Labels      map[string]string
				Annotations map[string]string
			}
		}
	}
	readYAML(t, "deploy/prometheus/rules.yaml", &rules)
	var linked []string
	for _, group := range rules.Groups {
		for _, rule := range group.Rules {
			if rule.Alert == "" {
				continue
			}
			require.Contains(t, []string{"page", "ticket"}, rule.Labels["severity"], rule.Alert)
			require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
			runbook := rule.Annotations["runbook_url"]
			linked = append(linked, path.Base(runbook))
			text, err := os.ReadFile(filepath.Join(root, runbook))
			require.NoError(t, err, rule.Alert)
			for _, part := range []string{"**What people see.**", "## Confirm", "## Fix", "## Over"} {
				require.Contains(t, string(text), part, runbook)
			}
		}
	}
	files, err := os.ReadDir(filepath.Join(root, "docs", "runbooks"))
	require.NoError(t, err)
	for _, file := range files {
		require.True(t, slices.Contains(linked, file.Name()), "no alert links to %s", file.Name())
	}
}
