package bustest_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/coffeebuddy/coffeebuddy/pkg/bus"
	"github.com/coffeebuddy/coffeebuddy/pkg/testkit"
)

// Publishing and consuming by each mechanism, over TLS with an authority of our own.
func TestBrokersThatAskWhoWeAre(t *testing.T) {
	t.Parallel()
	for mechanism, module := range map[string]string{
		"PLAIN":         "org.apache.kafka.common.security.plain.PlainLoginModule",
		"SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
		"SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
	} {
		t.Run(mechanism, func(t *testing.T) {
			t.Parallel()
			certificate, ca := localhost(t)
			fake, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.Superuser(mechanism, "coffeebuddy", `p"ss; word`),
				kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}))
			require.NoError(t, err)
			t.Cleanup(fake.Close)
			security := bus.Security{
				TLS: true, CA: ca, Mechanism: mechanism,
				JAAS: module + ` required username="coffeebuddy" password="p\"ss; word";`,
			}
			f := setupOn(t, 3, &testkit.Cluster{Bootstrap: fake.ListenAddrs(), Security: security, Fake: fake})
			f.consume(apply("one"))
			f.publish(50)
			f.eventually("every record is applied", func() bool { return f.applied() == 50 })
			require.NoError(t, f.client.Check(t.Context()))

			security.JAAS = module + ` required username="coffeebuddy" password="wrong";`
			require.Error(t, f.connect(bus.Config{Bootstrap: fake.ListenAddrs(), Security: security}).Check(t.Context()))
			security = f.cluster.Security
			security.CA = ""
			err = f.connect(bus.Config{Bootstrap: fake.ListenAddrs(), Security: security}).Check(t.Context())
			require.ErrorContains(t, err, "certificate", "an authority that the system does not know")
		})
	}
}

// localhost is a certificate for 127.0.0.1 and its authority.
func localhost(t *testing.T) (tls.Certificate, string) {
	s := httptest.NewTLSServer(nil)
	t.Cleanup(s.Close)
	c := s.TLS.Certificates[0]
	leaf, err := x509.ParseCertificate(c.Certificate[0])
	require.NoError(t, err)
	require.NoError(t, leaf.VerifyHostname("127.0.0.1"))
	return c, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}))
}

func TestSecurityFaults(t *testing.T) {
	t.Parallel()
	const jaas = `org.apache.kafka.common.security.scram.ScramLoginModule required username=u password=hunter2;`
	for fault, security := range map[string]bus.Security{
		"KAFKA_SASL_JAAS is not of the form":                         {JAAS: strings.TrimSuffix(jaas, ";")},
		"KAFKA_SASL_JAAS has no username or no password":             {JAAS: "a.PlainLoginModule required username=u;"},
		"KAFKA_SASL_JAAS names a module other than":                  {JAAS: "a.OAuthBearerLoginModule required username=u password=hunter2;"},
		`KAFKA_SASL_MECHANISM is "PLAIN", which is not for the Scra`: {JAAS: jaas, Mechanism: "PLAIN"},
		"KAFKA_SASL_JAAS is not set, but KAFKA_SASL_MECHANISM is":    {Mechanism: "PLAIN"},
		"KAFKA_TLS is false, but certificates are given":             {CA: "x"},
		"KAFKA_TLS_CA holds no certificate in PEM":                   {TLS: true, CA: "x"},
		"KAFKA_TLS_CERT and KAFKA_TLS_KEY are not a certificate and": {TLS: true, Cert: "x"},
	} {
		err := security.Validate()
		require.ErrorContains(t, err, fault)
		require.NotContains(t, err.Error(), "hunter2")
	}
	require.NoError(t, bus.Security{JAAS: jaas}.Validate())
	require.NoError(t, bus.Security{TLS: true}.Validate())
}
