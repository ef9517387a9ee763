package postgres

import (
	"bytes"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// copyIn is COPY data on its way to the target.
type copyIn struct {
	// run is what the last message belongs to; nil if it was dropped.
	run *run
	// bytes is what was gathered, as it lies in the reader's buffer.
	bytes []byte
	// rest is how many bytes the target still lacks of a message that was
	// forwarded in part, and after is what rest will be behind bytes. They
	// must follow, or the target would take what comes next for them.
	rest, after int
}

// copyMessage handles CopyData, CopyDone and CopyFail. Outside of a COPY they
// are dropped, as a server does.
func (f *frontend) copyMessage(p wire.Piece) error {
	if f.batch.count > 0 {
		if err := f.admit(wire.TypeFlush); err != nil {
			return err
		}
	}
	var r *run
	if !f.skipping {
		r = f.queue.copying()
	}
	if p.First() {
		f.copy.run = r
	}
	if r == nil || r != f.copy.run {
		f.copy.run = nil
		return f.pad(len(p.Raw))
	}
	if p.Type == wire.TypeCopyData {
		f.copy.after = p.Total - p.Offset - len(p.Raw)
		if run, ok := wire.Join(f.copy.bytes, p.Raw); ok {
			f.copy.bytes = run
			return nil
		}
		if err := f.flushCopy(); err != nil {
			return err
		}
		f.copy.bytes = p.Raw
		return nil
	}
	if !p.Whole() {
		return &clientError{codeProtocol, fmt.Errorf("message %q is too long", p.Type)}
	}
	if err := f.flushCopy(); err != nil {
		return err
	}
	f.copy.run = nil
	taken, err := f.queue.copyInto(r, true, func() error {
		if err := f.input(r, p.Raw); err != nil || p.Type != wire.TypeCopyDone {
			return err
		}
		return r.x.Seal()
	})
	if err != nil || !taken {
		return err
	}
	return f.forward(p.Raw, nil)
}

// flushCopy records and forwards the data that was gathered. Where the target
// has failed the COPY meanwhile, the data is dropped.
func (f *frontend) flushCopy() error {
	c := &f.copy
	if len(c.bytes) == 0 {
		return nil
	}
	data, r := c.bytes, c.run
	c.bytes = nil
	taken, err := f.queue.copyInto(r, false, func() error { return f.input(r, data) })
	if err != nil {
		return err
	}
	if !taken {
		c.run = nil
		return f.pad(len(data))
	}
	c.rest = c.after
	return f.forward(data, nil)
}

// pad sends zeros in place of n bytes of data that are dropped, as far as they
// complete a message of which a part was forwarded: nothing passes that is not
// recorded.
func (f *frontend) pad(n int) error {
	n = min(n, f.copy.rest)
	if n == 0 {
		return nil
	}
	f.copy.rest -= n
	return f.forward(make([]byte, n), nil)
}

// input records data for the target, with secrets hidden: the record shows no
// more of them than it must.
func (f *frontend) input(r *run, data []byte) error {
	part := protocol.Part{Kind: "copy", Data: data}
	if set := f.gate.Masks(); set.Suspect(data) {
		shown := bytes.Clone(data)
		part.Masked = set.Redact(shown)
		part.Data = shown
	}
	return r.x.Input(part)
}

// copyStarts handles the target's word that a COPY begins.
func (b *backend) copyStarts(p wire.Piece, e *expectation) error {
	r := e.current()
	if e.kind != wire.TypeExecute && e.kind != wire.TypeQuery || r == nil {
		return violation(p.Type, e)
	}
	if _, err := wire.ParseCopy(p.Body()); err != nil {
		return err
	}
	if p.Type == wire.TypeCopyInResponse {
		b.queue.beginCopy(r)
	}
	return b.out.add(r, p.Raw)
}

// copyData passes on what the target copies out. Detectors go over it when it
// is emitted.
func (b *backend) copyData(p wire.Piece) error {
	e := b.head()
	if e == nil || e.current() == nil {
		return violation(p.Type, e)
	}
	if !p.Whole() && b.looks() {
		return b.rowTooLarge(p)
	}
	r := e.current()
	return b.out.piece(r, "copy", p)
}

// copyDone ends what the target copies out.
func (b *backend) copyDone(p wire.Piece, e *expectation) error {
	if e.current() == nil {
		return violation(p.Type, e)
	}
	return b.out.add(e.current(), p.Raw)
}
