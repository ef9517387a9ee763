package recorder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"
)

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
	// What looks half written while a gateway writes gets this long, and so
	// many looks, to become whole.
	settle      = 20 * time.Millisecond
	settleTries = 50
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
		if (errors.Is(err, errShort) || errors.Is(err, errHeader)) && r.newest(number) && r.Live() && tries < settleTries {
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
		if !errors.Is(err, errEnd) && (!notWhole(err) || !r.newest(number) || !r.Live() || bad == settleTries) {
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
