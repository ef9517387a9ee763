package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

var (
	errUnasked = errors.New("sftp: the target answers what it was not asked")
	errWrong   = errors.New("sftp: the target's answer does not fit what it was asked")
	errReused  = errors.New("sftp: the target gave a handle that is open already")
)

// emitting is a run of adjacent packets of one handle, on the way to the
// client: one event, one write.
type emitting struct {
	h      *handle
	read   bool
	clear  bool
	data   []byte
	units  int64
	masked int
	bytes  int64    // of files' content in data
	at     []uint64 // where in the file, for each packet
}

// answers emits what the target answers, until it ends.
func (r *relay) answers() error {
	var run emitting
	for {
		batch, err := r.down.next()
		if errors.Is(err, io.EOF) {
			if r.here.Err() != nil && r.settledNow() {
				return nil
			}
			return ErrTargetLost
		}
		if err != nil {
			return r.lost(err)
		}
		for rest := batch; len(rest) > 0; {
			packet, _, err := wire.Next(rest)
			if err != nil {
				return err
			}
			if err := r.response(packet, rest, &run); err != nil {
				return err
			}
			rest = rest[len(packet):]
		}
		if err := r.flushEmitting(&run); err != nil {
			return err
		}
		r.gots.done(batch)
	}
}

// lost says that the target was lost, unless that is because of something else.
func (r *relay) lost(err error) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	return fmt.Errorf("%w: %w", ErrTargetLost, err)
}

func (r *relay) settledNow() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.ids) == 0 && r.table.used == 0
}

// response deals with one packet, which is at the front of rest.
func (r *relay) response(packet, rest []byte, run *emitting) error {
	var a wire.Response
	if err := wire.DecodeResponse(packet, &a); err != nil {
		return fmt.Errorf("from the target: %w", err)
	}
	r.mu.Lock()
	s, ok := r.table.take(a.ID)
	if ok && s.reply == nil {
		delete(r.ids, s.client)
	}
	r.changed.Broadcast()
	r.mu.Unlock()
	switch {
	case !ok:
		return errUnasked
	case !expects(s.kind, a.Kind, a.Code):
		return fmt.Errorf("%w: %s answered by %s", errWrong, s.kind, a.Kind)
	case s.reply != nil:
		s.reply <- slices.Clone(packet)
		return r.flushEmitting(run)
	}
	wire.SetID(packet, s.client)
	masked := r.mask(&a)
	if s.op != nil {
		if err := r.flushEmitting(run); err != nil {
			return err
		}
		return r.answered(s.op, packet, &a, masked)
	}
	return r.onHandleAnswer(&s, packet, rest, &a, masked, run)
}

// mask hides in place what the masks find in words and names.
func (r *relay) mask(a *wire.Response) int {
	m := r.s.Masks()
	n := 0
	switch a.Kind {
	case wire.Status:
		n = m.Redact(a.Message)
	case wire.Name:
		if !m.Detects() {
			return 0
		}
		var e wire.Entry
		for list := a.Entries; list.Next(&e); {
			n += m.Redact(e.Name) + m.Redact(e.Long)
		}
	}
	return n
}

func (r *relay) onHandleAnswer(s *slot, packet, rest []byte, a *wire.Response, masked int, run *emitting) error {
	h := s.h
	switch {
	case s.kind == wire.Close:
		if err := r.flushEmitting(run); err != nil {
			return err
		}
		return r.closed(h, packet, a, masked)
	case a.Kind == wire.Data && uint32(len(a.Data)) > s.n:
		return fmt.Errorf("%w: more data than was asked for", errWrong)
	case s.kind == wire.Write && a.Code != wire.OK:
		h.failed++
		h.failedSize += int64(s.n)
		h.failure = a.Code
	case a.Kind == wire.Name:
		h.entries += int64(a.Count)
	}
	read := a.Kind == wire.Data
	clear := read && int64(len(a.Data)) <= h.gotClear
	if read && h.gotClear > 0 {
		if h.gotClear -= int64(len(a.Data)); !clear {
			h.gotClear = 0
		}
	}
	if run.h != h || run.read != read || run.clear != clear {
		if err := r.flushEmitting(run); err != nil {
			return err
		}
	}
	if run.h == nil {
		*run = emitting{h: h, read: read, clear: clear, data: rest[:0]}
	}
	run.data = run.data[:len(run.data)+len(packet)]
	run.at = append(run.at, s.at)
	run.units++
	if read {
		run.bytes += int64(len(a.Data))
	}
	run.masked += masked
	return nil
}

// flushEmitting records what was gathered and writes it to the client.
func (r *relay) flushEmitting(run *emitting) error {
	if run.h == nil {
		return nil
	}
	h, data, at := run.h, run.data, run.at
	p := protocol.Part{Kind: "response", Data: data, Units: run.units, Masked: run.masked}
	if !h.dir { // a listing is content
		p.Content = -1
	}
	if run.read {
		p.Kind, p.Withheld, p.Digested, p.Content = "read", !run.clear, true, run.bytes
	}
	read, n := run.read, int(run.units)
	*run = emitting{}
	err := r.emit(h, p, read)
	if err != nil {
		return err
	}
	if read && h.noOutput == nil {
		r.gots.add(h, &h.got, data, at)
	}
	r.mu.Lock()
	h.owed -= n
	last := h.owed == 0 && h.closed != nil
	r.mu.Unlock()
	if last {
		return h.end(*h.closed, "")
	}
	return nil
}

// emit emits packets of a handle. Where they are more than was granted, content
// is refused, and what else they are goes past the grant.
func (r *relay) emit(h *handle, p protocol.Part, content bool) error {
	var err error
	if h.noOutput == nil {
		err = h.x.Emit(p)
	}
	if d, ok := errors.AsType[*protocol.Denied](err); ok {
		h.noOutput, err = d, nil
	}
	switch {
	case err != nil || h.noOutput == nil:
		return err
	case !content:
		return r.s.EmitTo(r.out, p)
	}
	var out []byte
	for rest := p.Data; len(rest) > 0; {
		packet, _, err := wire.Next(rest)
		if err != nil {
			return err
		}
		out = wire.AppendStatus(out, wire.ID(packet), wire.PermissionDenied, h.noOutput.Error())
		rest = rest[len(packet):]
	}
	return r.say("gateway", out)
}

// closed ends a handle: with the answer to its CLOSE, or where the target still
// owes other answers, with the last of them.
func (r *relay) closed(h *handle, packet []byte, a *wire.Response, masked int) error {
	o := outcome(a)
	r.mu.Lock()
	later := h.owed > 0
	if later {
		h.closed = &o
	}
	r.mu.Unlock()
	p := protocol.Part{Kind: "response", Data: packet, Units: 1, Masked: masked, Content: -1}
	if later {
		return r.emit(h, p, false)
	}
	if err := h.annotate(); err != nil {
		return err
	}
	defer h.drop()
	return r.finish(h.x, p, h.outcome(o, ""))
}

// finish emits the last of an exchange.
func (r *relay) finish(x *protocol.Exchange, p protocol.Part, o protocol.Outcome) error {
	err := x.Finish(p, o)
	if _, ok := errors.AsType[*protocol.Denied](err); ok {
		if err = r.s.EmitTo(r.out, p); err == nil {
			err = x.End(o)
		}
	}
	return err
}

// outcome says how a response ends what it answers.
func outcome(a *wire.Response) protocol.Outcome {
	if a.Kind != wire.Status || a.Code == wire.OK {
		return protocol.Outcome{Result: protocol.OK}
	}
	return protocol.Outcome{Result: protocol.Failed, Code: a.Code.String(), Text: string(a.Message[:min(len(a.Message), maxWords)])}
}

// answered ends what an operation asked for, or begins the life of its handle.
func (r *relay) answered(op *operation, packet []byte, a *wire.Response, masked int) error {
	defer r.turns.leave(op.turn)
	p := protocol.Part{Kind: "response", Data: packet, Units: 1, Masked: masked, Content: -1}
	if op.opens() {
		r.mu.Lock()
		r.opening--
		r.mu.Unlock()
	}
	if op.q.Kind == wire.CopyData && a.Code == wire.OK {
		op.h2.copies++
	}
	if a.Kind != wire.Handle {
		return r.finish(op.x, p, outcome(a))
	}
	h := op.handle(r)
	r.mu.Lock()
	_, reused := r.handles[string(a.Handle)]
	if !reused {
		r.handles[string(a.Handle)] = h
	}
	r.mu.Unlock()
	if reused {
		return errors.Join(errReused, op.x.End(protocol.Outcome{Result: protocol.Unknown}))
	}
	return r.emit(h, p, false)
}
