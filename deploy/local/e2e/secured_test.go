package e2e_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/stack"
	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit/server"
	"github.com/coffeebuddy/coffeebuddy/proto/topic"
)

// securedCluster asks everyone who they are, over TLS with an authority of its own: the users root, who may do everything, and
// one for each service, who may do nothing yet. It is the one that KAFKA_SECURED_TEST names, or an embedded one.
type securedCluster struct{ bootstrap, ca, password string }

func newSecuredCluster(t testing.TB) securedCluster {
	if given := os.Getenv("KAFKA_SECURED_TEST"); given != "" {
		ca, err := os.ReadFile(os.Getenv("KAFKA_SECURED_CA"))
		require.NoError(t, err)
		return securedCluster{given, string(ca), os.Getenv("KAFKA_SECURED_PASSWORD")}
	}
	issuer := httptest.NewTLSServer(nil)
	t.Cleanup(issuer.Close)
	certificate := issuer.TLS.Certificates[0]
	c := securedCluster{password: "not-for-logs"}
	broker, err := server.StartKafka(t.Context(), server.KafkaConfig{Root: c.password, Users: services, Certificate: &certificate})
	require.NoError(t, err)
	t.Cleanup(func() { _ = broker.Stop() })
	c.bootstrap = broker.Bootstrap
	c.ca = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	return c
}

func (c securedCluster) security(user string) bus.Security {
	return bus.Security{TLS: true, CA: c.ca, JAAS: "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"" + user + "\" password=\"" + c.password + "\";"}
}

func (c securedCluster) env(user string) []string {
	s := c.security(user)
	return []string{"KAFKA_BOOTSTRAP=" + c.bootstrap, "KAFKA_TLS=true", "KAFKA_TLS_CA=" + s.CA, "KAFKA_SASL_JAAS=" + s.JAAS}
}

// A whole run with TLS, SASL and the rights that `coffeebuddyctl topics apply` gives each service, which are all they have.
func TestAWholeRunOnASecuredCluster(t *testing.T) {
	t.Parallel()
	c := newSecuredCluster(t)
	rights := []string{"--replication", "1", "--principal", "User:{service}"}
	code, out := ctl(t, c.env("root"), append([]string{"topics", "apply"}, rights...)...)
	require.Zero(t, code, out)
	code, out = ctl(t, c.env("root"), append([]string{"topics", "plan"}, rights...)...)
	require.Zero(t, code, out)

	w := &world{t: t, db: testkit.Postgres(t), log: &log{}}
	w.startAs(stack.Config{KafkaBootstrap: c.bootstrap, KafkaSecurity: c.security("root"), EnvOf: c.env})
	w.ready()
	ana, ben := w.person("Ana"), w.person("Ben")
	ana.types("/coffee in 30m Lobby")
	ben.reads("No orders yet")
	ben.orders("Earl Grey")
	ana.reads("1 × Earl Grey (Ben)")
	ana.presses("close")
	ana.reads("Ben is today's runner")
	ben.dm().reads("You're today's runner")
	w.eventually("reminder knows of it", func() bool { return w.number(w.db.Connect(), "SELECT count(*) FROM reminder.timer") > 0 })
	require.NotContains(t, w.log.String(), c.password)

	// Nobody else's topics are theirs.
	for service, foreign := range map[string]string{
		"ingress": topic.RunEvents, "runs": topic.Commands, "fairness": topic.RunEvents, "reminder": topic.FairnessEvents,
	} {
		tel, _ := testkit.Telemetry(t)
		client, err := bus.Connect(bus.Config{Bootstrap: strings.Split(c.bootstrap, ","), Security: c.security(service)}, service, tel)
		require.NoError(t, err)
		t.Cleanup(func() { _ = client.Close() })
		require.ErrorContains(t, client.Publish(t.Context(), bus.Message{Topic: foreign, Key: "T1/C1", ID: "forged"}), "uthoriz", service)
	}
}
