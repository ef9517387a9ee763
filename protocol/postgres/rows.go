package postgres

import (
	"encoding/binary"
	"fmt"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// plan says for each field of a result how it is hidden. A nil method shows
// the field; mask.Null stands for types that text can't stand in for.
type plan struct {
	methods []mask.Method
	clear   bool // nothing is hidden
}

// newPlan makes the plan for rows of a shape that a run returns.
func newPlan(s *shape, r *run) (*plan, error) {
	p := &plan{clear: true}
	if r.guard == nil {
		return p, nil
	}
	if s == nil {
		return nil, fmt.Errorf("the target sent rows without saying what they are")
	}
	p.methods = make([]mask.Method, len(s.columns))
	for i, c := range s.columns {
		m := r.guard.method(c)
		if m == nil && (r.expose.MaskAll || (c.Table == 0 || c.Attr <= 0) && r.expose.MaskComputed) {
			m = mask.Full()
		}
		if m == nil {
			continue
		}
		if !pgvalue.IsText(c.Type) {
			m = mask.Null()
		}
		p.methods[i], p.clear = m, false
	}
	return p, nil
}

// row passes a row on, with what must not be seen hidden.
func (b *backend) row(p wire.Piece) error {
	e := b.head()
	if e == nil || e.kind != wire.TypeExecute && e.kind != wire.TypeQuery {
		return violation(p.Type, e)
	}
	r := e.current()
	if r.plan == nil {
		if err := b.startRows(e, r); err != nil {
			return err
		}
	}
	if !p.Whole() && b.looks() {
		return b.rowTooLarge(p)
	}
	if p.Last() {
		r.rows++
	}
	if r.plan.clear {
		return b.out.piece(r, "result", p)
	}
	if err := b.out.turn(r, "result"); err != nil {
		return err
	}
	b.out.rows++
	return b.out.rewrite(r.plan, p.Body())
}

// clearRows passes on, in one go, the rows in the buffer that nothing is
// hidden in.
func (b *backend) clearRows() error {
	e := b.head()
	if e == nil || e.kind != wire.TypeExecute && e.kind != wire.TypeQuery {
		return nil
	}
	r := e.current()
	if r == nil || r.plan == nil || !r.plan.clear {
		return nil
	}
	raw, n := b.fromTg.Run(wire.TypeDataRow)
	if n == 0 {
		return nil
	}
	if err := b.out.add(r, raw); err != nil {
		return err
	}
	r.rows += int64(n)
	b.out.rows += int64(n)
	return nil
}

// startRows settles, before the first row, how rows are masked and how the
// record refers to their shape.
func (b *backend) startRows(e *expectation, r *run) error {
	if e.portal != nil {
		b.queue.mu.Lock()
		e.portal.begun = true
		r.shape = e.portal.shape
		if r.guard == nil && r.shape == nil && e.portal.stmt.shape != nil {
			// Good enough for a reader of the record, not for masks.
			r.shape = e.portal.stmt.shapeAs(e.portal.formats)
		}
		b.queue.mu.Unlock()
	}
	if r.guard != nil && r.shape != nil {
		fresh, err := b.guards.cover(r.guard, r.shape)
		if err != nil {
			return err
		}
		r.guard = fresh
	}
	var err error
	if r.plan, err = newPlan(r.shape, r); err != nil {
		return err
	}
	if r.inline || r.shape == nil {
		return nil
	}
	if r.shape.number == 0 {
		b.shape++
		r.shape.number = b.shape
		return r.x.Annotate(protocol.Annotation{Kind: "shape", Shape: b.shape, Data: r.shape.raw})
	}
	return nil
}

// rowTooLarge ends the session: a row that is to be looked into does not fit
// into the memory that it may take.
func (b *backend) rowTooLarge(p wire.Piece) error {
	return &protocol.Failure{
		Public: fmt.Sprintf("a row has %d bytes; where masks apply, this gateway takes rows up to %d", p.Total, b.plugin.config.MaxRow),
		Err:    protocol.ErrLimit,
	}
}

// rewrite appends a row with its fields hidden as the plan says.
func (o *outbox) rewrite(p *plan, body []byte) error {
	fields, err := wire.ParseDataRow(body)
	if err != nil {
		return err
	}
	if fields.Len() != len(p.methods) {
		return fmt.Errorf("the target sent a row of %d fields where it had announced %d", fields.Len(), len(p.methods))
	}
	o.own()
	dst, at := wire.BeginDataRow(o.buf, fields.Len())
	for i := 0; ; i++ {
		v, ok := fields.Next()
		if !ok {
			break
		}
		m := p.methods[i]
		if m == nil || v == nil {
			dst = wire.AppendValue(dst, v)
			continue
		}
		o.hid++
		start := len(dst)
		shown, null := m.Apply(append(dst, 0, 0, 0, 0), v)
		if null {
			dst = wire.AppendValue(dst[:start], nil)
			continue
		}
		binary.BigEndian.PutUint32(shown[start:], uint32(len(shown)-start-4))
		dst = shown
	}
	if err := fields.Err(); err != nil {
		return err
	}
	o.buf = wire.FinishDataRow(dst, at)
	o.bytes = o.buf
	return nil
}

// redact has the detectors go over whole messages, field by field, in place.
func redact(set *mask.Set, messages []byte) (hid int, err error) {
	if !set.Suspect(messages) {
		return 0, nil
	}
	for len(messages) >= wire.HeaderSize {
		n := 1 + int(binary.BigEndian.Uint32(messages[1:]))
		if n < wire.HeaderSize || n > len(messages) {
			return hid, fmt.Errorf("a message of %d bytes is not whole", n)
		}
		typ, body := messages[0], messages[wire.HeaderSize:n]
		messages = messages[n:]
		switch typ {
		case wire.TypeDataRow:
			fields, err := wire.ParseDataRow(body)
			if err != nil {
				return hid, err
			}
			for v, ok := fields.Next(); ok; v, ok = fields.Next() {
				hid += set.Redact(v)
			}
			if err := fields.Err(); err != nil {
				return hid, err
			}
		case wire.TypeCopyData:
			hid += set.Redact(body)
		case wire.TypeErrorResponse, wire.TypeNoticeResponse:
			fields, err := wire.ParseErrorFields(nil, body)
			if err != nil {
				return hid, err
			}
			for _, f := range fields {
				hid += set.Redact(f.Value)
			}
		case wire.TypeNotificationResponse:
			n, err := wire.ParseNotification(body)
			if err != nil {
				return hid, err
			}
			hid += set.Redact(n.Payload)
		case wire.TypeParameterStatus:
			_, value, err := wire.ParseParameterStatus(body)
			if err != nil {
				return hid, err
			}
			hid += set.Redact(value)
		}
	}
	return hid, nil
}
