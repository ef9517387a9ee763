package proxy_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

// meter is a metric.MeterProvider that adds everything up by name and
// attributes.
type meter struct {
	noop.MeterProvider
	mu   sync.Mutex
	sums map[string]float64
}

func (m *meter) add(name string, v float64, set attribute.Set) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, key := range []attribute.Key{"verdict", "direction"} {
		if a, ok := set.Value(key); ok {
			name += " " + a.AsString()
		}
	}
	if m.sums == nil {
		m.sums = map[string]float64{}
	}
	m.sums[name] += v
}

func (m *meter) sum(name string) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sums[name]
}

func (m *meter) Meter(string, ...metric.MeterOption) metric.Meter { return instruments{m: m} }

type instruments struct {
	noop.Meter
	m *meter
}

func (i instruments) Int64Counter(name string, _ ...metric.Int64CounterOption) (metric.Int64Counter, error) {
	return counter{name: name, m: i.m}, nil
}

func (i instruments) Int64UpDownCounter(name string, _ ...metric.Int64UpDownCounterOption) (metric.Int64UpDownCounter, error) {
	return upDown{name: name, m: i.m}, nil
}

func (i instruments) Float64Histogram(name string, _ ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return histogram{name: name, m: i.m}, nil
}

type counter struct {
	noop.Int64Counter
	name string
	m    *meter
}

func (c counter) Add(_ context.Context, n int64, o ...metric.AddOption) {
	c.m.add(c.name, float64(n), metric.NewAddConfig(o).Attributes())
}

type upDown struct {
	noop.Int64UpDownCounter
	name string
	m    *meter
}

func (c upDown) Add(_ context.Context, n int64, o ...metric.AddOption) {
	c.m.add(c.name, float64(n), metric.NewAddConfig(o).Attributes())
}

type histogram struct {
	noop.Float64Histogram
	name string
	m    *meter
}

// Record counts the observations; how long things took is not for a test.
func (h histogram) Record(_ context.Context, _ float64, o ...metric.RecordOption) {
	h.m.add(h.name, 1, metric.NewRecordConfig(o).Attributes())
}

func TestMetrics(t *testing.T) {
	m := &meter{}
	r := policed(t, func(b *proxy.Builder) *proxy.Builder { return b.Meter(m) })
	v, s := r.session()
	assert.EqualValues(t, 1, m.sum("sallyport.sessions.open"))
	x, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	require.NoError(t, x.Input(part("123")))
	require.NoError(t, x.Finish(part("12345"), protocol.Outcome{Result: protocol.OK}))
	_, err = begin(s, op("drop", "b"))
	require.Error(t, err)
	r.people.Approve()
	_, err = begin(s, op("ask", "c"))
	require.NoError(t, err)
	v.gate.Refused("", errors.New("no"))
	require.NoError(t, s.Close("bye"))
	for name, want := range map[string]float64{
		"sallyport.sessions.open":      0,
		"sallyport.clients.refused":    1,
		"sallyport.operations allow":   2,
		"sallyport.operations deny":    1,
		"sallyport.operations ask":     1,
		"sallyport.bytes in":           3,
		"sallyport.bytes out":          5,
		"sallyport.admission.duration": 3,
		"sallyport.approval.duration":  1,
	} {
		assert.Equal(t, want, m.sum(name), name)
	}
	assert.EqualValues(t, 1, m.sum("sallyport.operation.duration"), "the denied one took no time, the last has no outcome")
}
