package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Record reads a journal. It changes nothing, holds nothing open between
// calls, and works while a gateway writes. What it reads it does not believe:
// a record that is malformed is an error that names its place. It checks the
// numbers and checksums that it passes; what was changed with care only
// [Verify] finds. Its methods are safe for concurrent use.
type Record struct {
	dir       string
	id        [16]byte
	renderers map[string]protocol.Renderer
}

// Open opens the journal in dir for reading. The renderers make payload of
// their protocols readable, see [Record.View].
func Open(dir string, renderers ...protocol.Renderer) (*Record, error) {
	id, err := readFormat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not a journal: %w", dir, err)
	}
	if err != nil {
		return nil, err
	}
	r := &Record{dir: dir, id: id, renderers: make(map[string]protocol.Renderer)}
	for _, x := range renderers {
		if _, twice := r.renderers[x.Protocol()]; twice {
			return nil, fmt.Errorf("there are two renderers for protocol %q", x.Protocol())
		}
		r.renderers[x.Protocol()] = x
	}
	return r, nil
}

// Dir returns the journal's directory.
func (r *Record) Dir() string { return r.dir }

// Live reports whether a gateway has the journal open for writing now.
func (r *Record) Live() bool { return inUse(r.dir) }

// PlaceError says where in a journal something is wrong.
type PlaceError struct {
	// File is the path of the file, Offset the byte where the record begins.
	File   string
	Offset int64
	Err    error
}

// Error names the place and what is wrong there.
func (e *PlaceError) Error() string { return place(e.File, e.Offset) + ": " + e.Err.Error() }

// Unwrap returns what is wrong.
func (e *PlaceError) Unwrap() error { return e.Err }

// Events returns the events of one session in order. An event is valid until
// the next one: who keeps its payload copies it. An error is about one place;
// iteration goes on behind it where that is possible.
func (r *Record) Events(session string) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		want := appendString([]byte(`{"session":`), session)
		var next uint64
		for at, err := range r.scan(context.Background(), 0, false) {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if at.rec.typ != typeEvent || !bytes.HasPrefix(at.rec.header, want) {
				continue
			}
			e, err := at.event()
			if err == nil && e.Session != session {
				continue
			}
			if err == nil && e.Seq != next {
				err = at.wrong(fmt.Errorf("event %d of session %q follows where event %d should", e.Seq, session, next))
			}
			if err != nil {
				if !yield(nil, err) {
					return
				}
				if e == nil {
					continue
				}
			}
			next = e.Seq + 1
			if !yield(e, nil) || e.Kind == KindSessionClosed {
				return
			}
		}
	}
}

// All returns the events of all sessions in the order of the journal, from
// position from on; otherwise it is as Events.
func (r *Record) All(from uint64) iter.Seq2[*Event, error] {
	return r.events(context.Background(), from, false)
}

// Follow is as All, and at the end waits for more until ctx ends.
func (r *Record) Follow(ctx context.Context, from uint64) iter.Seq2[*Event, error] {
	return r.events(ctx, from, true)
}

func (r *Record) events(ctx context.Context, from uint64, follow bool) iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for at, err := range r.scan(ctx, from, follow) {
			var e *Event
			if err == nil {
				if at.rec.typ != typeEvent {
					continue
				}
				if e, err = at.event(); err == nil && e.Pos < from {
					continue
				}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// End returns the position that the next event will have.
func (r *Record) End() (uint64, error) {
	numbers, err := listSegments(r.dir)
	if err != nil {
		return 0, err
	}
	for _, n := range slices.Backward(numbers) {
		f, err := r.openSegment(n)
		if errors.Is(err, errShort) || errors.Is(err, errHeader) || errors.Is(err, fs.ErrNotExist) {
			continue // begun this moment, or never whole
		}
		if err != nil {
			return 0, err
		}
		pos := f.head.first
		for {
			rec, _, err := f.scan.next()
			if err != nil {
				break
			}
			if rec.typ == typeEvent {
				pos++
			}
		}
		return pos, f.Close()
	}
	return 0, nil
}

// located is a record with its place.
type located struct {
	rec     record
	file    string
	off     int64
	segment *segmentHeader
}

func (l *located) wrong(err error) error { return &PlaceError{l.file, l.off, err} }

func (l *located) event() (*Event, error) {
	e, err := decodeEvent(&l.rec)
	if err != nil {
		return nil, l.wrong(err)
	}
	return e, nil
}

// readSegment is a segment open for reading.
type readSegment struct {
	*os.File
	scan *scanner
	head segmentHeader
}

func (r *Record) openSegment(number uint64) (*readSegment, error) {
	name := segmentName(r.dir, number)
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	s := &readSegment{File: f}
	info, err := f.Stat()
	if err == nil {
		s.scan = newScanner(f, info.Size())
		s.head, err = s.scan.header()
	}
	if err == nil && (s.head.number != number || s.head.journal != r.id) {
		err = errors.New("the segment belongs to another journal or has another number")
	}
	if err != nil {
		f.Close()
		return nil, &PlaceError{name, 0, err}
	}
	return s, nil
}

const (
	pollInterval = 100 * time.Millisecond
	// settle is how long what looks half written may take to become whole.
	settle = 20 * time.Millisecond
)

// scan yields the records of the segments that hold position from and later.
// A located is valid until the next one.
func (r *Record) scan(ctx context.Context, from uint64, follow bool) iter.Seq2[*located, error] {
	return func(yield func(*located, error) bool) {
		var done uint64 // segments up to here are read
		for {
			numbers, err := listSegments(r.dir)
			if err != nil {
				yield(nil, err)
				return
			}
			numbers = r.skip(numbers, done, from)
			for _, n := range numbers {
				if !r.scanSegment(ctx, n, follow, yield) {
					return
				}
				done = n
			}
			if len(numbers) == 0 && !follow {
				return
			}
			if len(numbers) == 0 && !sleep(ctx, pollInterval) {
				return
			}
		}
	}
}

// skip leaves out segments that were read, and those before the position.
func (r *Record) skip(numbers []uint64, done, from uint64) []uint64 {
	i, _ := slices.BinarySearch(numbers, done+1)
	numbers = numbers[i:]
	for len(numbers) > 1 && from > 0 {
		next, err := r.openSegment(numbers[1])
		if err != nil {
			break
		}
		next.Close()
		if next.head.first > from {
			break
		}
		numbers = numbers[1:]
	}
	return numbers
}

// scanSegment yields the records of one segment. While it is the newest, and
// someone may be writing it, what seems half written gets a second look, and
// with follow the end is waited at.
func (r *Record) scanSegment(ctx context.Context, number uint64, follow bool, yield func(*located, error) bool) bool {
	name := segmentName(r.dir, number)
	var s *readSegment
	var err error
	for tries := 0; ; tries++ {
		if s, err = r.openSegment(number); err == nil {
			break
		}
		if errors.Is(err, fs.ErrNotExist) {
			return true // dropped meanwhile
		}
		if (errors.Is(err, errShort) || errors.Is(err, errHeader)) && r.newest(number) && r.Live() && tries < 3 {
			if !sleep(ctx, settle) {
				return false
			}
			continue
		}
		return yield(nil, err)
	}
	defer s.Close()
	bad, last := 0, false
	for {
		rec, off, err := s.scan.next()
		if err == nil {
			bad, last = 0, false
			if !yield(&located{rec, name, off, &s.head}, nil) {
				return false
			}
			continue
		}
		if !errors.Is(err, errEnd) && (!notWhole(err) || !r.newest(number) || !r.Live() || bad == 3) {
			return yield(nil, &PlaceError{name, off, err})
		}
		wait := settle
		if errors.Is(err, errEnd) {
			// What is behind the end of a segment that has a successor was
			// written before the successor: one more look sees all of it.
			if last || !follow && r.newest(number) {
				return r.zeros(s, off, yield)
			}
			last = !r.newest(number)
			wait = pollInterval
			if last {
				wait = 0
			}
		} else {
			bad++
		}
		if !sleep(ctx, wait) {
			return false
		}
		info, err := s.Stat()
		if err != nil {
			return yield(nil, err)
		}
		s.scan.refresh(info.Size())
	}
}

// zeros checks that nothing but zeros is behind the last record of a segment
// that no gateway writes any more.
func (r *Record) zeros(s *readSegment, off int64, yield func(*located, error) bool) bool {
	if r.newest(s.head.number) && r.Live() {
		return true
	}
	n, err := s.scan.tail(off)
	if err != nil {
		return yield(nil, err)
	}
	if n > 0 {
		return yield(nil, &PlaceError{s.Name(), off, fmt.Errorf("%d bytes follow here that are no records", n)})
	}
	return true
}

// newest reports whether no later segment exists.
func (r *Record) newest(number uint64) bool {
	there, err := exists(segmentName(r.dir, number+1))
	return err == nil && !there
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
