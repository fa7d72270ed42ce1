package bus

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"
)

// Security says how a client proves who it is to the brokers, and they to it. The zero Security does neither.
type Security struct {
	TLS       bool   `env:"KAFKA_TLS" default:"false" desc:"Speak TLS with the brokers"`
	CA        string `env:"KAFKA_TLS_CA" file:"true" example:"-----BEGIN CERTIFICATE-----…" desc:"Certificates, PEM, of the authority that the brokers' certificates are from (none: the system's)"`
	Cert      string `env:"KAFKA_TLS_CERT" file:"true" example:"-----BEGIN CERTIFICATE-----…" desc:"Our certificate, PEM, where brokers ask for one"`
	Key       string `env:"KAFKA_TLS_KEY" secret:"true" example:"-----BEGIN PRIVATE KEY-----…" desc:"Its key, PEM"`
	JAAS      string `env:"KAFKA_SASL_JAAS" secret:"true" example:"org.apache.kafka.common.security.scram.ScramLoginModule required username=\"coffeebuddy\" password=\"…\";" desc:"User and password as Java clients are given them: PlainLoginModule or ScramLoginModule (none: no SASL)"`
	Mechanism string `env:"KAFKA_SASL_MECHANISM" example:"SCRAM-SHA-512" desc:"PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512 (none: PLAIN for PlainLoginModule, SCRAM-SHA-512 for ScramLoginModule)"`
}

// Validate implements what config.Load asks.
func (s Security) Validate() error {
	_, tlsErr := s.tlsConfig()
	_, saslErr := s.mechanism()
	return errors.Join(tlsErr, saslErr)
}

// tlsConfig is nil without TLS.
func (s Security) tlsConfig() (*tls.Config, error) {
	if !s.TLS {
		if s.CA+s.Cert+s.Key != "" {
			return nil, fault("KAFKA_TLS", "is false, but certificates are given", "true")
		}
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(s.CA)) {
			return nil, fault("KAFKA_TLS_CA", "holds no certificate in PEM", "")
		}
	}
	if s.Cert != "" || s.Key != "" {
		pair, err := tls.X509KeyPair([]byte(s.Cert), []byte(s.Key))
		if err != nil {
			return nil, fault("KAFKA_TLS_CERT", "and KAFKA_TLS_KEY are not a certificate and its key: "+err.Error(), "")
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// certificateEnds is when our certificate expires, if we have one.
func (s Security) certificateEnds() (ends time.Time, ok bool) {
	pair, err := tls.X509KeyPair([]byte(s.Cert), []byte(s.Key))
	if err != nil { // none, or Validate has said so
		return ends, false
	}
	return pair.Leaf.NotAfter, true
}

// mechanism is nil without SASL.
func (s Security) mechanism() (sasl.Mechanism, error) {
	if s.JAAS == "" {
		if s.Mechanism != "" {
			return nil, fault("KAFKA_SASL_JAAS", "is not set, but KAFKA_SASL_MECHANISM is", "")
		}
		return nil, nil
	}
	module, options, err := parseJAAS(s.JAAS)
	if err != nil {
		return nil, fault("KAFKA_SASL_JAAS", err.Error(), "")
	}
	user, password := options["username"], options["password"]
	if user == "" || password == "" {
		return nil, fault("KAFKA_SASL_JAAS", "has no username or no password", "")
	}
	const scramModule = "ScramLoginModule"
	isScram := module == scramModule
	if !isScram && module != "PlainLoginModule" {
		return nil, fault("KAFKA_SASL_JAAS", "names a module other than PlainLoginModule and ScramLoginModule", "")
	}
	wanted := s.Mechanism
	if wanted == "" {
		wanted = map[bool]string{false: "PLAIN", true: "SCRAM-SHA-512"}[isScram]
	}
	switch {
	case wanted == "PLAIN" && !isScram:
		return plain.Mechanism{Username: user, Password: password}, nil
	case wanted == "SCRAM-SHA-256" && isScram:
		return scram.Mechanism(scram.SHA256, user, password)
	case wanted == "SCRAM-SHA-512" && isScram:
		return scram.Mechanism(scram.SHA512, user, password)
	}
	return nil, fault("KAFKA_SASL_MECHANISM", fmt.Sprintf("is %q, which is not for the %s of KAFKA_SASL_JAAS", s.Mechanism, module), "")
}

var errJAAS = errors.New(`is not of the form: package.Module required username="…" password="…";`)

// parseJAAS reads one entry as Kafka's Java clients do in sasl.jaas.config: a class, a control flag, options whose values may be
// in double quotes with backslashes, a semicolon. It returns the class without its package. Its errors show nothing of the entry.
// https://kafka.apache.org/documentation/#security_jaas_client
func parseJAAS(entry string) (module string, options map[string]string, err error) {
	words, err := jaasWords(entry)
	if err != nil || len(words) < 2 {
		return "", nil, errJAAS
	}
	options = map[string]string{}
	for _, word := range words[2:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			return "", nil, errJAAS
		}
		options[name] = value
	}
	return words[0][strings.LastIndexByte(words[0], '.')+1:], options, nil
}

// jaasWords splits at blanks outside quotes, and takes the quotes away.
func jaasWords(entry string) (words []string, err error) {
	var word strings.Builder
	quoted, escaped, inWord := false, false, false
	end := func() {
		if inWord {
			words = append(words, word.String())
		}
		word.Reset()
		inWord = false
	}
	for i, r := range entry {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case quoted && r == '\\':
			escaped = true
		case r == '"':
			quoted, inWord = !quoted, true
		case quoted:
			word.WriteRune(r)
		case r == ';':
			end()
			if strings.TrimSpace(entry[i+1:]) != "" {
				return nil, errJAAS // a second entry
			}
			return words, nil
		case strings.ContainsRune(" \t\r\n", r):
			end()
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	return nil, errJAAS // without the semicolon
}
