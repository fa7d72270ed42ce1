package traces_test

import (
	"bytes"
	"encoding/binary"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	resourcev1 "go.opentelemetry.io/proto/otlp/resource/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/coffeebuddy/coffeebuddy/deploy/local/traces"
)

func text(key, value string) *commonv1.KeyValue {
	return &commonv1.KeyValue{Key: key, Value: &commonv1.AnyValue{Value: &commonv1.AnyValue_StringValue{StringValue: value}}}
}

func id(n, size int) []byte {
	return append(make([]byte, 0, size), binary.BigEndian.AppendUint64(make([]byte, size-8), uint64(n))...)
}

// span is the trace's nth, below the one before; its id is trace*100 + n.
func span(trace, n int, name string, attributes ...*commonv1.KeyValue) *tracev1.Span {
	start := uint64(time.Unix(1000, 0).Add(time.Duration(n) * time.Millisecond).UnixNano())
	s := &tracev1.Span{
		TraceId: append(id(trace, 8), id(0, 8)...), SpanId: id(trace*100+n, 8), Name: name, Attributes: attributes,
		StartTimeUnixNano: start, EndTimeUnixNano: start + uint64(time.Millisecond),
	}
	if n > 0 {
		s.ParentSpanId = id(trace*100+n-1, 8)
	}
	return s
}

func send(t *testing.T, c *traces.Collector, service string, spans ...*tracev1.Span) {
	body, err := proto.Marshal(&collectorv1.ExportTraceServiceRequest{ResourceSpans: []*tracev1.ResourceSpans{{
		Resource: &resourcev1.Resource{Attributes: []*commonv1.KeyValue{text("service.name", service)}}, ScopeSpans: []*tracev1.ScopeSpans{{Spans: spans}},
	}}})
	require.NoError(t, err)
	answer := httptest.NewRecorder()
	c.Take(answer, httptest.NewRequest(http.MethodPost, "/v1/traces", bytes.NewReader(body)))
	require.Equal(t, http.StatusOK, answer.Code)
}

func page(c *traces.Collector, query string) string {
	answer := httptest.NewRecorder()
	c.Show(answer, httptest.NewRequest(http.MethodGet, "/traces"+query, nil))
	return answer.Body.String()
}

func TestAClickIsShownAsAWaterfall(t *testing.T) {
	t.Parallel()
	var c traces.Collector
	require.Contains(t, page(&c, ""), "Nothing yet")
	failed := span(1, 3, "slack chat.update")
	failed.Status = &tracev1.Status{Code: tracev1.Status_STATUS_CODE_ERROR}
	send(t, &c, "runs", span(1, 2, "process coffeebuddy.commands", text("messaging.message.type", "coffeebuddy.command.v1.CloseRun")))
	send(t, &c, "ingress", span(1, 1, "send coffeebuddy.commands"), failed)
	require.NotContains(t, page(&c, ""), "CloseRun", "its beginning has not come yet")
	send(t, &c, "ingress", span(1, 0, "POST /slack/interactions"), span(2, 0, "fire timer"))
	got := page(&c, "")
	require.Contains(t, got, `http-equiv="refresh"`)
	require.Contains(t, got, `class="failed">CloseRun<`)
	require.Contains(t, got, "2 services")
	last := 0
	for depth, name := range []string{"POST /slack/interactions", "send commands", "process CloseRun", "slack chat.update"} {
		at := strings.Index(got, `</b> `+name)
		require.Greater(t, at, last, name)
		require.Contains(t, got[last:at], "padding-left:calc("+string(rune('0'+depth))+" ")
		last = at
	}
	require.Contains(t, got, "left:50%;width:25%")

	one := page(&c, "?ref="+strings.ToUpper(c.Spans("")[0].Trace[:8]))
	require.NotContains(t, one, "refresh")
	require.Contains(t, one, "slack chat.update")
	require.Contains(t, page(&c, "?ref=ffff"), "No trace begins with ffff")
	require.Contains(t, page(&c, "?ref=<script>"), "&lt;script&gt;")
}

func TestOnlyTheNewestAreKept(t *testing.T) {
	t.Parallel()
	var c traces.Collector
	for n := range 105 {
		send(t, &c, "ingress", span(n, 0, "POST /slack/commands"))
	}
	spans := c.Spans("")
	require.Len(t, spans, 100)
	require.Equal(t, "0000000000000005", spans[0].Trace[:16])
	many := make([]*tracev1.Span, 1200)
	for n := range many {
		many[n] = span(104, n, "x")
	}
	send(t, &c, "ingress", many...)
	require.Len(t, c.Spans(spans[99].Trace), 1000)
}

func TestNonsenseIsRefused(t *testing.T) {
	t.Parallel()
	var c traces.Collector
	answer := httptest.NewRecorder()
	c.Take(answer, httptest.NewRequest(http.MethodPost, "/v1/traces", strings.NewReader("{}nonsense")))
	require.Equal(t, http.StatusBadRequest, answer.Code)
}
