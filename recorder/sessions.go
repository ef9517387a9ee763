package recorder

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"golang.org/x/mod/sumdb/tlog"
)

// maxSessionID is the longest session id in bytes.
const maxSessionID = 128

// sessionState is what the journal keeps in memory of a session until its
// last head is in a checkpoint. The tree's size is the next event's Seq.
type sessionState struct {
	id     string
	tree   frontier
	headed uint64 // size of its newest head
	dirty  bool   // in Journal.dirty
	closed bool
	open   []openExchange

	// For company: the last epoch in which it asked for durability, how often,
	// and for how many it counts.
	epoch        uint64
	asks, counts int
}

// openExchange is an exchange whose end is not recorded yet.
type openExchange struct {
	ID protocol.ExchangeID `json:"id"`
	// Verdict is the decision so far. Only what is allowed can have reached
	// the target.
	Verdict protocol.Verdict `json:"verdict"`
	// at is the position of the first event that was appended together with it.
	at uint64
}

// same compares what is carried from one segment to the next.
func (x openExchange) same(y openExchange) bool { return x.ID == y.ID && x.Verdict == y.Verdict }

// verdict returns what a decision lets through.
func verdict(d *protocol.Decision) protocol.Verdict {
	if d == nil || d.Observed {
		return protocol.Allow // as far as the record says, nothing held it
	}
	return d.Verdict
}

// note updates what is open after e was recorded, together with others that
// begin at a position.
func (s *sessionState) note(e *Event, at uint64) {
	if e.Exchange == 0 {
		return
	}
	switch e.Kind {
	case KindOperation:
		s.open = append(s.open, openExchange{e.Exchange, verdict(e.Decision), at})
	case KindDecision:
		for i := range s.open {
			if s.open[i].ID == e.Exchange {
				s.open[i].Verdict = verdict(e.Decision)
			}
		}
	case KindEnd:
		s.end(e.Exchange)
	}
}

// end forgets an exchange. Exchanges mostly end in the order they began.
func (s *sessionState) end(id protocol.ExchangeID) {
	for i := range s.open {
		if s.open[i].ID == id {
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}

// underWay returns how many of the open exchanges were begun apart from the one
// before, up to a bound: by so many, at least, the session is used at once.
func (s *sessionState) underWay() int {
	n, last := 0, uint64(0)
	for _, x := range s.open[max(0, len(s.open)-maxCompany):] {
		if n == 0 || x.at != last {
			n, last = n+1, x.at
		}
	}
	return n
}

func validSessionID(id string) bool {
	if len(id) == 0 || len(id) > maxSessionID {
		return false
	}
	for i := 0; i < len(id); i++ {
		if id[i] <= ' ' || id[i] > '~' || id[i] == '"' || id[i] == '\\' {
			return false
		}
	}
	return true
}

// check says whether all of events can be added, before any is.
func (j *Journal) check(events []*Event) error {
	edges := false
	for _, e := range events {
		edges = edges || e.Kind == KindSessionOpened || e.Kind == KindSessionClosed
	}
	for i, e := range events {
		s := j.last(e.Session)
		known, open := s != nil, s != nil && !s.closed
		if edges {
			for _, before := range events[:i] {
				switch {
				case before.Session != e.Session:
				case before.Kind == KindSessionOpened:
					known, open = true, true
				case before.Kind == KindSessionClosed:
					open = false
				}
			}
		}
		switch {
		case e.Kind == KindSessionOpened && known:
			return fmt.Errorf("%w: session %q is open already", ErrEvent, e.Session)
		case !open && known:
			return fmt.Errorf("%w: session %q is closed", ErrEvent, e.Session)
		case !open && e.Kind != KindSessionOpened:
			return fmt.Errorf("%w: session %q is not open", ErrEvent, e.Session)
		case !known && !validSessionID(e.Session):
			return fmt.Errorf("%w: the session id %q is not 1 to %d visible ASCII characters without quote and backslash", ErrEvent, e.Session, maxSessionID)
		}
		if roughSize(e) > MaxRecord && len(j.enc.event(nil, e))+len(e.Payload)+1024 > MaxRecord {
			return fmt.Errorf("%w: it is larger than %d bytes", ErrEvent, MaxRecord)
		}
	}
	return nil
}

// last returns a session's state; events of one session often come in a row.
func (j *Journal) last(id string) *sessionState {
	if j.recent != nil && j.recent.id == id {
		return j.recent
	}
	s := j.sessions[id]
	if s != nil {
		j.recent = s
	}
	return s
}

// roughSize is more than what an event needs on disk, unless its strings are
// mostly such as need escaping: those it counts at their worst only where it
// is cheap to know.
func roughSize(e *Event) int {
	n := 512 + len(e.Payload)
	if o := e.Operation; o != nil {
		n += 6 * (len(o.Text) + len(o.Verb) + len(o.Refuse) + len(o.Remark))
		for i := range o.Params {
			n += 64 + 6*(len(o.Params[i].Value)+len(o.Params[i].Raw)+len(o.Params[i].Name))
		}
		for i := range o.Objects {
			n += 64 + 6*len(o.Objects[i].Name)
		}
	}
	if e.Note != nil {
		n += 6 * len(e.Note.Text)
		for i := range e.Note.Objects {
			n += 64 + 6*len(e.Note.Objects[i].Name)
		}
	}
	if e.Outcome != nil {
		n += 6 * len(e.Outcome.Text)
	}
	if e.Decision != nil {
		n += 6 * len(e.Decision.Reason)
	}
	if o := e.Opened; o != nil {
		n += 1024
		for k, v := range o.Details {
			n += 6 * (len(k) + len(v))
		}
		for k, v := range o.Principal.Attributes {
			n += 6 * (len(k) + len(v))
		}
		for _, g := range o.Principal.Groups {
			n += 6 * len(g)
		}
	}
	return n
}

// carry is the header of the record that begins a segment: all that is needed
// to read the segment, and to go on after a crash, without those before it.
type carry struct {
	Sessions []carried `json:"sessions"`
}

type carried struct {
	ID     string         `json:"id"`
	Size   uint64         `json:"size"`
	Nodes  []tlog.Hash    `json:"nodes"`
	Headed uint64         `json:"headed"`
	Closed bool           `json:"closed,omitempty"`
	Open   []openExchange `json:"open,omitempty"`
}

func (s *sessionState) carried() carried {
	return carried{s.id, s.tree.size, s.tree.nodes, s.headed, s.closed, s.open}
}

func (c *carried) state() (*sessionState, error) {
	s := &sessionState{id: c.ID, tree: frontier{c.Size, c.Nodes}, headed: c.Headed, closed: c.Closed, open: c.Open}
	if !s.tree.valid() || !validSessionID(c.ID) || c.Headed > c.Size {
		return nil, fmt.Errorf("the state of session %q at the start of the segment is malformed", c.ID)
	}
	return s, nil
}
