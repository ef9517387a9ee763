package recorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"

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
