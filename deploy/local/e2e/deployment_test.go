package e2e_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
)

// readYAML decodes a YAML file of the repository.
func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	root, err := stack.Root()
	require.NoError(t, err)
	raw, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	require.NoError(t, yaml.Unmarshal(raw, into), name)
}

type composition struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Args map[string]string }
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		Healthcheck map[string]any
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	}
}

func TestComposeRunsWhatTheDockerfileBuilds(t *testing.T) {
	t.Parallel()
	var light, full composition
	readYAML(t, "deploy/compose/light.yaml", &light)
	readYAML(t, "compose.yaml", &full)
	root, err := stack.Root()
	require.NoError(t, err)
	dockerfile, err := os.ReadFile(filepath.Join(root, "deploy", "Dockerfile"))
	require.NoError(t, err)

	for _, all := range []composition{light, full} {
		for name, s := range all.Services {
			require.True(t, strings.HasPrefix(s.Image, "${REGISTRY:-}"), "%s: an air-gapped site has a mirror", name)
			require.Regexp(t, `:\$\{[A-Z]+_?VERSION:-[^}]+\}$|:\$\{VERSION:-dev\}$`, s.Image, "%s: a version that can be chosen", name)
			program := s.Build.Args["PROGRAM"]
			if program == "" {
				continue
			}
			require.Regexp(t, `\./(services|migrations/cmd|pkg/slacksim/cmd)/`+program+`\b`, string(dockerfile), name)
			require.True(t, s.ReadOnly, name)
			require.Equal(t, []string{"ALL"}, s.CapDrop, name)
		}
	}
	for _, name := range stack.Services {
		s := light.Services[name]
		require.Equal(t, name, s.Build.Args["PROGRAM"])
		require.NotEmpty(t, s.Healthcheck, name)
		require.Equal(t, "service_completed_successfully", s.DependsOn["migrate"].Condition, name)
		require.Equal(t, "service_completed_successfully", s.DependsOn["topics"].Condition, name)
		if name != "ingress" {
			require.Equal(t, "service_healthy", light.Services["ingress"].DependsOn[name].Condition, "ingress comes last")
		}
	}
}

// Kong lets through what Slack asks for, as large as ingress takes it, and nothing else but the readiness.
func TestKongLetsThroughWhatSlackNeeds(t *testing.T) {
	t.Parallel()
	var kong struct {
		Services []struct {
			URL    string
			Routes []struct {
				Paths, Methods []string
				StripPath      bool `yaml:"strip_path"`
				Plugins        []struct {
					Name   string
					Config struct {
						AllowedPayloadSize int    `yaml:"allowed_payload_size"`
						SizeUnit           string `yaml:"size_unit"`
					}
				}
			}
		}
	}
	readYAML(t, "deploy/kong/kong.yaml", &kong)
	var paths []string
	for _, s := range kong.Services {
		require.Equal(t, "http://ingress:8080", s.URL)
		for _, r := range s.Routes {
			require.False(t, r.StripPath)
			require.Len(t, r.Methods, 1)
			paths = append(paths, r.Paths...)
			for _, p := range r.Plugins {
				if p.Name == "request-size-limiting" {
					require.Equal(t, 64, p.Config.AllowedPayloadSize)
					require.Equal(t, "kilobytes", p.Config.SizeUnit)
				}
			}
		}
	}
	var manifest struct {
		Features struct {
			Commands []struct{ URL string } `yaml:"slash_commands"`
		}
		Settings struct {
			Events struct {
				URL string `yaml:"request_url"`
			} `yaml:"event_subscriptions"`
			Interactivity struct {
				URL string `yaml:"request_url"`
			}
		}
	}
	readYAML(t, "deploy/slack/manifest.yaml", &manifest)
	for _, url := range []string{manifest.Features.Commands[0].URL, manifest.Settings.Events.URL, manifest.Settings.Interactivity.URL} {
		path := strings.TrimPrefix(url, "https://coffeebuddy.example.com")
		require.Contains(t, paths, path)
		paths = slices.DeleteFunc(paths, func(p string) bool { return p == path })
	}
	require.Equal(t, []string{"/health/ready"}, paths)
}
