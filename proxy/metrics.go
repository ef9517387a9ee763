package proxy

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/sallyport/sallyport/protocol"
)

// metrics are the gateway's instruments. Their names and units are in
// docs/operating.md.
type metrics struct {
	refused   metric.Int64Counter
	sessions  metric.Int64UpDownCounter
	decisions metric.Int64Counter
	bytes     metric.Int64Counter
	admission metric.Float64Histogram
	approval  metric.Float64Histogram
	duration  metric.Float64Histogram
}

func newMetrics(p metric.MeterProvider) (*metrics, error) {
	meter := p.Meter("github.com/sallyport/sallyport/proxy")
	m := &metrics{}
	var errs [7]error
	m.refused, errs[0] = meter.Int64Counter("sallyport.clients.refused", metric.WithDescription("Clients turned away before a session was open"))
	m.sessions, errs[1] = meter.Int64UpDownCounter("sallyport.sessions.open", metric.WithDescription("Sessions that are open"))
	m.decisions, errs[2] = meter.Int64Counter("sallyport.operations", metric.WithDescription("Operations judged, by verdict"))
	m.bytes, errs[3] = meter.Int64Counter("sallyport.bytes", metric.WithUnit("By"), metric.WithDescription("Payload bytes, by direction"))
	m.admission, errs[4] = meter.Float64Histogram("sallyport.admission.duration", metric.WithUnit("s"),
		metric.WithDescription("From a head to its durable record, without waiting for people"))
	m.approval, errs[5] = meter.Float64Histogram("sallyport.approval.duration", metric.WithUnit("s"), metric.WithDescription("Waiting for people"))
	m.duration, errs[6] = meter.Float64Histogram("sallyport.operation.duration", metric.WithUnit("s"),
		metric.WithDescription("From admission to outcome"))
	return m, errors.Join(errs[:]...)
}

// sessionMetrics are the instruments with one session's attributes bound, so
// that the hot path makes no attribute sets.
type sessionMetrics struct {
	m        *metrics
	verdict  [3][]metric.AddOption
	in, out  []metric.AddOption
	observed []metric.RecordOption
	counted  []metric.AddOption
}

func newSessionMetrics(m *metrics, proto, target string) *sessionMetrics {
	base := []attribute.KeyValue{attribute.String("protocol", proto), attribute.String("target", target)}
	with := func(more ...attribute.KeyValue) metric.MeasurementOption {
		return metric.WithAttributeSet(attribute.NewSet(append(base[:len(base):len(base)], more...)...))
	}
	s := &sessionMetrics{m: m}
	for v := range s.verdict {
		s.verdict[v] = []metric.AddOption{with(attribute.String("verdict", protocol.Verdict(v).String()))}
	}
	s.in = []metric.AddOption{with(attribute.String("direction", "in"))}
	s.out = []metric.AddOption{with(attribute.String("direction", "out"))}
	s.observed = []metric.RecordOption{with()}
	s.counted = []metric.AddOption{with()}
	return s
}

func (s *sessionMetrics) session(n int64) {
	s.m.sessions.Add(context.Background(), n, s.counted...)
}

func (s *sessionMetrics) decided(v protocol.Verdict) {
	s.m.decisions.Add(context.Background(), 1, s.verdict[v]...)
}

func (s *sessionMetrics) input(n int) { s.m.bytes.Add(context.Background(), int64(n), s.in...) }

func (s *sessionMetrics) output(n int) { s.m.bytes.Add(context.Background(), int64(n), s.out...) }

func (s *sessionMetrics) admitted(d time.Duration) {
	s.m.admission.Record(context.Background(), d.Seconds(), s.observed...)
}

func (s *sessionMetrics) approved(d time.Duration) {
	s.m.approval.Record(context.Background(), d.Seconds(), s.observed...)
}

func (s *sessionMetrics) ended(d time.Duration) {
	s.m.duration.Record(context.Background(), d.Seconds(), s.observed...)
}
