package wire

import "encoding/binary"

// Fields iterates over the values of a DataRow or a Bind without allocating:
//
//	for v, ok := f.Next(); ok; v, ok = f.Next() { … }
//	if f.Err() != nil { … }
type Fields struct {
	rest    []byte
	left    int
	message string
	bad     bool
}

// ParseDataRow starts over a DataRow's body.
func ParseDataRow(body []byte) (Fields, error) {
	if len(body) < 2 {
		return Fields{}, malformed("DataRow", "it ends too early")
	}
	return Fields{rest: body[2:], left: int(binary.BigEndian.Uint16(body)), message: "DataRow"}, nil
}

// Len returns how many values are still to come.
func (f *Fields) Len() int { return f.left }

// Next returns the next value: nil for NULL, an empty slice for an empty
// value. False means the end, or an error that Err tells.
func (f *Fields) Next() (value []byte, ok bool) {
	if f.left == 0 || f.bad {
		return nil, false
	}
	if len(f.rest) < 4 {
		f.bad = true
		return nil, false
	}
	n := int32(binary.BigEndian.Uint32(f.rest))
	rest := f.rest[4:]
	if n == -1 {
		f.rest = rest
		f.left--
		return nil, true
	}
	if n < 0 || int(n) > len(rest) {
		f.bad = true
		return nil, false
	}
	f.rest = rest[n:]
	f.left--
	return rest[:n:n], true
}

// Err returns a [*FormatError] where a value lies outside the message or, once
// all values were taken, where bytes are left over.
func (f *Fields) Err() error {
	switch {
	case f.bad:
		return malformed(f.message, "a value lies outside it")
	case f.left == 0 && len(f.rest) > 0:
		return malformed(f.message, "%d bytes are left over", len(f.rest))
	}
	return nil
}

// Formats is a list of format codes as the wire has it, two bytes each.
type Formats []byte

// Len returns the number of codes.
func (f Formats) Len() int { return len(f) / 2 }

// At returns code i.
func (f Formats) At(i int) int16 { return int16(binary.BigEndian.Uint16(f[2*i:])) }

// For returns the format of value i: none stands for text, one for all.
func (f Formats) For(i int) int16 {
	switch n := f.Len(); {
	case n == 1:
		return f.At(0)
	case i >= 0 && i < n:
		return f.At(i)
	}
	return FormatText
}

// OIDs is a list of object identifiers as the wire has it, four bytes each.
type OIDs []byte

// Len returns the number of identifiers.
func (o OIDs) Len() int { return len(o) / 4 }

// At returns identifier i.
func (o OIDs) At(i int) uint32 { return binary.BigEndian.Uint32(o[4*i:]) }
