package recorder

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A record is stored as a frame around a body. docs/record-format.md is the
// description to follow; these are its numbers. All integers are big-endian.
//
//	frame:  length of body u32 | CRC-32C u32 over the length and the body | body
//	body:   type u8 | flags u8 | zero u16 | length of header u32 | salt [16] | header | payload
const (
	frameSize  = 8
	prefixSize = 24
	saltSize   = 16

	// MaxRecord is the largest body of a record in bytes. An event that would
	// need more is refused.
	MaxRecord = 64 << 20
)

// Types of record.
const (
	typeEvent = 1 // header: the event as JSON; payload: its bytes
	typeCarry = 2 // header: state of the sessions that were open when the segment began
)

// Flags of a record.
const flagMore = 1 // another record of the same Append follows

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// record is one record as it is stored. Its slices belong to the buffer that
// it was read from.
type record struct {
	typ, flags byte
	body       []byte // what is hashed
	header     []byte
	payload    []byte
}

func (r *record) more() bool { return r.flags&flagMore != 0 }

// beginRecord appends frame and prefix with everything that is known before
// the header is written.
func beginRecord(b []byte, typ, flags byte, salt *[saltSize]byte) []byte {
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, typ, flags, 0, 0, 0, 0, 0, 0)
	return append(b, salt[:]...)
}

// endRecord fills in lengths and CRC of the record that begins at start and
// has a header of the given length, and returns its body.
func endRecord(b []byte, start, header int) []byte {
	body := b[start+frameSize:]
	binary.BigEndian.PutUint32(b[start:], uint32(len(body)))
	binary.BigEndian.PutUint32(body[4:], uint32(header))
	binary.BigEndian.PutUint32(b[start+4:], recordCRC(b[start:start+4], body))
	return body
}

func recordCRC(length, body []byte) uint32 {
	return crc32.Update(crc32.Update(0, castagnoli, length), castagnoli, body)
}

var (
	errShort   = errors.New("the record is cut off")
	errEnd     = errors.New("no record follows")
	errCRC     = errors.New("the record's checksum is wrong")
	errLength  = errors.New("the record's length is impossible")
	errPrefix  = errors.New("the record's prefix is malformed")
	errVersion = errors.New("unknown version")
	errHeader  = errors.New("the segment's header cannot be read")
)

// notWhole reports whether err says that what was read is no whole record,
// rather than that it could not be read.
func notWhole(err error) bool {
	for _, e := range []error{errShort, errEnd, errCRC, errLength, errPrefix} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// bodyLength reads the length from the frame at the start of b. Zero means
// that no record was written there.
func bodyLength(b []byte) (int, error) {
	if len(b) < frameSize {
		return 0, errShort
	}
	n := binary.BigEndian.Uint32(b)
	if n == 0 {
		if binary.BigEndian.Uint32(b[4:]) != 0 {
			return 0, errLength
		}
		return 0, errEnd
	}
	if n < prefixSize || n > MaxRecord {
		return 0, errLength
	}
	return int(n), nil
}

// parseRecord reads the record at the start of b, which holds all of it.
func parseRecord(b []byte) (record, int, error) {
	n, err := bodyLength(b)
	if err != nil {
		return record{}, 0, err
	}
	if len(b)-frameSize < n {
		return record{}, 0, errShort
	}
	body := b[frameSize : frameSize+n]
	if recordCRC(b[:4], body) != binary.BigEndian.Uint32(b[4:]) {
		return record{}, 0, errCRC
	}
	h := binary.BigEndian.Uint32(body[4:])
	if body[2] != 0 || body[3] != 0 || uint64(h) > uint64(n-prefixSize) || body[1]&^flagMore != 0 {
		return record{}, 0, errPrefix
	}
	return record{
		typ: body[0], flags: body[1], body: body,
		header:  body[prefixSize : prefixSize+int(h)],
		payload: body[prefixSize+int(h):],
	}, frameSize + n, nil
}
