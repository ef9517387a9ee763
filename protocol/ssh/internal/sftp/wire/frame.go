package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

const (
	// MaxPacket is the most that a packet's length field may say. OpenSSH's
	// server takes 256 KiB with everything; others add their headers to 256 KiB
	// of data.
	MaxPacket = 256<<10 + 1<<10
	// MaxHandle is the longest handle that the draft allows.
	MaxHandle = 256
	// Header is the size of what every packet but INIT and VERSION begins
	// with: length, kind, id.
	Header = 9
	// Version is the version that is spoken.
	Version = 3

	lengthSize = 4
	idAt       = 5
)

// What is wrong with a packet.
var (
	// ErrTooLong: the length field says more than MaxPacket.
	ErrTooLong = errors.New("sftp: the packet is too long")
	// ErrMalformed: the packet is not what its kind says.
	ErrMalformed = errors.New("sftp: the packet is malformed")
)

// Next returns the first packet in b, with its length field. Where b does not
// hold all of it, the packet is nil and want is how many bytes there must be
// before it is worth asking again.
func Next(b []byte) (packet []byte, want int, err error) {
	if len(b) < lengthSize {
		return nil, lengthSize, nil
	}
	n := binary.BigEndian.Uint32(b)
	switch {
	case n == 0:
		return nil, 0, fmt.Errorf("%w: it is empty", ErrMalformed)
	case n > MaxPacket:
		return nil, 0, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLong, n, MaxPacket)
	}
	want = lengthSize + int(n)
	if len(b) < want {
		return nil, want, nil
	}
	return b[:want:want], want, nil
}

// ID returns the id of a packet that has at least a Header.
func ID(packet []byte) uint32 { return binary.BigEndian.Uint32(packet[idAt:]) }

// SetID overwrites the id of a packet that has at least a Header.
func SetID(packet []byte, id uint32) { binary.BigEndian.PutUint32(packet[idAt:], id) }

// reader takes fields off the front of b; the first that is not there makes
// it bad, and everything after it zero.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n uint32) []byte {
	if r.bad || uint64(n) > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) uint32() uint32 {
	if v := r.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if v := r.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

func (r *reader) string() []byte { return r.take(r.uint32()) }

func (r *reader) handle() []byte {
	h := r.string()
	if len(h) > MaxHandle {
		r.bad = true
	}
	return h
}

func (r *reader) rest() []byte {
	v := r.b
	r.b = nil
	return v
}

// whole reports whether everything was there and nothing is left.
func (r *reader) whole() bool { return !r.bad && len(r.b) == 0 }

func appendString(dst, s []byte) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

// begin appends a header whose length finish fills in.
func begin(dst []byte, k Kind) []byte { return append(dst, 0, 0, 0, 0, byte(k)) }

func finish(dst []byte, start int) []byte {
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-lengthSize))
	return dst
}

// open checks a packet's frame and returns its kind and a reader behind it.
func open(packet []byte) (Kind, reader, error) {
	p, _, err := Next(packet)
	if err != nil {
		return 0, reader{}, err
	}
	if p == nil || len(p) != len(packet) {
		return 0, reader{}, fmt.Errorf("%w: its length field is wrong", ErrMalformed)
	}
	return Kind(p[lengthSize]), reader{b: p[idAt:]}, nil
}

func malformed(k Kind) error { return fmt.Errorf("%w: %s", ErrMalformed, k) }
