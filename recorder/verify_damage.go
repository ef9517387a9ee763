package recorder

import (
	"encoding/json"
	"errors"
	"slices"
)

// pause gives a gateway the time to finish a write.
func (w *walk) pause(s *scanner) {
	sleep(w.ctx, settle)
	s.refresh(s.size)
}

// damaged reports a record that is not as it was written, with the event that
// it was, if that can be said.
func (w *walk) damaged(s *scanner, name string, cause error) {
	f := Finding{File: name, Offset: s.off, Problem: cause.Error()}
	w.lost = true
	if e := w.guess(s); e != nil {
		f.Session, f.First, f.Last = e.Session, e.Seq, e.Seq
		c := w.sessions[e.Session]
		c.broken = true
		c.tree.size++
		w.pos++
	}
	w.report.add(f)
}

// guess decodes what may be left of an event, and believes it only if it is
// the one that should come here.
func (w *walk) guess(s *scanner) *Event {
	b, err := s.window(s.off, frameSize+prefixSize)
	if err != nil || len(b) < frameSize+prefixSize || b[frameSize] != typeEvent {
		return nil
	}
	header := int(b[14])<<8 | int(b[15]) | int(b[13])<<16 // of at most 16 MiB
	b, err = s.window(s.off, frameSize+prefixSize+header)
	if err != nil || len(b) < frameSize+prefixSize+header {
		return nil
	}
	e, err := decodeEvent(&record{typ: typeEvent, header: b[frameSize+prefixSize:]})
	if err != nil || e.Pos != w.pos {
		return nil
	}
	if c := w.sessions[e.Session]; c == nil || c.tree.size != e.Seq {
		return nil
	}
	return e
}

// resync moves on to the next place where a record can be read.
func (w *walk) resync(s *scanner) bool {
	b, err := s.window(s.off, frameSize)
	if err == nil && len(b) == frameSize {
		if n, err := bodyLength(b); err == nil {
			behind := s.off + frameSize + int64(n)
			if _, _, err := s.at(behind); err == nil || errors.Is(err, errEnd) && behind < s.size {
				s.off = behind
				return true
			}
		}
	}
	for off := s.off + 1; off+frameSize+prefixSize <= s.size; off++ {
		b, err := s.window(off, frameSize+prefixSize)
		if err != nil || len(b) < frameSize+prefixSize {
			return false
		}
		if b[8] != typeEvent && b[8] != typeCarry || b[9]&^flagMore != 0 || b[10] != 0 || b[11] != 0 {
			continue
		}
		if _, _, err := s.at(off); err == nil {
			s.off = off
			return true
		}
	}
	return false
}

// carried compares what a segment says of the sessions before it with what
// they were, and goes by it where that is not known.
func (w *walk) carried(r *record, name string, off int64) {
	var c carry
	if err := json.Unmarshal(r.header, &c); err != nil {
		w.report.add(Finding{File: name, Offset: off, Problem: "the state of the sessions: " + err.Error()})
		return
	}
	seen := make(map[string]bool, len(c.Sessions))
	for i := range c.Sessions {
		is, err := c.Sessions[i].state()
		if err != nil {
			w.report.add(Finding{File: name, Offset: off, Problem: err.Error()})
			continue
		}
		seen[is.id] = true
		was := w.sessions[is.id]
		switch {
		case was != nil && !was.broken && same(&was.sessionState, is):
			continue
		case was == nil && is.closed:
			continue // done with
		case was != nil && was.broken || w.lost:
			w.sessions[is.id] = &checked{sessionState: *is, verified: is.tree.size}
		default:
			w.report.add(Finding{File: name, Offset: off, Session: is.id, First: is.tree.size, Last: is.tree.size,
				Problem: "the state of the session at the start of the segment is not what it was at the end of the one before"})
		}
	}
	for _, s := range w.sessions {
		if seen[s.id] || s.closed || w.lost || s.broken {
			continue
		}
		w.report.add(Finding{File: name, Offset: off, Session: s.id, First: s.tree.size, Last: s.tree.size,
			Problem: "the session is missing in the state at the start of the segment"})
	}
	w.lost = false
}

func same(a, b *sessionState) bool {
	return a.tree.size == b.tree.size && a.closed == b.closed && slices.Equal(a.tree.nodes, b.tree.nodes) && slices.EqualFunc(a.open, b.open, openExchange.same)
}
