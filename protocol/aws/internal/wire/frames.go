package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
)

// MaxFrame is the most bytes that a message of an event stream has at AWS,
// whose clients read no larger ones.
const MaxFrame = 24 << 20

// The parts of a message: two lengths with their checksum, headers, payload,
// and a checksum of it all.
const (
	preludeLen = 12
	trailerLen = 4
)

// Frames cuts an event stream (application/vnd.amazon.eventstream) into its
// messages as they come. It is not safe for concurrent use.
type Frames struct {
	r   io.Reader
	buf []byte
	max int
}

// Frame is one message of an event stream. All of it is valid until the next one.
type Frame struct {
	// Raw is the message as it came.
	Raw []byte
	// Message says what it is: "event", "exception" or "error".
	Message string
	// Type is the event's or exception's name, or the error's code.
	Type string
	// Headers are all of them, in order.
	Headers []FrameHeader
	// Payload is the part of Raw that the headers are about.
	Payload []byte
}

// FrameHeader is a header of a message. Value is text; binary ones are base64.
type FrameHeader struct{ Name, Value string }

// Header is the value of the first header of that name, or empty.
func (f *Frame) Header(name string) string {
	for _, h := range f.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// NewFrames reads a stream whose messages have at most max bytes; MaxFrame, if
// max is 0. Memory grows with what has come of a message.
func NewFrames(r io.Reader, max int) *Frames {
	if max <= 0 {
		max = MaxFrame
	}
	return &Frames{r: r, max: max}
}

// Next reads a message and checks its checksums. The error is io.EOF where the
// stream ended between two, io.ErrUnexpectedEOF inside of one, wraps
// ErrMalformed, or is the reader's. After an error there is no next one.
func (f *Frames) Next() (*Frame, error) {
	f.buf = f.buf[:0]
	if err := f.fill(preludeLen); err != nil {
		return nil, err
	}
	total := binary.BigEndian.Uint32(f.buf)
	headers := binary.BigEndian.Uint32(f.buf[4:])
	switch {
	case crc32.ChecksumIEEE(f.buf[:8]) != binary.BigEndian.Uint32(f.buf[8:]):
		return nil, badFrame("the checksum of its lengths is wrong")
	case uint64(total) > uint64(f.max):
		return nil, badFrame(fmt.Sprintf("it is larger than %d bytes", f.max))
	case total < preludeLen+trailerLen || headers > total-preludeLen-trailerLen || headers > 128<<10:
		return nil, badFrame("its lengths do not fit together")
	}
	if err := f.fill(int(total)); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	body := len(f.buf) - trailerLen
	if crc32.ChecksumIEEE(f.buf[:body]) != binary.BigEndian.Uint32(f.buf[body:]) {
		return nil, badFrame("its checksum is wrong")
	}
	return parseFrame(f.buf, int(headers))
}

func badFrame(what string) error {
	return fmt.Errorf("%w message of an event stream: %s", ErrMalformed, what)
}

// fill reads until the buffer holds n bytes. It grows by what has come.
func (f *Frames) fill(n int) error {
	for len(f.buf) < n {
		if len(f.buf) == cap(f.buf) {
			f.buf = slices.Grow(f.buf, min(n-len(f.buf), max(len(f.buf), 4<<10)))
		}
		k, err := f.r.Read(f.buf[len(f.buf):min(n, cap(f.buf))])
		f.buf = f.buf[:len(f.buf)+k]
		if len(f.buf) >= n {
			return nil
		}
		if errors.Is(err, io.EOF) && len(f.buf) > 0 {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseFrame reads the headers of a whole message.
func parseFrame(raw []byte, headers int) (*Frame, error) {
	f := &Frame{Raw: raw, Payload: raw[preludeLen+headers : len(raw)-trailerLen]}
	b := raw[preludeLen : preludeLen+headers]
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || len(b) < n+2 {
			return nil, badFrame("a header has no name")
		}
		h := FrameHeader{Name: string(b[1 : 1+n])}
		value, rest, ok := headerValue(b[1+n], b[n+2:])
		if !ok {
			return nil, badFrame("a header is of an unknown type or ends early")
		}
		if slices.ContainsFunc(f.Headers, func(o FrameHeader) bool { return o.Name == h.Name }) {
			return nil, badFrame("a header stands twice")
		}
		h.Value, b = value, rest
		f.Headers = append(f.Headers, h)
		if len(f.Headers) > 256 {
			return nil, badFrame("it has too many headers")
		}
	}
	f.Message = f.Header(":message-type")
	switch f.Message {
	case "event":
		f.Type = f.Header(":event-type")
	case "exception":
		f.Type = f.Header(":exception-type")
	case "error":
		f.Type = f.Header(":error-code")
	}
	return f, nil
}

// headerValue reads a header's value as text.
func headerValue(kind byte, b []byte) (value string, rest []byte, ok bool) {
	sizes := [...]int{0, 0, 1, 2, 4, 8, -1, -1, 8, 16}
	if int(kind) >= len(sizes) {
		return "", nil, false
	}
	n := sizes[kind]
	if n < 0 {
		if len(b) < 2 {
			return "", nil, false
		}
		n, b = int(binary.BigEndian.Uint16(b)), b[2:]
	}
	if len(b) < n {
		return "", nil, false
	}
	v, rest := b[:n], b[n:]
	switch kind {
	case 0:
		return "true", rest, true
	case 1:
		return "false", rest, true
	case 2, 3, 4, 5, 8:
		i := int64(int8(v[0]))
		for _, c := range v[1:] {
			i = i<<8 | int64(c)
		}
		return fmt.Sprint(i), rest, true
	}
	return rawText(v), rest, true
}

// Replace returns the message with another payload, and checksums to fit.
func (f *Frame) Replace(payload []byte) []byte {
	headers := f.Raw[preludeLen : len(f.Raw)-len(f.Payload)-trailerLen]
	return appendFrame(make([]byte, 0, len(f.Raw)+len(payload)), headers, payload)
}

func appendFrame(dst, headers, payload []byte) []byte {
	from := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(preludeLen+len(headers)+len(payload)+trailerLen))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(headers)))
	dst = binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
	dst = append(append(dst, headers...), payload...)
	return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(dst[from:]))
}

// ErrorFrame is a message that ends a stream with an error, as Denial words it.
func ErrorFrame(code, message string) []byte {
	var headers []byte
	for _, h := range [...]FrameHeader{{":message-type", "error"}, {":error-code", token(code)}, {":error-message", spoken(message)}} {
		headers = append(headers, byte(len(h.Name)))
		headers = append(append(headers, h.Name...), 7)
		headers = binary.BigEndian.AppendUint16(headers, uint16(len(h.Value)))
		headers = append(headers, h.Value...)
	}
	return appendFrame(nil, headers, nil)
}
