package recorder

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// State says how whole a session's record is.
type State string

// The states of a session.
const (
	// Live: the session is open and a gateway writes.
	Live State = "live"
	// Complete: the gateway closed the session.
	Complete State = "complete"
	// Truncated: the record ends before the session does, and nobody writes
	// any more.
	Truncated State = "truncated"
	// Abandoned: the gateway ended without closing the session; the next one
	// did. Operations that it had under way ended with outcome unknown.
	Abandoned State = "abandoned"
)

// SessionInfo is a session in short.
type SessionInfo struct {
	ID    string
	State State
	// Opened is nil where the session's first event is not in the record any
	// more.
	Opened *Opened
	// First and Last are the times of its first and newest event here.
	First, Last time.Time
	// Pos is the journal position of its first event here, where Record.All
	// may begin.
	Pos uint64
	// Events counts its events, Operations those asked by clients or targets,
	// Own those of the gateway itself.
	Events, Operations, Own uint64
	// Results counts how exchanges ended, by protocol.Result.
	Results [6]uint64
	// Bytes counts recorded payload.
	Bytes int64
	// Masked counts hidden values, Withheld parts whose content is not recorded.
	Masked, Withheld uint64
	// Outcome is what the last event says; nil while there is none.
	Outcome *protocol.Outcome
}

// Sessions returns the sessions that match f, in the order in which they
// ended, and then those that did not. It reads the whole journal once; memory
// grows only with the sessions open at one time. Errors are as in Events.
func (r *Record) Sessions(f Filter) iter.Seq2[*SessionInfo, error] {
	return func(yield func(*SessionInfo, error) bool) {
		l := lister{f: f, open: make(map[string]*listed)}
		for at, err := range r.scan(context.Background(), 0, false) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if at.rec.typ != typeEvent {
				continue
			}
			e, err := at.event()
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if s := l.take(e); s != nil && !yield(s, nil) {
				return
			}
		}
		rest := slices.SortedFunc(maps.Values(l.open), func(a, b *listed) int { return cmp.Compare(a.Pos, b.Pos) })
		state := Truncated
		if r.Live() {
			state = Live
		}
		for _, s := range rest {
			s.State = state
			if s.matches(&f) && !yield(&s.SessionInfo, nil) {
				return
			}
		}
	}
}

type lister struct {
	f    Filter
	open map[string]*listed
}

type listed struct {
	SessionInfo
	hit   bool                             // an operation that the filter asks for
	verbs map[protocol.ExchangeID]struct{} // exchanges under way whose verb matches
}

// take counts e, and returns the session if it ended and matches.
func (l *lister) take(e *Event) *SessionInfo {
	s := l.open[e.Session]
	if s == nil {
		s = &listed{SessionInfo: SessionInfo{ID: e.Session}}
		l.open[e.Session] = s
	}
	s.count(e, &l.f)
	if e.Kind != KindSessionClosed {
		return nil
	}
	delete(l.open, e.Session)
	s.State, s.Outcome = Complete, e.Outcome
	if e.Outcome != nil && e.Outcome.Code == codeAbandoned {
		s.State = Abandoned
	}
	if !s.matches(&l.f) {
		return nil
	}
	return &s.SessionInfo
}

func (s *listed) count(e *Event, f *Filter) {
	if s.Events == 0 {
		s.First, s.Pos = e.Time, e.Pos
	}
	s.Events++
	s.Last = e.Time
	s.Bytes += int64(len(e.Payload))
	if e.Opened != nil && s.Opened == nil {
		s.Opened = e.Opened
	}
	if e.Part != nil {
		s.Masked += uint64(max(0, e.Part.Masked))
		if e.Part.Withheld {
			s.Withheld++
		}
	}
	switch {
	case e.Kind == KindOperation && e.Operation != nil:
		if e.Operation.Origin == protocol.OriginGateway {
			s.Own++
		} else {
			s.Operations++
		}
		if match(f.Verb, e.Operation.Verb) && f.operations() {
			if s.verbs == nil {
				s.verbs = make(map[protocol.ExchangeID]struct{})
			}
			s.verbs[e.Exchange] = struct{}{}
			s.hit = s.hit || len(f.Outcome) == 0
		}
	case e.Kind == KindEnd && e.Outcome != nil:
		s.result(e.Exchange, e.Outcome.Result, f)
	}
}

func (s *listed) result(x protocol.ExchangeID, r protocol.Result, f *Filter) {
	if int(r) < len(s.Results) {
		s.Results[r]++
	}
	if _, ok := s.verbs[x]; ok {
		s.hit = s.hit || f.outcome(r)
		delete(s.verbs, x)
	}
}

func (s *listed) matches(f *Filter) bool {
	if s.Events == 0 || f.operations() && !s.hit || !f.times(s.First, s.Last) {
		return false
	}
	return f.Matches(s.Opened)
}
