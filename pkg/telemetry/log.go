package telemetry

import (
	"context"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/trace"
)

func newLog(service string, cfg Config, out io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel, ReplaceAttr: redactAttr}
	var h slog.Handler = slog.NewJSONHandler(out, options)
	if cfg.LogFormat == "text" {
		h = slog.NewTextHandler(out, options)
	}
	return slog.New(handler{h}).With("service", service)
}

// handler adds to each line what its ctx knows: trace_id, span_id, correlation_id and the ids of WithIDs.
type handler struct{ slog.Handler }

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	if id := Correlation(ctx); id != "" {
		r.AddAttrs(slog.String("correlation_id", id))
	}
	r.AddAttrs(ids(ctx)...)
	r.Message = Redact(r.Message)
	return h.Handler.Handle(ctx, r)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }

const redacted = "[redacted]"

// sensitive are parts of attribute keys, without separators, whose values are never logged.
var sensitive = []string{"token", "secret", "password", "passwd", "authorization", "responseurl", "credential", "apikey", "cookie"}

var separators = strings.NewReplacer("_", "", "-", "")

func isSensitive(key string) bool {
	key = separators.Replace(strings.ToLower(key))
	for _, s := range sensitive {
		if strings.Contains(key, s) {
			return true
		}
	}
	return false
}

// redactAttr is a second line of defence: who logs should not hand over a secret at all. It knows secrets by their
// key, or that of a group around them, and those that hide in texts and errors by their form (see Redact).
func redactAttr(groups []string, a slog.Attr) slog.Attr {
	if isSensitive(a.Key) || slices.ContainsFunc(groups, isSensitive) {
		return slog.String(a.Key, redacted)
	}
	switch a.Value.Kind() {
	case slog.KindString:
		if text := a.Value.String(); text != "" {
			a.Value = slog.StringValue(Redact(text))
		}
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(Redact(err.Error()))
		}
	}
	return a
}

var (
	userinfo = regexp.MustCompile(`(://[^\s/:@]*:)[^\s@]+@`)
	bearer   = regexp.MustCompile(`(?i)\b(bearer|basic) [a-z0-9._~+/=-]{8,}`)
	setting  = regexp.MustCompile(`(?i)\b(password|passwd|secret|token)=[^\s&;,]+`)
)

// Redact replaces what looks like a credential in a text: the password of a URL, a bearer token, password=….
func Redact(text string) string {
	if strings.Contains(text, "://") {
		text = userinfo.ReplaceAllString(text, "${1}"+redacted+"@")
	}
	if strings.Contains(text, "=") {
		text = setting.ReplaceAllString(text, "$1="+redacted)
	}
	if strings.Contains(text, " ") {
		text = bearer.ReplaceAllString(text, "$1 "+redacted)
	}
	return text
}
