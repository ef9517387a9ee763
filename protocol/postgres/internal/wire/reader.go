package wire

import (
	"encoding/binary"
	"errors"
	"io"
	"math"
)

// HeaderSize is the size of a message's type byte and length field.
const HeaderSize = 5

// DefaultLimit is the largest message that a [Reader] takes unless told
// otherwise: PostgreSQL's own bound of 1 GiB.
const DefaultLimit = 1 << 30

// ErrFull means that a [Reader]'s buffer holds messages that [Reader.Next] has
// not taken yet and has no room for more. Nothing is lost.
var ErrFull = errors.New("the read buffer is full of messages that wait")

// Reader cuts a stream into messages. Fill reads, Next decodes what was read:
// the caller drains Next after each Fill. It is for one goroutine.
type Reader struct {
	src   io.Reader
	buf   []byte
	r, w  int // buf[r:w] was read and not taken
	size  int
	limit int
	whole func(byte) int

	// The message of which a part was handed out.
	typ          byte
	offset, need int // need is zero between messages

	calm  int // Fills in a row that did not need a grown buffer
	empty int // Reads in a row that returned nothing
	late  error
	err   error
}

// The buffer shrinks when it is empty: at once where it grew far, otherwise
// after a while, so that a run of large rows does not grow it for each.
const (
	growFar    = 8
	calmFills  = 64
	maxEmpties = 100
)

// NewReader returns a Reader over src with a buffer of size bytes, 32 KiB
// where size is not positive, at least 512. Messages that fit in the buffer
// are assembled whole, and [DefaultLimit] is the limit.
func NewReader(src io.Reader, size int) *Reader {
	if size <= 0 {
		size = 32 << 10
	}
	size = max(size, 512)
	return &Reader{src: src, buf: make([]byte, size), size: size, limit: DefaultLimit}
}

// Whole sets up to which Total a message of a type is assembled whole. The
// buffer grows to it as bytes arrive, and shrinks back. Larger messages come in
// pieces. A nil f stands for the size of the buffer.
func (r *Reader) Whole(f func(typ byte) int) { r.whole = f }

// Limit sets the largest Total of any message; what exceeds it is a
// [*FormatError]. Values that are not positive stand for [DefaultLimit].
func (r *Reader) Limit(n int) {
	if n <= 0 {
		n = DefaultLimit
	}
	r.limit = min(n, math.MaxInt32)
}

// Buffered returns how many bytes were read and not taken by Next.
func (r *Reader) Buffered() int { return r.w - r.r }

// Rest takes all bytes that were read and not taken yet, for handing the
// connection over. It is nil where there are none.
func (r *Reader) Rest() []byte {
	if r.r == r.w {
		return nil
	}
	rest := r.buf[r.r:r.w:r.w]
	r.r = r.w
	return rest
}

// Fill reads once from the source. It invalidates all Raw slices. io.EOF means
// that the stream ended between messages; inside one it is
// [io.ErrUnexpectedEOF].
func (r *Reader) Fill() error { return r.fill(r.room) }

// FillAhead is Fill for while the last piece is still in hand: Raw slices stay
// valid. It fails with [ErrFull] where the buffer's size has been read ahead.
func (r *Reader) FillAhead() error { return r.fill(r.roomAhead) }

func (r *Reader) fill(room func() error) error {
	if r.err != nil {
		return r.err
	}
	if r.late != nil {
		return r.end(r.late)
	}
	if err := room(); err != nil {
		return err
	}
	n, err := r.src.Read(r.buf[r.w:])
	r.w += n
	if n > 0 {
		r.empty = 0
		r.late = err
		return nil
	}
	if err != nil {
		return r.end(err)
	}
	if r.empty++; r.empty >= maxEmpties {
		return r.end(io.ErrNoProgress)
	}
	return nil
}

// end keeps a final error, and turns EOF inside a message into an unexpected
// one. Errors that may pass, such as a deadline, are not kept.
func (r *Reader) end(err error) error {
	r.late = nil
	if err == io.EOF {
		if r.w > r.r || r.need > 0 {
			err = io.ErrUnexpectedEOF
		}
		r.err = err
	}
	return err
}

// room makes place for at least one byte: it moves what is left to the front,
// then grows towards the message in hand where that is to be assembled.
func (r *Reader) room() error {
	if r.r > 0 {
		r.w = copy(r.buf, r.buf[r.r:r.w])
		r.r = 0
	}
	if len(r.buf) > r.size && r.w <= r.size/2 {
		r.calm++
		if r.w == 0 && len(r.buf) > growFar*r.size || r.calm >= calmFills {
			r.resize(r.size)
		}
	}
	if r.w < len(r.buf) {
		return nil
	}
	// Full, and the buffer starts with a message: the header is there.
	total, whole, err := r.header()
	switch {
	case err != nil:
		return err
	case r.need > 0 || !whole || total <= len(r.buf):
		return ErrFull
	}
	r.calm = 0
	r.resize(min(total, 2*len(r.buf)))
	return nil
}

// roomAhead makes place behind what was read: in the same buffer, or in
// another one, never by moving what Raw slices point to.
func (r *Reader) roomAhead() error {
	switch {
	case r.w < len(r.buf):
		return nil
	case r.w-r.r >= r.size:
		return ErrFull
	}
	r.resize(r.size)
	return nil
}

func (r *Reader) resize(n int) {
	next := make([]byte, n)
	r.w = copy(next, r.buf[r.r:r.w])
	r.buf, r.r, r.calm = next, 0, 0
}

// header reads the header at the front of what was read, which must be there.
func (r *Reader) header() (total int, whole bool, err error) {
	length := binary.BigEndian.Uint32(r.buf[r.r+1:])
	if length < 4 {
		return 0, false, malformed("message", "its length field says %d, the least is 4", length)
	}
	if int64(length)+1 > int64(r.limit) {
		return 0, false, malformed("message", "%d bytes exceed the limit of %d", int64(length)+1, r.limit)
	}
	total = int(length) + 1
	bound := r.size
	if r.whole != nil {
		bound = r.whole(r.buf[r.r])
	}
	return total, total <= bound, nil
}

// Next returns the next message or piece of what was read. It does no I/O:
// false means that Fill must be called. After an error, which is a
// [*FormatError], nothing more comes.
func (r *Reader) Next() (Piece, bool, error) {
	if r.need > 0 {
		return r.more()
	}
	if r.err != nil && r.err != io.EOF && r.err != io.ErrUnexpectedEOF {
		return Piece{}, false, r.err
	}
	have := r.w - r.r
	if have < HeaderSize {
		return Piece{}, false, nil
	}
	total, whole, err := r.header()
	if err != nil {
		r.err = err
		return Piece{}, false, err
	}
	p := Piece{Type: r.buf[r.r], Total: total, whole: whole}
	switch {
	case have >= total:
		have = total
	case whole:
		return Piece{}, false, nil
	default:
		r.typ, r.offset, r.need = p.Type, have, total-have
	}
	p.Raw = r.buf[r.r : r.r+have]
	r.r += have
	return p, true, nil
}

// Run takes all whole messages of one type that come next in what was read, as
// one slice, and counts them: rows that no one looks into cost little more than
// reading their lengths. It returns nothing where the next message is of
// another type, incomplete, too large to be assembled or malformed, which is
// for Next to say. The slice is borrowed as [Piece.Raw] is.
func (r *Reader) Run(typ byte) (raw []byte, n int) {
	at := r.r
	if r.need > 0 || r.w-at < HeaderSize || r.buf[at] != typ {
		return nil, 0
	}
	bound := r.size
	if r.whole != nil {
		bound = r.whole(typ)
	}
	bound = min(bound, r.limit)
	for b := r.buf[at:r.w]; len(b) >= HeaderSize && b[0] == typ; n++ {
		length := binary.BigEndian.Uint32(b[1:])
		total := int64(length) + 1
		if length < 4 || total > int64(bound) || total > int64(len(b)) {
			break
		}
		at += int(total)
		b = b[total:]
	}
	raw = r.buf[r.r:at]
	r.r = at
	return raw, n
}

// more returns the next piece of the message in hand.
func (r *Reader) more() (Piece, bool, error) {
	have := min(r.w-r.r, r.need)
	if have == 0 {
		return Piece{}, false, nil
	}
	p := Piece{Type: r.typ, Raw: r.buf[r.r : r.r+have], Offset: r.offset, Total: r.offset + r.need}
	r.r += have
	r.offset += have
	r.need -= have
	return p, true, nil
}
