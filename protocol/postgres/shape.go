package postgres

import (
	"bytes"
	"slices"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// shape is what rows look like: a RowDescription.
type shape struct {
	raw     []byte // the message
	columns []wire.Column
	// number is under which the record refers to it; zero until it was
	// recorded as an annotation.
	number uint64
}

// parseShape reads a RowDescription message and copies what it keeps.
func parseShape(raw []byte) (*shape, error) {
	s := &shape{raw: bytes.Clone(raw)}
	var err error
	if s.columns, err = wire.ParseRowDescription(nil, s.raw[wire.HeaderSize:]); err != nil {
		return nil, err
	}
	return s, nil
}

// shapeFrom reads the RowDescription that answers a Describe. As a rule it is
// the same as for the portal before.
func (e *expectation) shapeFrom(raw []byte) (*shape, error) {
	if e.portal != nil {
		if last := e.portal.stmt.last; last != nil && bytes.Equal(last.raw, raw) {
			return last, nil
		}
	}
	return parseShape(raw)
}

// as returns the shape with the formats that a Bind asked for.
func (s *shape) as(formats []int16) *shape {
	if len(formats) == 0 {
		return s
	}
	c := *s
	c.columns = slices.Clone(s.columns)
	for i := range c.columns {
		f := formats[0]
		if len(formats) > 1 {
			if i >= len(formats) {
				break
			}
			f = formats[i]
		}
		c.columns[i].Format = f
	}
	c.raw = wire.AppendRowDescription(nil, c.columns)
	c.number = 0
	return &c
}
