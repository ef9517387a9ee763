package sftp

import (
	"context"
	"errors"
	"slices"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// onNames begins a request that is an operation by itself. The packet is
// borrowed.
func (r *relay) onNames(packet []byte, q *wire.Request) error {
	packet = slices.Clone(packet)
	if err := wire.DecodeRequest(packet, q); err != nil {
		return err
	}
	op := newOperation(q)
	op.packet = packet
	var none sending
	if words := op.refusal(); words != "" {
		return r.refuse(&none, q, wire.BadMessage, words, true)
	}
	if words := r.takeHandles(op); words != "" {
		return r.refuse(&none, q, wire.Failure, words, true)
	}
	select {
	case r.named <- struct{}{}:
	case <-r.ctx.Done():
		return errOver
	}
	op.turn = r.turns.enqueue(op.alone)
	r.work.Go(func() {
		err := r.carry(op)
		<-r.named
		if err != nil {
			r.fail(err)
		}
	})
	return nil
}

// takeHandles finds what an operation on handles is about, and keeps others
// from overtaking it there.
func (r *relay) takeHandles(op *operation) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch op.q.Kind {
	case wire.Open, wire.Opendir:
		if len(r.handles)+r.opening >= maxHandles {
			return "too many handles are open"
		}
		r.opening++
	case wire.Fsetstat:
		op.h = r.handles[string(op.q.Handle)]
		if op.h == nil {
			return "there is no such handle"
		}
		op.h.busy++
	case wire.CopyData:
		op.h, op.h2 = r.handles[string(op.q.Handle)], r.handles[string(op.q.Handle2)]
		switch {
		case op.h == nil || op.h2 == nil:
			return "there is no such handle"
		case !op.h.reads || !op.h2.writes:
			return "the handles were not opened for reading the one and writing the other"
		}
		op.h.busy++
		op.h2.busy++
	}
	return ""
}

// letGo lets others go on with the operation's handles.
func (r *relay) letGo(op *operation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if op.h != nil {
		op.h.busy--
	}
	if op.h2 != nil {
		op.h2.busy--
	}
	r.changed.Broadcast()
}

// carry looks an operation's paths up, has it admitted and forwards it, in its
// turn. An operation that a person is asked about gives its turn up meanwhile,
// and is looked up again after.
func (r *relay) carry(op *operation) error {
	defer r.letGo(op)
	forwarded := false
	defer func() {
		if !forwarded {
			r.turns.leave(op.turn)
			if op.x != nil {
				_ = op.x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the channel broke off"})
			}
			if op.opens() {
				r.mu.Lock()
				r.opening--
				r.mu.Unlock()
			}
		}
	}()
	if err := op.turn.wait(r.ctx); err != nil {
		return errOver
	}
	nowhere, err := r.look(op)
	if err != nil {
		return err
	}
	asked, err := r.begin(op)
	switch d, ok := errors.AsType[*protocol.Denied](err); {
	case ok:
		return r.answer(op.q.ID, "gateway", wire.AppendStatus(nil, op.q.ID, wire.PermissionDenied, d.Error()))
	case err != nil && asked && r.here.Err() != nil && r.ctx.Err() == nil:
		return r.answer(op.q.ID, "gateway", wire.AppendStatus(nil, op.q.ID, wire.PermissionDenied, "the operation was withdrawn"))
	case err != nil:
		return err
	}
	if asked {
		op.turn = r.turns.enqueue(op.alone)
		if err := op.turn.wait(r.ctx); err != nil {
			return errOver
		}
		before := op.places()
		if nowhere, err = r.look(op); err != nil {
			return err
		}
		if !slices.Equal(before, op.places()) {
			return r.notSent(op, wire.PermissionDenied, "a path leads elsewhere than when approval was asked for")
		}
	}
	if nowhere != nil {
		return r.notSent(op, nowhere.code, nowhere.words)
	}
	r.mu.Lock()
	id, ok := r.table.enter(slot{kind: op.q.Kind, client: op.q.ID, op: op})
	r.mu.Unlock()
	if !ok {
		return errFull
	}
	forwarded = true
	wire.SetID(op.packet, id)
	return r.send(op.packet)
}

// look looks the paths up. Where one leads nowhere, that is no error.
func (r *relay) look(op *operation) (*unresolved, error) {
	err := r.resolve(op)
	if u, ok := err.(*unresolved); ok {
		return u, nil
	}
	return nil, err
}

// places lists where the operation's paths lead.
func (op *operation) places() []string {
	var list []string
	for i := range op.names {
		list = append(append(list, op.names[i].resolved...), "")
	}
	if op.moves {
		list = append(list, "/")
	}
	return list
}

// begin has the operation admitted. Once a person is asked, the turn is given
// up, and a client that leaves withdraws the operation.
func (r *relay) begin(op *operation) (asked bool, err error) {
	ctx, withdraw := context.WithCancel(r.ctx)
	defer withdraw()
	list, err := r.s.Begin(ctx, func(p protocol.Pending) {
		if !asked {
			asked = true
			r.turns.leave(op.turn)
			context.AfterFunc(r.here, withdraw)
		}
		if r.options.Waiting != nil {
			r.options.Waiting(p)
		}
	}, op.head(r))
	if err != nil {
		return asked, err
	}
	op.x = list[0]
	op.x.To(r.out)
	return asked, nil
}

// notSent answers an admitted operation that the target does not get.
func (r *relay) notSent(op *operation, code wire.Code, words string) error {
	r.forget(op.q.ID)
	message := []byte(words)
	hid := r.s.Masks().Redact(message)
	p := protocol.Part{Kind: "gateway", Data: wire.AppendStatus(nil, op.q.ID, code, string(message)), Units: 1, Masked: hid}
	return r.finish(op.x, p, protocol.Outcome{Result: protocol.NotSent, Code: code.String(), Text: string(message[:min(len(message), maxWords)])})
}
