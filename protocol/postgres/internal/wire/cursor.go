package wire

import (
	"bytes"
	"encoding/binary"
)

// cursor walks over a body. A read past the end sets bad and returns zero;
// callers check once, at the end.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

func (c *cursor) u8() byte {
	if v := c.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (c *cursor) u16() uint16 {
	if v := c.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (c *cursor) u32() uint32 {
	if v := c.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

// str returns the bytes before the next NUL, never nil unless bad.
func (c *cursor) str() []byte {
	n := bytes.IndexByte(c.b, 0)
	if n < 0 {
		c.bad, c.b = true, nil
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n+1:]
	return v
}

// end says whether the body was read to its end and no further.
func (c *cursor) end(message string) error {
	switch {
	case c.bad:
		return malformed(message, "it ends too early")
	case len(c.b) > 0:
		return malformed(message, "%d bytes are left over", len(c.b))
	}
	return nil
}
