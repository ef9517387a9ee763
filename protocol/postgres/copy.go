package postgres

import (
	"bytes"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// copyIn is COPY data on its way to the target.
type copyIn struct {
	run   *run
	bytes []byte // as it lies in the reader's buffer
	// inside says that a message was forwarded in part; its rest must follow,
	// or the target would take what comes next for it.
	inside bool
}

// copyMessage handles CopyData, CopyDone and CopyFail. Outside of a COPY they
// are dropped, as a server does.
func (f *frontend) copyMessage(p wire.Piece) error {
	if f.skipping && !f.copy.inside {
		return nil
	}
	if f.batch.count > 0 {
		if err := f.admit(wire.TypeFlush); err != nil {
			return err
		}
	}
	r := f.copying()
	if r == nil || f.copy.run != nil && r != f.copy.run {
		return f.copyAborted(p)
	}
	f.copy.run = r
	if p.Type == wire.TypeCopyData {
		f.copy.inside = !p.Last()
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
	if err := f.input(r, p.Raw); err != nil {
		return err
	}
	if p.Type == wire.TypeCopyDone {
		if err := r.x.Seal(); err != nil {
			return err
		}
	}
	f.copy.run = nil
	return f.forward(p.Raw, nil)
}

// copying waits until it is known whether the target takes data, and returns
// the run that it takes it for.
func (f *frontend) copying() *run {
	q := f.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.copyIn == nil && (!q.empty() || q.busy) && !q.closed {
		q.change.Wait()
	}
	return q.copyIn
}

// copyAborted handles data for a COPY that is no more: the target failed it.
// What completes a message of which a part was forwarded is sent as zeros, so
// that nothing passes that is not recorded.
func (f *frontend) copyAborted(p wire.Piece) error {
	f.copy.run, f.copy.bytes = nil, nil
	if !f.copy.inside || p.First() {
		return nil
	}
	f.copy.inside = !p.Last()
	_, err := f.target.Write(make([]byte, len(p.Raw)))
	return err
}

// flushCopy records and forwards the data that was gathered.
func (f *frontend) flushCopy() error {
	if len(f.copy.bytes) == 0 {
		return nil
	}
	data := f.copy.bytes
	f.copy.bytes = nil
	if err := f.input(f.copy.run, data); err != nil {
		return err
	}
	return f.forward(data, nil)
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
		q := b.queue
		q.mu.Lock()
		q.copyIn = r
		if e.kind == wire.TypeExecute {
			// The target ignores Flush and Sync while it copies in, and so it
			// owes nothing for a Sync that was sent before it said so.
			kept := q.list[:q.head+1]
			rest := q.list[q.head+1:]
			for len(rest) > 0 && rest[0].kind == wire.TypeSync {
				rest = rest[1:]
			}
			q.list = append(kept, rest...)
		}
		q.change.Broadcast()
		q.mu.Unlock()
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
