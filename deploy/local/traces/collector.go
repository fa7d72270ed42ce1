// Package traces keeps the newest OpenTelemetry traces of the local stack in memory and shows them as waterfalls.
package traces

import (
	"encoding/hex"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

const (
	mostTraces = 100 // that are kept, the newest
	mostSpans  = 1000
	maxBody    = 16 << 20 // bytes of one export
)

// Span is one piece of work of one service. Its ids are hexadecimal.
type Span struct {
	Trace, ID, Parent string
	Service, Name     string
	Start             time.Time
	Took              time.Duration
	Failed            bool
	Attributes        map[string]string
}

// Collector takes spans as an OpenTelemetry collector does, by OTLP over HTTP. The zero Collector is of use.
type Collector struct {
	mu     sync.Mutex
	traces map[string][]Span
	order  []string // of traces; the one that was heard of first is the first
}

// Take answers POST /v1/traces.
func (c *Collector) Take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var request collectorv1.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &request) != nil {
		http.Error(w, "not an ExportTraceServiceRequest in protobuf", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		service := attributes(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				c.add(spanOf(s, service))
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf") // an empty answer is an empty ExportTraceServiceResponse
}

func (c *Collector) add(s Span) {
	if c.traces == nil {
		c.traces = map[string][]Span{}
	}
	known := c.traces[s.Trace]
	if len(known) == mostSpans {
		return
	}
	if known == nil {
		c.order = append(c.order, s.Trace)
	}
	c.traces[s.Trace] = append(known, s)
	if len(c.order) > mostTraces {
		delete(c.traces, c.order[0])
		c.order = slices.Delete(c.order, 0, 1)
	}
}

// Spans are those of the traces whose id begins with ref, in the order in which they came; of all traces if it is empty.
func (c *Collector) Spans(ref string) []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	var spans []Span
	for _, id := range c.order {
		if strings.HasPrefix(id, ref) {
			spans = append(spans, c.traces[id]...)
		}
	}
	return spans
}

func spanOf(s *tracev1.Span, service string) Span {
	start := time.Unix(0, int64(s.StartTimeUnixNano))
	return Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Service: service, Name: s.Name, Start: start, Took: time.Unix(0, int64(s.EndTimeUnixNano)).Sub(start),
		Failed: s.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR, Attributes: attributes(s.Attributes),
	}
}

func attributes(all []*commonv1.KeyValue) map[string]string {
	m := make(map[string]string, len(all))
	for _, a := range all {
		if text, ok := a.GetValue().GetValue().(*commonv1.AnyValue_StringValue); ok {
			m[a.Key] = text.StringValue
		} else {
			m[a.Key] = a.GetValue().String()
		}
	}
	return m
}
