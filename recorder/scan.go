package recorder

import (
	"errors"
	"fmt"
	"io"
)

// scanner reads the records of one segment, with memory bounded by the
// largest record, or by what is left of the file if that is less.
type scanner struct {
	r    io.ReaderAt
	size int64 // of the file, as last seen
	off  int64 // of the next record

	buf   []byte // holds the file from bufOff
	start int64

	whole int64 // records before this offset belong to whole batches
}

const scanChunk = 256 << 10

func newScanner(r io.ReaderAt, size int64) *scanner { return &scanner{r: r, size: size} }

// window returns the n bytes at off, or fewer at the end of the file.
func (s *scanner) window(off int64, n int) ([]byte, error) {
	if off >= s.size {
		return nil, nil
	}
	n = int(min(int64(n), s.size-off))
	if off >= s.start && off+int64(n) <= s.start+int64(len(s.buf)) {
		return s.buf[off-s.start:][:n], nil
	}
	want := min(int64(max(n, scanChunk)), s.size-off)
	if int64(cap(s.buf)) < want {
		s.buf = make([]byte, want)
	}
	s.buf = s.buf[:want]
	got, err := s.r.ReadAt(s.buf, off)
	s.buf, s.start = s.buf[:got], off
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return s.buf[:min(n, got)], nil
}

// header reads the segment's header, which comes first.
func (s *scanner) header() (segmentHeader, error) {
	b, err := s.window(0, segmentHeaderSize)
	if err != nil {
		return segmentHeader{}, err
	}
	h, err := parseSegmentHeader(b)
	if err == nil {
		s.off, s.whole = segmentHeaderSize, segmentHeaderSize
	}
	return h, err
}

// at reads the record at off, and returns the offset behind it.
func (s *scanner) at(off int64) (record, int64, error) {
	b, err := s.window(off, frameSize)
	if err != nil {
		return record{}, off, err
	}
	if len(b) == 0 {
		return record{}, off, errEnd
	}
	if len(b) < frameSize {
		for _, c := range b {
			if c != 0 {
				return record{}, off, errShort
			}
		}
		return record{}, off, errEnd
	}
	n, err := bodyLength(b)
	if err != nil {
		return record{}, off, err
	}
	if int64(n) > s.size-off-frameSize {
		return record{}, off, errShort
	}
	if b, err = s.window(off, frameSize+n); err != nil {
		return record{}, off, err
	}
	r, used, err := parseRecord(b)
	return r, off + int64(used), err
}

// next returns the next record if the batch that it belongs to is whole, and
// its offset. Its error is errEnd where nothing, or only zeros, follow; a
// batch whose rest is missing gives errShort, at the offset of the batch. The
// record is valid until the next call.
func (s *scanner) next() (record, int64, error) {
	off := s.off
	r, end, err := s.at(off)
	if err != nil {
		return record{}, off, err
	}
	if r.more() && end > s.whole {
		for ahead := end; ; {
			other, behind, err := s.at(ahead)
			if err != nil {
				if errors.Is(err, errEnd) {
					err = errShort
				}
				return record{}, off, err
			}
			ahead = behind
			if !other.more() {
				s.whole = ahead
				break
			}
		}
		if r, end, err = s.at(off); err != nil {
			return record{}, off, err
		}
	}
	s.off = end
	return r, off, nil
}

// tail reports how many bytes at off and behind are not zero, up to and
// including the last such byte.
func (s *scanner) tail(off int64) (int64, error) {
	var last int64
	for at := off; at < s.size; {
		b, err := s.window(at, scanChunk)
		if err != nil {
			return 0, err
		}
		if len(b) == 0 {
			break
		}
		for i, c := range b {
			if c != 0 {
				last = at + int64(i) + 1 - off
			}
		}
		at += int64(len(b))
	}
	return last, nil
}

// nonzero finds the first byte at off or behind that is not zero.
func (s *scanner) nonzero(off int64) (int64, bool, error) {
	for off < s.size {
		b, err := s.window(off, scanChunk)
		if err != nil {
			return 0, false, err
		}
		if len(b) == 0 {
			break
		}
		for i, c := range b {
			if c != 0 {
				return off + int64(i), true, nil
			}
		}
		off += int64(len(b))
	}
	return 0, false, nil
}

// place names a place in a file for people.
func place(name string, off int64) string { return fmt.Sprintf("%s at byte %d", name, off) }

// refresh forgets what was read, as the file may have grown or been written.
func (s *scanner) refresh(size int64) {
	s.size, s.buf = size, s.buf[:0]
	if s.whole < s.off {
		s.whole = s.off
	}
}
