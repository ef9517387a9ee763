package recorder

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Recovery is what OpenJournal found of a gateway that ended without Close.
type Recovery struct {
	// Abandoned are the sessions that were open and are closed now. Their
	// operations under way ended with outcome unknown, or, where they still
	// waited for a decision, not sent.
	Abandoned []string
	// Torn says where bytes that were not a whole record were cut off, and
	// where they were put; empty where none were.
	Torn []string
}

// Recovery returns what was found when the journal was opened.
func (j *Journal) Recovery() Recovery { return j.recovered }

// codeAbandoned is the outcome's code in the last event of a session that the
// gateway did not close.
const codeAbandoned = "abandoned"

// recover reads the last segment: what it carries from those before, and what
// it adds.
func (j *Journal) recover() error {
	numbers, err := listSegments(j.dir)
	if err != nil {
		return err
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		begun, err := j.recoverSegment(numbers[i])
		if err != nil {
			return err
		}
		j.number = max(j.number, numbers[i])
		if begun {
			break
		}
	}
	if j.pos < j.checkpoint.Events {
		return damaged("the journal ends after event %d, but its checkpoint of %s covers %d events", j.pos, j.checkpoint.Time.Format(timeFormat), j.checkpoint.Events)
	}
	for _, s := range sortedSessions(j.sessions) {
		h, known := j.heads.newest[s.id]
		if known && h.size > s.tree.size {
			return damaged("session %s has %d events, but its head says %d", s.id, s.tree.size, h.size)
		}
		if known {
			s.headed = max(s.headed, h.size)
		}
		switch {
		case s.headed < s.tree.size:
			s.dirty = true
			j.dirty = append(j.dirty, s)
		case s.closed:
			delete(j.sessions, s.id)
		}
	}
	j.heads.newest = nil
	j.headsUrgent = j.heads.tree.size > j.checkpoint.Size
	return nil
}

// recoverSegment reads one segment. It reports false where the segment was
// never begun whole; it is put aside then, and the one before is the last.
func (j *Journal) recoverSegment(number uint64) (bool, error) {
	name := segmentName(j.dir, number)
	f, err := j.opts.fs.Open(name)
	if err != nil {
		return false, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return false, err
	}
	s := newScanner(f, size)
	h, err := s.header()
	if errors.Is(err, errVersion) {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	if errors.Is(err, errHeader) || errors.Is(err, errShort) {
		return false, j.putAside(f, s, name, 0)
	}
	if err != nil {
		return false, err
	}
	if h.journal != j.id || h.number != number {
		return false, damaged("%s belongs to another journal or has another number", name)
	}
	r, off, err := s.next()
	if notWhole(err) {
		return false, j.putAside(f, s, name, 0)
	}
	if err != nil {
		return false, err
	}
	if err := j.takeCarry(&r); err != nil {
		return false, damaged("%s: %w", place(name, off), err)
	}
	j.pos = h.first
	for {
		r, off, err := s.next()
		if err == nil {
			err = j.takeEvent(&r)
			if err != nil {
				return false, damaged("%s: %w", place(name, off), err)
			}
			continue
		}
		if !notWhole(err) {
			return false, err
		}
		return true, j.putAside(f, s, name, off)
	}
}

func (j *Journal) takeCarry(r *record) error {
	var c carry
	if r.typ != typeCarry {
		return fmt.Errorf("the segment begins with a record of type %d", r.typ)
	}
	if err := json.Unmarshal(r.header, &c); err != nil {
		return err
	}
	for i := range c.Sessions {
		s, err := c.Sessions[i].state()
		if err != nil {
			return err
		}
		j.sessions[s.id] = s
	}
	return nil
}

func (j *Journal) takeEvent(r *record) error {
	e, err := decodeEvent(r)
	if err != nil {
		return err
	}
	s := j.sessions[e.Session]
	if s == nil && e.Kind == KindSessionOpened {
		s = &sessionState{id: e.Session}
		j.sessions[s.id] = s
	}
	if s == nil || s.closed || e.Seq != s.tree.size || e.Pos != j.pos {
		return fmt.Errorf("event %d of session %q does not follow what is before it", e.Seq, e.Session)
	}
	s.tree.add(leafHash(append([]byte{0}, r.body...)))
	s.note(e, e.Pos)
	s.closed = e.Kind == KindSessionClosed
	j.pos++
	return nil
}

// putAside cuts the segment at off. Bytes behind it that are not zero go to a
// file beside it.
func (j *Journal) putAside(f file, s *scanner, name string, off int64) error {
	n, err := s.tail(off)
	if err != nil {
		return err
	}
	if n > 0 {
		aside := fmt.Sprintf("%s-%d.torn", strings.TrimSuffix(name, segmentSuffix), off)
		if err := j.copyTorn(aside, io.NewSectionReader(f, off, n)); err != nil {
			return err
		}
		j.recovered.Torn = append(j.recovered.Torn, fmt.Sprintf("%d bytes of %s, now in %s", n, place(filepath.Base(name), off), filepath.Base(aside)))
		j.opts.Logger.Warn("bytes that were not a whole record were cut off the journal", "segment", name, "offset", off, "bytes", n, "kept_in", aside)
	}
	if off == 0 {
		return errors.Join(j.opts.fs.Remove(name), j.opts.fs.SyncDir(filepath.Dir(name)))
	}
	if err := f.Truncate(off); err != nil {
		return err
	}
	return f.Sync()
}

func (j *Journal) copyTorn(name string, r io.Reader) error {
	if there, err := exists(name); err != nil || there {
		return err // an earlier recovery got this far
	}
	f, err := j.opts.fs.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// recordRecovery closes the sessions that were open and records what was cut.
// mu is held.
func (j *Journal) recordRecovery() error {
	now := time.Now()
	for _, s := range sortedSessions(j.sessions) {
		if s.closed {
			continue
		}
		var events []*Event
		for _, x := range s.open {
			o := protocol.Outcome{Result: protocol.Unknown, Code: codeAbandoned, Text: "the gateway ended before the outcome was recorded"}
			switch x.Verdict {
			case protocol.Ask:
				o.Result, o.Text = protocol.NotSent, "the gateway ended while the operation waited for a decision"
			case protocol.Deny:
				o.Result, o.Text = protocol.Refused, ""
			}
			events = append(events, &Event{Session: s.id, Time: now, Kind: KindEnd, Exchange: x.ID, Outcome: &o})
		}
		text := "the gateway ended without closing the session; what it had not yet written is missing"
		events = append(events, &Event{
			Session: s.id, Time: now, Kind: KindSessionClosed,
			Outcome: &protocol.Outcome{Result: protocol.Unknown, Code: codeAbandoned, Text: text},
		})
		if err := j.add(events); err != nil {
			return err
		}
		j.recovered.Abandoned = append(j.recovered.Abandoned, s.id)
	}
	if len(j.recovered.Torn) > 0 {
		id := fmt.Sprintf("recovery-%d", j.number)
		events := []*Event{{Session: id, Time: now, Kind: KindSessionOpened, Opened: &Opened{Gateway: "journal"}}}
		for _, t := range j.recovered.Torn {
			events = append(events, &Event{Session: id, Time: now, Kind: KindNote, Note: &Note{Kind: "torn", Text: "cut off: " + t}})
		}
		events = append(events, &Event{Session: id, Time: now, Kind: KindSessionClosed, Outcome: &protocol.Outcome{Result: protocol.OK}})
		if err := j.add(events); err != nil {
			return err
		}
	}
	if n := len(j.recovered.Abandoned); n > 0 {
		j.opts.Logger.Warn("the gateway before ended without closing its sessions", "dir", j.dir, "abandoned", n)
	}
	return nil
}
