package postgres

import (
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/render"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// outbox gathers what is to be emitted to the client: as a rule the bytes of
// a read batch as they lie in the buffer, so that they are recorded as one
// part and written at once; a copy only where something was rewritten.
type outbox struct {
	*session
	owner *run // nil: the session itself
	kind  string
	bytes []byte
	buf   []byte // what bytes points to, if it is a copy
	copy  bool
	rows  int64
	hid   int
	over  *protocol.Outcome // the owner has ended
	open  bool              // the last byte is inside a message
}

// add appends raw, which belongs to r.
func (o *outbox) add(r *run, raw []byte) error {
	if err := o.turn(r, "result"); err != nil {
		return err
	}
	o.append(raw)
	return nil
}

// piece appends a row or a piece of one. What starts inside a message is a part
// of its own, so that a reader of the record knows where messages begin.
func (o *outbox) piece(r *run, kind string, p wire.Piece) error {
	if !p.First() {
		kind = render.KindPiece
	}
	if err := o.turn(r, kind); err != nil {
		return err
	}
	o.append(p.Raw)
	o.open = !p.Last()
	if !p.Last() {
		return nil
	}
	o.rows++
	if p.First() {
		return nil
	}
	return o.flush()
}

// trail appends raw behind whatever is there: it belongs to no one.
func (o *outbox) trail(raw []byte) error {
	if len(o.bytes) == 0 && o.over == nil {
		o.owner, o.kind = nil, "session"
	}
	o.append(raw)
	return nil
}

// turn makes r the owner of what comes next.
func (o *outbox) turn(r *run, kind string) error {
	if o.owner == r && o.over == nil && (o.kind == kind || len(o.bytes) == 0) {
		o.kind = kind
		return nil
	}
	if err := o.flush(); err != nil {
		return err
	}
	o.owner, o.kind = r, kind
	return nil
}

func (o *outbox) append(raw []byte) {
	if !o.copy {
		if run, ok := wire.Join(o.bytes, raw); ok {
			o.bytes = run
			return
		}
		o.own()
	}
	o.buf = append(o.buf, raw...)
	o.bytes = o.buf
}

// own turns what is gathered into a copy that can be appended to.
func (o *outbox) own() {
	if !o.copy {
		o.buf = append(o.buf[:0], o.bytes...)
		o.bytes, o.copy = o.buf, true
	}
}

// end says that r ended with outcome. What r emitted last and the outcome
// become one event.
func (o *outbox) end(r *run, outcome protocol.Outcome) error {
	if o.owner != r || o.over != nil {
		if err := o.flush(); err != nil {
			return err
		}
		o.owner, o.kind = r, "result"
	}
	o.over = &outcome
	return nil
}

// flush emits what is gathered.
func (o *outbox) flush() error {
	r, over := o.owner, o.over
	part := protocol.Part{Kind: o.kind, Data: o.bytes, Units: o.rows, Masked: o.hid}
	o.owner, o.over, o.bytes, o.copy, o.rows, o.hid = nil, nil, nil, false, 0, 0
	if cap(o.buf) > 4*readSize {
		o.buf = nil
	}
	if len(part.Data) == 0 && over == nil {
		return nil
	}
	hid, err := redact(o.gate.Masks(), part.Data)
	if err != nil {
		return err
	}
	part.Masked += hid
	o.emitting.Lock()
	defer o.emitting.Unlock()
	o.midMessage = o.open
	if r == nil || r.x == nil {
		return o.gate.Emit(part)
	}
	if r.shape != nil && !r.inline {
		part.Shape = r.shape.number
	}
	switch {
	case over == nil:
		return r.x.Emit(part)
	case len(part.Data) == 0:
		return r.x.End(*over)
	}
	return r.x.Finish(part, *over)
}
