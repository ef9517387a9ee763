package proxytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// ErrFull is what a [Record] fails with after [Record.FailAfter].
var ErrFull = errors.New("no space left on the test's record")

// Record is a recorder.Log in memory that tests look into and make fail.
type Record struct {
	mu      sync.Mutex
	events  []recorder.Event
	next    map[string]uint64
	thin    bool
	parts   int64 // payload bytes, kept or not
	appends int   // how many there were
	failAt  int   // the append that fails; 0 for none
	failed  error
	watch   func(need recorder.Need, events []*recorder.Event)
	changed chan struct{} // closed at the next change
}

// NewRecord returns an empty record.
func NewRecord() *Record {
	return &Record{next: map[string]uint64{}, changed: make(chan struct{})}
}

// Append implements recorder.Log.
func (r *Record) Append(_ context.Context, need recorder.Need, events ...*recorder.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.watch != nil {
		r.watch(need, events)
	}
	if r.failed != nil {
		return r.failed
	}
	r.appends++
	if r.failAt > 0 && r.appends >= r.failAt {
		r.failed = ErrFull
		return r.failed
	}
	for _, e := range events {
		e.Seq, e.Pos = r.next[e.Session], uint64(len(r.events))
		r.next[e.Session]++
		r.parts += int64(len(e.Payload))
		r.events = append(r.events, r.copyOf(e))
	}
	close(r.changed)
	r.changed = make(chan struct{})
	return nil
}

// Ready implements recorder.Log.
func (r *Record) Ready() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// Durability implements recorder.Log.
func (r *Record) Durability() string { return "durable" }

// FailAfter lets n more appends succeed; every later one fails with [ErrFull].
func (r *Record) FailAfter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failAt = r.appends + n + 1
}

// Watch has f called at the beginning of every append, also of those that
// fail: what it sees elsewhere was done before the events were recorded. f
// must not call the record.
func (r *Record) Watch(f func(need recorder.Need, events []*recorder.Event)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch = f
}

// Appends returns how many appends succeeded.
func (r *Record) Appends() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return r.appends - 1
	}
	return r.appends
}

// Thin makes the record keep no payload from now on, for tests of what is too
// large for memory. [Record.PayloadBytes] still counts it.
func (r *Record) Thin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.thin = true
}

// PayloadBytes returns how many bytes of payload were recorded.
func (r *Record) PayloadBytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.parts
}

// Events returns all events so far, in order.
func (r *Record) Events() []recorder.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// WaitFor waits until what is true of the events, and fails the test where it
// is not within ten seconds.
func (r *Record) WaitFor(t testing.TB, what func([]recorder.Event) bool) {
	t.Helper()
	if !r.await(10*time.Second, what) {
		t.Fatalf("proxytest: waited in vain for the record; it holds:\n%s", r)
	}
}

// WaitForKind waits until n events of a kind are there.
func (r *Record) WaitForKind(t testing.TB, kind recorder.Kind, n int) {
	t.Helper()
	r.WaitFor(t, func(events []recorder.Event) bool {
		found := 0
		for i := range events {
			if events[i].Kind == kind {
				found++
			}
		}
		return found >= n
	})
}

func (r *Record) await(limit time.Duration, what func([]recorder.Event) bool) bool {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for {
		r.mu.Lock()
		events, changed := r.events[:len(r.events):len(r.events)], r.changed
		r.mu.Unlock()
		if what(events) {
			return true
		}
		select {
		case <-changed:
		case <-timeout.C:
			return false
		}
	}
}

func started(events []recorder.Event) bool {
	return slices.ContainsFunc(events, func(e recorder.Event) bool { return e.Kind == recorder.KindGatewayStarted })
}

// String lists the events, one a line, for failing tests.
func (r *Record) String() string {
	var b bytes.Buffer
	for _, e := range r.Events() {
		fmt.Fprintf(&b, "%3d %s #%d %s", e.Pos, e.Session, e.Exchange, e.Kind)
		if e.Operation != nil {
			fmt.Fprintf(&b, " %s %q", e.Operation.Verb, e.Operation.Text)
		}
		if e.Decision != nil {
			fmt.Fprintf(&b, " %s by rule %q %s", e.Decision.Verdict, e.Decision.Rule, e.Decision.Reason)
		}
		if e.Part != nil {
			fmt.Fprintf(&b, " %s", e.Part.Kind)
		}
		if e.Note != nil {
			fmt.Fprintf(&b, " %s %q", e.Note.Kind, e.Note.Text)
		}
		if e.Outcome != nil {
			fmt.Fprintf(&b, " %s %q", e.Outcome.Result, e.Outcome.Text)
		}
		if len(e.Payload) > 0 {
			fmt.Fprintf(&b, " %.60q", e.Payload)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// copyOf copies an event whole: what Append was given is the caller's.
func (r *Record) copyOf(e *recorder.Event) recorder.Event {
	c := *e
	if e.Opened != nil {
		o := *e.Opened
		o.Details = maps.Clone(o.Details)
		c.Opened = &o
	}
	if e.Operation != nil {
		o := *e.Operation
		o.Params = slices.Clone(o.Params)
		for i := range o.Params {
			o.Params[i].Raw = bytes.Clone(o.Params[i].Raw)
		}
		o.Objects = slices.Clone(o.Objects)
		o.Key = nil // never recorded
		c.Operation = &o
	}
	c.Decision, c.Part, c.Outcome = clone(e.Decision), clone(e.Part), clone(e.Outcome)
	if e.Note != nil {
		n := *e.Note
		n.Objects = slices.Clone(n.Objects)
		c.Note = &n
	}
	c.Payload = bytes.Clone(e.Payload)
	if r.thin {
		c.Payload = nil
	}
	return c
}

func clone[T protocol.Decision | recorder.Part | protocol.Outcome](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
