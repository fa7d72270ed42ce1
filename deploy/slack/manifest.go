// Package slack is the Slack app as data: what it asks of a workspace.
package slack

import (
	_ "embed"
	"fmt"

	"go.yaml.in/yaml/v3"
)

//go:embed manifest.yaml
var file []byte

// Manifest is the part of manifest.yaml that programs look at.
type Manifest struct {
	Command    string
	BotScopes  []string
	UserScopes []string
	BotEvents  []string
}

// Read returns the manifest. It returns an error only if the embedded file is not what it should be.
func Read() (Manifest, error) {
	var m struct {
		Features struct {
			Commands []struct{ Command string } `yaml:"slash_commands"`
		}
		OAuth struct {
			Scopes struct{ Bot, User []string }
		} `yaml:"oauth_config"`
		Settings struct {
			Events struct {
				Bot []string `yaml:"bot_events"`
			} `yaml:"event_subscriptions"`
		}
	}
	if err := yaml.Unmarshal(file, &m); err != nil {
		return Manifest{}, fmt.Errorf("manifest.yaml: %w", err)
	}
	if len(m.Features.Commands) != 1 {
		return Manifest{}, fmt.Errorf("manifest.yaml: %d slash commands, not 1", len(m.Features.Commands))
	}
	return Manifest{m.Features.Commands[0].Command, m.OAuth.Scopes.Bot, m.OAuth.Scopes.User, m.Settings.Events.Bot}, nil
}
