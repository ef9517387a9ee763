package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/mod/sumdb/tlog"
)

// checked is a session as far as it was verified.
type checked struct {
	sessionState
	verified uint64 // events up to here are under a signed head
	broken   bool   // something of it is missing or damaged, and reported
	changed  bool   // in verifier.changed

	file string // where its first event behind verified is
	off  int64
}

func (v *verifier) run() error {
	var err error
	if v.tree, err = v.openTree(); err != nil {
		return err
	}
	defer v.tree.close()
	w := &walk{verifier: v, want: make(map[string][]placedHead)}
	if err := w.load(); err != nil {
		return err
	}
	if err := w.segments(); err != nil {
		return err
	}
	return w.finish()
}

// walk goes through the events and, beside them, through the checkpoints.
type walk struct {
	*verifier
	b    *batch                  // the checkpoint that comes next; nil for none
	want map[string][]placedHead // its heads that were not met yet
}

// load takes the next checkpoint's heads.
func (w *walk) load() error {
	b, err := w.tree.next()
	if err != nil {
		return err
	}
	w.b = b
	if b == nil {
		return nil
	}
	for _, h := range b.heads {
		w.want[h.session] = append(w.want[h.session], h)
	}
	for _, h := range b.heads {
		if s := w.sessions[h.session]; s != nil {
			w.meet(s)
		}
	}
	return nil
}

// meet compares a session with the heads that say what it is at its size now.
func (w *walk) meet(s *checked) {
	list := w.want[s.id]
	for len(list) > 0 && list[0].size <= s.tree.size {
		h := list[0]
		list = list[1:]
		var problem string
		switch {
		case s.broken:
		case h.size < s.tree.size:
			problem = fmt.Sprintf("the session head says %d events where %d were signed before", h.size, s.tree.size)
		case h.root != s.tree.root():
			problem = "the events are not those that the session head signs"
		case h.closed != s.closed:
			problem = "the session head is wrong about whether the session was closed"
		default:
			s.verified, s.file = s.tree.size, ""
		}
		if problem != "" {
			s.broken = true
			f := Finding{File: h.file, Offset: h.off, Session: s.id, First: s.verified, Last: s.tree.size - 1, Problem: problem}
			if s.file != "" {
				f.File, f.Offset = s.file, s.off
			}
			w.report.add(f)
		}
	}
	if len(list) == 0 {
		delete(w.want, s.id)
	} else {
		w.want[s.id] = list
	}
}

// reach finishes the checkpoints that cover no event at pos or later.
func (w *walk) reach(pos uint64) error {
	for w.b != nil && pos >= w.b.c.Events {
		if err := w.settle(); err != nil {
			return err
		}
	}
	return nil
}

// settle reports what a checkpoint signs and the events do not have, or have
// and it does not sign.
func (w *walk) settle() error {
	c := w.b.c
	if w.pos >= c.Events {
		w.report.Signed = c.Events
	}
	for _, h := range w.b.heads {
		list := w.want[h.session]
		if len(list) == 0 {
			continue
		}
		last := list[len(list)-1]
		delete(w.want, h.session)
		s := w.sessions[h.session]
		var have uint64
		if s != nil {
			have = s.tree.size
			if s.broken {
				continue
			}
			s.broken = true
		}
		w.report.add(Finding{
			File: w.file, Offset: w.end, Session: h.session, First: have, Last: last.size - 1,
			Problem: fmt.Sprintf("missing; the checkpoint of %s signs %d events of the session", c.Time.Format(timeFormat), last.size),
		})
	}
	for _, s := range w.changed {
		s.changed = false
		if s.verified < s.tree.size && !s.broken && !w.tree.wrong {
			s.broken = true
			w.report.add(Finding{
				File: s.file, Offset: s.off, Session: s.id, First: s.verified, Last: s.tree.size - 1,
				Problem: fmt.Sprintf("no session head of the checkpoint of %s signs them, which covers their time", c.Time.Format(timeFormat)),
			})
		}
		if s.closed && w.sessions[s.id] == s {
			delete(w.sessions, s.id)
		}
	}
	w.changed = w.changed[:0]
	return w.load()
}

func (w *walk) finish() error {
	r := w.report
	if err := w.reach(w.pos); err != nil {
		return err
	}
	if w.b != nil {
		r.add(Finding{File: w.file, Offset: w.end,
			Problem: fmt.Sprintf("the journal ends after %d events, but the checkpoint of %s covers %d: the rest was cut off or lost", w.pos, w.b.c.Time.Format(timeFormat), w.b.c.Events)})
	}
	for w.b != nil {
		if err := w.settle(); err != nil {
			return err
		}
	}
	if err := w.tree.rest(); err != nil {
		return err
	}
	r.Newest = w.tree.last
	for _, s := range w.sessions {
		if !s.closed {
			r.Open++
		}
	}
	if kept := w.kept; kept != nil && kept.Size > 0 && !w.tree.keptSeen {
		r.add(Finding{File: checkpointsName, Problem: fmt.Sprintf("the journal has %d session heads, but the checkpoint of %s that was kept elsewhere signs %d: it was put back to an earlier state",
			w.tree.tree.size, kept.Time.Format(timeFormat), kept.Size)})
	}
	if kept := w.kept; kept != nil && w.tree.keptSeen && kept.Size > r.Newest.Size {
		r.add(Finding{File: checkpointsName, Problem: fmt.Sprintf("the checkpoint of %s that was kept elsewhere is missing here", kept.Time.Format(timeFormat))})
	}
	if r.Events > 0 && r.Newest.Note == nil && !r.Live {
		r.add(Finding{File: checkpointsName, Problem: fmt.Sprintf("no checkpoint signs any of the %d events", r.Events)})
	}
	return nil
}

func (w *walk) segments() error {
	numbers, err := listSegments(w.dir)
	if errors.Is(err, fs.ErrNotExist) {
		w.report.add(Finding{File: segmentDir, Problem: "the directory is missing"})
		return nil
	}
	if err != nil {
		return err
	}
	for i, n := range numbers {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		if err := w.segment(n, i == len(numbers)-1); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) segment(number uint64, newest bool) error {
	name := segmentName(w.dir, number)
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.report.Segments++
	w.file, w.end = name, 0
	s := newScanner(f, info.Size())
	h, err := s.header()
	live := newest && w.report.Live
	if err != nil {
		if _, read := errors.AsType[*fs.PathError](err); read {
			return err
		}
		if !live {
			w.report.add(Finding{File: name, Problem: err.Error()})
			w.lost = true
		}
		s.off = segmentHeaderSize
	} else if err := w.begin(name, number, h); err != nil {
		return err
	}
	return w.records(s, name, live)
}

// begin checks that a segment follows the one before it.
func (w *walk) begin(name string, number uint64, h segmentHeader) error {
	if err := w.reach(h.first); err != nil {
		return err
	}
	switch {
	case h.journal != w.id:
		w.report.add(Finding{File: name, Problem: "the segment belongs to another journal"})
	case h.number != number:
		w.report.add(Finding{File: name, Problem: fmt.Sprintf("the segment's number is %d", h.number)})
	case h.first != w.pos:
		w.report.add(Finding{File: name, Problem: fmt.Sprintf("the segment begins with event %d of the journal, where event %d should follow: a segment is missing, cut or misplaced", h.first, w.pos)})
		w.lost = true
	}
	w.pos = h.first
	return nil
}

// records checks the records of a segment.
func (w *walk) records(s *scanner, name string, live bool) error {
	more, first, tries := false, true, 0
	for {
		if w.report.Events%4096 == 0 && w.ctx.Err() != nil {
			return w.ctx.Err()
		}
		r, next, err := s.at(s.off)
		if err != nil && !notWhole(err) {
			return err
		}
		w.end = s.off
		if errors.Is(err, errEnd) {
			first, found, err := s.nonzero(s.off)
			if err != nil {
				return err
			}
			if !found {
				break
			}
			if live && tries < settleTries {
				tries++
				w.pause(s)
				continue
			}
			w.report.add(Finding{File: name, Offset: s.off, Problem: fmt.Sprintf("zeros up to byte %d, where records go on or something else follows", first-1)})
			w.lost = true
			s.off = max(s.off, first-4) // a length begins with zeros
			if !w.resync(s) {
				return nil
			}
			continue
		}
		if err != nil {
			if live && tries < settleTries {
				tries++
				w.pause(s)
				continue
			}
			w.damaged(s, name, err)
			if !w.resync(s) {
				return nil
			}
			more, first = false, false
			continue
		}
		tries = 0
		switch {
		case r.typ == typeCarry && first:
			w.carried(&r, name, s.off)
		case r.typ == typeEvent && !first:
			if err := w.event(&r, name, s.off); err != nil {
				return err
			}
		default:
			w.report.add(Finding{File: name, Offset: s.off, Problem: fmt.Sprintf("a record of type %d does not belong here", r.typ)})
		}
		first, more = false, r.more()
		s.off = next
	}
	if more && !live {
		w.report.add(Finding{File: name, Offset: w.end, Problem: "the rest of the events that were added with the last one is missing"})
	}
	return nil
}

func (w *walk) event(r *record, name string, off int64) error {
	found := func(e *Event, first, last uint64, format string, args ...any) {
		w.report.add(Finding{File: name, Offset: off, Session: e.Session, First: first, Last: last, Problem: fmt.Sprintf(format, args...)})
	}
	e, err := decodeEvent(r)
	if err != nil {
		w.report.add(Finding{File: name, Offset: off, Problem: err.Error()})
		w.lost = true
		return nil
	}
	w.report.Events++
	if err := w.reach(e.Pos); err != nil {
		return err
	}
	switch {
	case e.Pos > w.pos:
		found(e, e.Seq, e.Seq, "the events %d to %d of the journal are missing before this one, which is %d", w.pos, e.Pos-1, e.Pos)
		w.lost = true
	case e.Pos < w.pos:
		found(e, e.Seq, e.Seq, "this is event %d of the journal, where event %d should follow: out of order or repeated", e.Pos, w.pos)
	}
	w.pos = max(w.pos, e.Pos+1)
	s := w.sessions[e.Session]
	if s == nil {
		s = &checked{sessionState: sessionState{id: e.Session}}
		w.sessions[s.id] = s
		w.report.Sessions++
		if e.Seq == 0 && e.Kind != KindSessionOpened {
			found(e, 0, 0, "the session does not begin with its opening")
		}
	}
	if s.closed {
		found(e, e.Seq, e.Seq, "the session was closed before")
	}
	switch {
	case e.Seq > s.tree.size:
		found(e, s.tree.size, e.Seq-1, "missing")
		s.broken = true
		s.tree = frontier{size: e.Seq}
	case e.Seq < s.tree.size:
		found(e, e.Seq, e.Seq, "event %d of the session should follow here: out of order or repeated", s.tree.size)
		s.broken = true
		return nil
	}
	if s.file == "" {
		s.file, s.off = name, off
	}
	if !s.changed {
		s.changed = true
		w.changed = append(w.changed, s)
	}
	s.note(e, e.Pos)
	s.closed = s.closed || e.Kind == KindSessionClosed
	if s.broken {
		s.tree = frontier{size: s.tree.size + 1}
	} else {
		s.tree.add(tlog.RecordHash(r.body))
	}
	w.meet(s)
	return nil
}
