// Package recordertest helps to test what records: a [recorder.Log] in memory
// that can be made to fail or to hold, and [TestLog], which checks that an
// implementation of recorder.Log keeps its promises.
package recordertest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sallyport/sallyport/recorder"
)

// ErrInjected is the cause of a failure that [Memory.FailAfter] asked for, unless
// it was given another.
var ErrInjected = errors.New("recordertest: injected failure")

// Memory is a [recorder.Log] that keeps copies of the events. It is safe for
// concurrent use.
type Memory struct {
	mu       sync.Mutex
	events   []*recorder.Event
	sessions map[string]*session
	appends  int
	failAt   int // number of the Append to fail; zero for none
	failWith error
	err      error
	held     chan struct{} // closed to let Appends go on; nil while none are held
	changed  chan struct{} // closed with the next change
	buffered bool
}

type session struct {
	next   uint64
	closed bool
}

// NewMemory returns an empty log.
func NewMemory() *Memory {
	return &Memory{sessions: make(map[string]*session), changed: make(chan struct{})}
}

// Append implements [recorder.Log]. While the log is held it waits, for ctx
// too: nothing was added then.
func (m *Memory) Append(ctx context.Context, need recorder.Need, events ...*recorder.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for m.held != nil {
		held := m.held
		m.mu.Unlock()
		var err error
		select {
		case <-held:
		case <-ctx.Done():
			err = ctx.Err()
		}
		m.mu.Lock()
		if err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(events) == 0 {
		return nil
	}
	if m.err != nil {
		return m.err
	}
	if err := m.check(events); err != nil {
		return err
	}
	if m.appends++; m.appends == m.failAt {
		m.err = fmt.Errorf("the log in memory has failed: %w", m.failWith)
		return m.err
	}
	for _, e := range events {
		s := m.sessions[e.Session]
		if s == nil {
			s = &session{}
			m.sessions[e.Session] = s
		}
		e.Seq, e.Pos = s.next, uint64(len(m.events))
		s.next++
		s.closed = e.Kind == recorder.KindSessionClosed
		m.events = append(m.events, e.Clone())
	}
	close(m.changed)
	m.changed = make(chan struct{})
	return nil
}

// check holds events to the same rules as the journal.
func (m *Memory) check(events []*recorder.Event) error {
	state := make(map[string]session)
	for _, e := range events {
		s, known := state[e.Session]
		if was := m.sessions[e.Session]; !known && was != nil {
			s, known = *was, true
		}
		opening := e.Kind == recorder.KindSessionOpened
		switch {
		case e.Session == "":
			return fmt.Errorf("%w: it has no session", recorder.ErrEvent)
		case known && opening:
			return fmt.Errorf("%w: session %q is open already", recorder.ErrEvent, e.Session)
		case !known && !opening:
			return fmt.Errorf("%w: session %q is not open", recorder.ErrEvent, e.Session)
		case s.closed:
			return fmt.Errorf("%w: session %q is closed", recorder.ErrEvent, e.Session)
		case len(e.Payload) > recorder.MaxRecord:
			return fmt.Errorf("%w: it is larger than %d bytes", recorder.ErrEvent, recorder.MaxRecord)
		}
		s.closed = e.Kind == recorder.KindSessionClosed
		state[e.Session] = s
	}
	return nil
}

// Ready implements [recorder.Log].
func (m *Memory) Ready() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.err
}

// Durability implements [recorder.Log]: it says "durable", as tests are mostly
// about that, unless [Memory.SetBuffered] was called.
func (m *Memory) Durability() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.buffered {
		return "buffered"
	}
	return "durable"
}

// SetBuffered makes Durability say "buffered".
func (m *Memory) SetBuffered() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buffered = true
}

// Events returns the events so far, in order. They are the caller's only to
// read.
func (m *Memory) Events() []*recorder.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*recorder.Event(nil), m.events...)
}

// Session returns the events of one session.
func (m *Memory) Session(id string) []*recorder.Event {
	var list []*recorder.Event
	for _, e := range m.Events() {
		if e.Session == id {
			list = append(list, e)
		}
	}
	return list
}

// Kinds returns the kinds of events in order, which is often all that a test
// compares.
func Kinds(events []*recorder.Event) []recorder.Kind {
	list := make([]recorder.Kind, len(events))
	for i, e := range events {
		list[i] = e.Kind
	}
	return list
}

// WaitFor returns the first event, past or to come, that match accepts, or
// ctx's error.
func (m *Memory) WaitFor(ctx context.Context, match func(*recorder.Event) bool) (*recorder.Event, error) {
	seen := 0
	for {
		m.mu.Lock()
		events, changed := m.events[seen:], m.changed
		m.mu.Unlock()
		for _, e := range events {
			if match(e) {
				return e, nil
			}
		}
		seen += len(events)
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// FailAfter lets n more calls of Append succeed and fails the next, and every
// later one, with err, or ErrInjected where err is nil. Calls that add nothing
// do not count.
func (m *Memory) FailAfter(n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil {
		err = ErrInjected
	}
	m.failAt, m.failWith = m.appends+n+1, err
}

// Hold makes calls of Append wait until release is called. Release may be
// called more than once.
func (m *Memory) Hold() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held == nil {
		m.held = make(chan struct{})
	}
	held := m.held
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.held == held {
			m.held = nil
			close(held)
		}
	}
}

var _ recorder.Log = (*Memory)(nil)
