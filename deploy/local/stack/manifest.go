package stack

import (
	"fmt"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// manifest is what the app asks of Slack. The simulator grants it that and no more.
type manifest struct {
	OAuth struct {
		Scopes struct{ Bot []string }
	} `yaml:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `yaml:"bot_events"`
		} `yaml:"event_subscriptions"`
	}
}

func readManifest(root string) (m manifest, err error) {
	raw, err := os.ReadFile(filepath.Join(root, "deploy", "slack", "manifest.yaml"))
	if err == nil {
		err = yaml.Unmarshal(raw, &m)
	}
	if err != nil {
		return m, fmt.Errorf("app manifest: %w", err)
	}
	return m, nil
}
