package proxytest

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Check returns where the record breaks an order that the engine promises:
//
//   - a session begins with its opening and nothing stands behind its end;
//   - parts, decisions and ends belong to an operation recorded before;
//   - an operation has at most one end, and no part behind it;
//   - nothing of an operation goes to the target before it was allowed;
//   - when a session has closed, every operation of it has an end.
func (r *Record) Check() error {
	type state struct {
		closed bool
		open   map[protocol.ExchangeID]protocol.Verdict
		ended  map[protocol.ExchangeID]bool
	}
	sessions := map[string]*state{}
	var errs []error
	for _, e := range r.Events() {
		wrong := func(format string, args ...any) {
			errs = append(errs, fmt.Errorf("event %d (%s, %s, exchange %d): %s", e.Pos, e.Session, e.Kind, e.Exchange, fmt.Sprintf(format, args...)))
		}
		s := sessions[e.Session]
		switch {
		case e.Kind == recorder.KindSessionOpened && s != nil:
			wrong("the session was opened twice")
			continue
		case e.Kind == recorder.KindSessionOpened:
			sessions[e.Session] = &state{open: map[protocol.ExchangeID]protocol.Verdict{}, ended: map[protocol.ExchangeID]bool{}}
			continue
		case s == nil:
			wrong("the session is not open")
			continue
		case s.closed:
			wrong("stands behind the end of its session")
			continue
		}
		verdict, open := s.open[e.Exchange]
		switch e.Kind {
		case recorder.KindOperation:
			if open || s.ended[e.Exchange] {
				wrong("the exchange has two operations")
			}
			v := e.Decision.Verdict
			if e.Decision.Observed {
				v = protocol.Allow
			}
			s.open[e.Exchange] = v
		case recorder.KindDecision:
			if !open {
				wrong("decides what is not open")
			}
			s.open[e.Exchange] = e.Decision.Verdict
		case recorder.KindInput, recorder.KindOutput, recorder.KindEnd:
			if e.Exchange == 0 && e.Kind == recorder.KindOutput {
				break
			}
			if !open {
				wrong("belongs to no open exchange")
			}
			if verdict != protocol.Allow && (e.Kind != recorder.KindEnd || ran(e.Outcome)) {
				wrong("the operation was not allowed")
			}
			if e.Kind == recorder.KindEnd {
				delete(s.open, e.Exchange)
				s.ended[e.Exchange] = true
			}
		case recorder.KindSessionClosed:
			s.closed = true
			for id := range s.open {
				wrong("exchange %d has no end", id)
			}
		}
	}
	return errors.Join(errs...)
}

// ran reports whether an outcome says that something may have reached the target.
func ran(o *protocol.Outcome) bool {
	return o == nil || o.Result != protocol.Refused && o.Result != protocol.NotSent
}
