package helm_test

import (
	"bytes"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the golden file anew")

type values = map[string]any

// set is values with one more, at a path with dots.
func set(path string, value any, more ...any) values {
	v := values{}
	put := func(path string, value any) {
		at, names := v, strings.Split(path, ".")
		for _, name := range names[:len(names)-1] {
			next, _ := at[name].(values)
			if next == nil {
				next = values{}
				at[name] = next
			}
			at = next
		}
		at[names[len(names)-1]] = value
	}
	put("env.KAFKA_BOOTSTRAP", "kafka:9092")
	put(path, value)
	for i := 0; i < len(more); i += 2 {
		put(more[i].(string), more[i+1])
	}
	return v
}

// render returns the objects of the chart, in the order of their templates' names, without empty ones.
func render(t *testing.T, v values) ([]string, error) {
	t.Helper()
	chart, err := loader.LoadDir("coffeebuddy")
	require.NoError(t, err)
	capabilities := chartutil.DefaultCapabilities.Copy()
	capabilities.KubeVersion = chartutil.KubeVersion{Version: "v1.35.0", Major: "1", Minor: "35"}
	all, err := chartutil.ToRenderValues(chart, v, chartutil.ReleaseOptions{Name: "cb", Namespace: "coffee", IsInstall: true}, capabilities)
	if err != nil {
		return nil, err
	}
	files, err := engine.Render(chart, all)
	if err != nil {
		return nil, err
	}
	var objects []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if strings.HasSuffix(name, ".txt") {
			continue
		}
		for one := range strings.SplitSeq(files[name], "\n---") {
			if one = strings.TrimSpace(strings.TrimPrefix(one, "---")); one != "" {
				objects = append(objects, one)
			}
		}
	}
	return objects, nil
}

// chart is what was rendered, by kind.
type chart struct {
	deployments []appsv1.Deployment
	services    []corev1.Service
	pods        []corev1.Pod
	jobs        []batchv1.Job
	policies    []networkingv1.NetworkPolicy
	ingresses   []networkingv1.Ingress
	budgets     []policyv1.PodDisruptionBudget
	scalers     []autoscalingv2.HorizontalPodAutoscaler
	others      []map[string]any // of APIs that are not Kubernetes' own
}

func decode[T any](t *testing.T, into *[]T, text string) {
	t.Helper()
	var one T
	require.NoError(t, yaml.UnmarshalStrict([]byte(text), &one), text)
	*into = append(*into, one)
}

// install renders the chart and decodes it strictly: a field that Kubernetes does not know is a failure.
func install(t *testing.T, v values) chart {
	t.Helper()
	objects, err := render(t, v)
	require.NoError(t, err)
	var c chart
	names := map[string]bool{}
	for _, text := range objects {
		var about struct {
			metav1.TypeMeta   `json:",inline"`
			metav1.ObjectMeta `json:"metadata"`
		}
		require.NoError(t, yaml.Unmarshal([]byte(text), &about), text)
		name := about.Kind + "/" + about.Name
		require.False(t, names[name], "%s is there twice", name)
		names[name] = true
		switch about.APIVersion + " " + about.Kind {
		case "apps/v1 Deployment":
			decode(t, &c.deployments, text)
		case "v1 Service":
			decode(t, &c.services, text)
		case "v1 Pod":
			decode(t, &c.pods, text)
		case "batch/v1 Job":
			decode(t, &c.jobs, text)
		case "networking.k8s.io/v1 NetworkPolicy":
			decode(t, &c.policies, text)
		case "networking.k8s.io/v1 Ingress":
			decode(t, &c.ingresses, text)
		case "policy/v1 PodDisruptionBudget":
			decode(t, &c.budgets, text)
		case "autoscaling/v2 HorizontalPodAutoscaler":
			decode(t, &c.scalers, text)
		default:
			decode(t, &c.others, text)
		}
	}
	return c
}

// podSpecs are all pods that the chart makes.
func (c chart) podSpecs() map[string]corev1.PodSpec {
	specs := map[string]corev1.PodSpec{}
	for _, d := range c.deployments {
		specs[d.Name] = d.Spec.Template.Spec
	}
	for _, j := range c.jobs {
		specs[j.Name] = j.Spec.Template.Spec
	}
	for _, p := range c.pods {
		specs[p.Name] = p.Spec
	}
	return specs
}

var matrix = map[string]values{
	"common":  set("gateway.kind", "none"),
	"kong":    set("gateway.kind", "ingress", "gateway.tlsSecret", "tls", "gateway.annotations", values{"a": "b"}),
	"nginx":   set("gateway.kind", "ingress", "gateway.className", "nginx"),
	"gateway": set("gateway.kind", "httproute", "gateway.parentRefs", []any{values{"name": "public"}}),
	"watched": set("monitoring.serviceMonitor", true, "monitoring.prometheusRule", true, "monitoring.labels", values{"release": "prometheus"}),
	"scaled":  set("services.ingress.autoscaling.max", 6, "services.runs.keda.enabled", true),
	"secured": set("secret.keys", []any{"DATABASE_URL", "KAFKA_SASL_JAAS", "KAFKA_TLS_CA"}, "env.KAFKA_TLS", true, "caConfigMap", "ca",
		"topics.principal", "User:coffeebuddy-{service}", "topics.secret.keys", []any{"KAFKA_SASL_JAAS"}, "image.pullSecrets", []any{"registry"},
		"image.registry", "mirror.example.com/team/", "image.tag", "1.2.3", "podAnnotations", values{"vault.hashicorp.com/agent-inject": "true"}),
	"small": set("services.runs.replicas", 1, "services.ingress.replicas", 1, "networkPolicy.enabled", false, "migrations.enabled", false, "topics.enabled", false,
		"nodeSelector", values{"disk": "ssd"}, "tolerations", []any{values{"key": "x", "operator": "Exists"}}, "priorityClassName", "low"),
	"fenced": set("networkPolicy.kafka.peers", []any{values{"ipBlock": values{"cidr": "10.0.0.0/8"}}}, "networkPolicy.monitoringPeers",
		[]any{values{"namespaceSelector": values{"matchLabels": values{"kubernetes.io/metadata.name": "monitoring"}}}}),
}

// Whatever is chosen: every pod is one that a namespace with the restricted standard admits, and has limits.
// https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
func TestEveryPodIsRestricted(t *testing.T) {
	t.Parallel()
	for name, v := range matrix {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for pod, spec := range install(t, v).podSpecs() {
				require.True(t, *spec.SecurityContext.RunAsNonRoot, pod)
				require.Equal(t, corev1.SeccompProfileTypeRuntimeDefault, spec.SecurityContext.SeccompProfile.Type, pod)
				require.False(t, *spec.AutomountServiceAccountToken, pod)
				for _, c := range spec.Containers {
					require.False(t, *c.SecurityContext.AllowPrivilegeEscalation, pod)
					require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem, pod)
					require.Equal(t, []corev1.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop, pod)
					require.False(t, c.Resources.Limits.Memory().IsZero(), pod)
					require.False(t, c.Resources.Requests.Cpu().IsZero(), pod)
				}
				for _, volume := range spec.Volumes {
					require.True(t, volume.Secret != nil || volume.ConfigMap != nil, "%s: the restricted standard knows no volume %s", pod, volume.Name)
				}
			}
		})
	}
}

func TestTheCommonCase(t *testing.T) {
	t.Parallel()
	objects, err := render(t, matrix["common"])
	require.NoError(t, err)
	got := []byte(strings.Join(objects, "\n---\n") + "\n")
	golden := filepath.Join("testdata", "common.yaml")
	if *update {
		require.NoError(t, os.WriteFile(golden, got, 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got), "differs from %s: go test -update, and look at what changed", golden)
}

// Secrets come as files; none is in the chart's output, an argument or, but for the jobs, the environment.
func TestSecretsAreFiles(t *testing.T) {
	t.Parallel()
	c := install(t, matrix["secured"])
	for _, d := range c.deployments {
		env := map[string]corev1.EnvVar{}
		for _, e := range d.Spec.Template.Spec.Containers[0].Env {
			require.NotContains(t, env, e.Name, d.Name)
			require.Nil(t, e.ValueFrom, d.Name)
			env[e.Name] = e
		}
		require.Equal(t, "/secrets/KAFKA_SASL_JAAS", env["KAFKA_SASL_JAAS_FILE"].Value)
		require.Equal(t, "true", env["KAFKA_TLS"].Value)
		_, hasToken := env["SLACK_BOT_TOKEN_FILE"]
		require.Equal(t, d.Name == "cb-ingress", hasToken, "%s: the token is ingress's alone", d.Name)
		require.Equal(t, "mirror.example.com/team/coffeebuddy-"+strings.TrimPrefix(d.Name, "cb-")+":1.2.3", d.Spec.Template.Spec.Containers[0].Image)
		require.Equal(t, "registry", d.Spec.Template.Spec.ImagePullSecrets[0].Name)
	}
}

// A hook runs before anything else of the chart is there, so it refers to nothing that the chart makes.
func TestHooksNeedOnlyWhatIsThere(t *testing.T) {
	t.Parallel()
	c := install(t, matrix["secured"])
	require.Len(t, c.jobs, 2)
	for _, job := range c.jobs {
		require.Equal(t, "pre-install,pre-upgrade", job.Annotations["helm.sh/hook"])
		spec := job.Spec.Template.Spec
		require.Empty(t, spec.ServiceAccountName)
		require.Empty(t, spec.Volumes)
		for _, e := range spec.Containers[0].Env {
			if e.ValueFrom != nil {
				require.Equal(t, "coffeebuddy-owner", e.ValueFrom.SecretKeyRef.Name)
			}
		}
	}
	require.Equal(t, []string{"up"}, c.jobs[0].Spec.Template.Spec.Containers[0].Args)
	require.Equal(t, []string{"topics", "apply", "--replication", "3", "--principal", "User:coffeebuddy-{service}"}, c.jobs[1].Spec.Template.Spec.Containers[0].Args)
	require.Empty(t, install(t, matrix["small"]).jobs)
}

// ingress alone reaches Slack, and is alone reached from outside.
func TestNetworkPolicies(t *testing.T) {
	t.Parallel()
	for name, fromOutside := range map[string]int{"common": 1, "kong": 2} {
		c := install(t, matrix[name])
		require.Len(t, c.policies, 4)
		for _, p := range c.policies {
			toSlack := slices.ContainsFunc(p.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool { return r.Ports[0].Port.IntValue() == 443 })
			require.Equal(t, p.Name == "cb-ingress", toSlack, p.Name)
			want := 1
			if p.Name == "cb-ingress" {
				want = fromOutside
			}
			require.Len(t, p.Spec.Ingress, want, p.Name)
		}
	}
	require.Empty(t, install(t, matrix["small"]).policies)
	fenced := install(t, matrix["fenced"]).policies[0]
	require.Equal(t, "10.0.0.0/8", fenced.Spec.Egress[2].To[0].IPBlock.CIDR)
	require.Equal(t, "monitoring", fenced.Spec.Ingress[0].From[0].NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"])
}

func TestOnlySlacksPathsAreLetIn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"kong", "nginx"} {
		var paths []string
		for _, p := range install(t, matrix[name]).ingresses[0].Spec.Rules[0].HTTP.Paths {
			require.Equal(t, networkingv1.PathTypeExact, *p.PathType)
			paths = append(paths, p.Path)
		}
		require.Equal(t, []string{"/slack/commands", "/slack/interactions", "/slack/events"}, paths)
	}
	kong := install(t, matrix["kong"])
	require.Equal(t, "cb-ingress-size,cb-ingress-rate,cb-ingress-correlation", kong.ingresses[0].Annotations["konghq.com/plugins"])
	require.Len(t, kong.others, 3)
	require.Empty(t, install(t, matrix["nginx"]).others)
	require.Equal(t, "HTTPRoute", install(t, matrix["gateway"]).others[0]["kind"])
}

func TestScaling(t *testing.T) {
	t.Parallel()
	c := install(t, matrix["scaled"])
	require.Len(t, c.scalers, 1)
	require.Len(t, c.others, 1)
	require.Equal(t, "ScaledObject", c.others[0]["kind"])
	for _, d := range c.deployments {
		scaled := d.Name == "cb-ingress" || d.Name == "cb-runs"
		require.Equal(t, scaled, d.Spec.Replicas == nil, "%s: who scales decides", d.Name)
	}
	require.Len(t, install(t, matrix["common"]).budgets, 4)
	require.Len(t, install(t, matrix["small"]).budgets, 2, "one replica must be allowed to move")
}

func TestAlertsComeWithTheChart(t *testing.T) {
	t.Parallel()
	for _, o := range install(t, matrix["watched"]).others {
		if o["kind"] != "PrometheusRule" {
			continue
		}
		raw, err := os.ReadFile(filepath.Join("coffeebuddy", "files", "rules.yaml"))
		require.NoError(t, err)
		var rules map[string]any
		require.NoError(t, yaml.Unmarshal(raw, &rules))
		require.Equal(t, rules, o["spec"])
		return
	}
	t.Fatal("no PrometheusRule")
}

func TestWrongValuesAreRefused(t *testing.T) {
	t.Parallel()
	for problem, v := range map[string]values{
		"KAFKA_BOOTSTRAP is not set":      {},
		"replica":                         set("services.runs.replica", 3),
		"additional properties 'service'": set("service", "x"),
		"maximum":                         set("services.runs.keda.max", 13), // more pods than partitions
		"kind":                            set("gateway.kind", "istio"),
		"not":                             set("env.SLACK_BOT_TOKEN", "xoxb-1"), // a secret among the values
		"registry":                        set("image.registry", "mirror.example.com"),
		"principal":                       set("topics.principal", "User:coffeebuddy"),
	} {
		_, err := render(t, v)
		require.ErrorContains(t, err, problem)
	}
}
