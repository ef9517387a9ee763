package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// frontend is the direction from the client to the target: it gathers
// messages up to a Sync, a Flush or a bound, has them admitted, and forwards.
type frontend struct {
	*session
	ctx context.Context

	batch batch
	seen  overlay
	copy  copyIn
	// skipping drops messages up to the next Sync, as a server does after an
	// error: something of the batch was denied.
	skipping bool
	// open says that messages were forwarded that no Sync has followed yet.
	open bool
	// fence makes the next text wait until the target has answered, and so
	// has told whether it reads text otherwise now.
	fence fence
	// tooLargeDenial is of the message that is being drained.
	tooLargeDenial *protocol.Denied
	// denialCode is the SQLSTATE of the next denial.
	denialCode string
}

func (f *frontend) run() error {
	f.fromCl.Whole(f.wholeUpTo)
	for {
		for {
			p, ok, err := f.fromCl.Next()
			if err != nil {
				return &clientError{codeProtocol, err}
			}
			if !ok {
				break
			}
			if p.Type != wire.TypeCopyData {
				if err := f.flushCopy(); err != nil {
					return err
				}
			}
			if err := f.take(p); err != nil {
				return err
			}
		}
		if err := f.flushCopy(); err != nil {
			return err
		}
		if err := f.fromCl.Fill(); err != nil {
			if ended(err) {
				return fmt.Errorf("client connection: %w", err)
			}
			return err
		}
	}
}

// wholeUpTo bounds the heads; COPY data streams.
func (f *frontend) wholeUpTo(typ byte) int {
	if typ == wire.TypeCopyData {
		return 0
	}
	return f.plugin.config.MaxStatement + wire.HeaderSize
}

// take handles one message of the client.
func (f *frontend) take(p wire.Piece) error {
	switch p.Type {
	case wire.TypeCopyData, wire.TypeCopyDone, wire.TypeCopyFail:
		return f.copyMessage(p)
	}
	if !p.Whole() {
		return f.tooLarge(p)
	}
	switch p.Type {
	case wire.TypeQuery:
		return f.simple(p)
	case wire.TypeParse, wire.TypeBind, wire.TypeDescribe, wire.TypeExecute, wire.TypeClose:
		if f.skipping {
			return nil
		}
		return f.extended(p)
	case wire.TypeSync:
		return f.sync()
	case wire.TypeFlush:
		if f.skipping {
			return nil
		}
		return f.admit(wire.TypeFlush)
	case wire.TypeFunctionCall:
		return f.functionCall()
	case wire.TypeTerminate:
		return f.terminate()
	}
	return &clientError{codeProtocol, fmt.Errorf("message type 0x%02x is not known", p.Type)}
}

// terminate forwards the goodbye; what was gathered without a Sync is dropped,
// as a server would.
func (f *frontend) terminate() error {
	_, _ = f.target.Write(wire.AppendEmpty(nil, wire.TypeTerminate))
	return errTerminate
}

// tooLarge drains a head over the bound and refuses it, without buffering.
func (f *frontend) tooLarge(p wire.Piece) error {
	if p.First() && !f.skipping {
		denied, err := f.refuse(protocol.Operation{
			Verb: "unknown", Effects: protocol.Everything,
			Refuse: fmt.Sprintf("the message has %d bytes; this gateway takes up to %d", p.Total, f.plugin.config.MaxStatement),
		})
		if err != nil {
			return err
		}
		f.tooLargeDenial = denied
	}
	denied := f.tooLargeDenial
	if !p.Last() || denied == nil {
		return nil
	}
	f.tooLargeDenial, f.denialCode = nil, codeTooLarge
	if f.batch.count > 0 {
		f.batch.reset()
	}
	if p.Type == wire.TypeQuery || p.Type == wire.TypeFunctionCall {
		return f.denySimple(denied)
	}
	return f.denyBatch(denied, wire.TypeFlush)
}

// refuse records an operation that the plugin itself denies.
func (f *frontend) refuse(op protocol.Operation) (*protocol.Denied, error) {
	f.denialCode = codeDenied
	_, err := f.gate.Begin(f.ctx, nil, op)
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		return denied, nil
	}
	if err == nil {
		err = errors.New("an operation that the plugin refused was admitted")
	}
	return nil, err
}

// functionCall refuses the fast-path call, which names functions by number.
func (f *frontend) functionCall() error {
	if f.skipping {
		return nil
	}
	denied, err := f.refuse(protocol.Operation{
		Verb: "function call", Effects: protocol.Everything,
		Refuse: "fast-path function calls are not carried out; call the function by SELECT",
	})
	if err != nil {
		return err
	}
	return f.denySimple(denied)
}

// fenced waits behind the fence before another text is read. Where that text
// comes in the same batch, so that the target can't be waited for, it returns
// why it is refused.
func (f *frontend) fenced() (refuse string, err error) {
	if f.fence == 0 {
		return "", nil
	}
	if !f.open && f.batch.count <= 1 {
		if !f.queue.drained() {
			return "", errSessionOver
		}
		f.fence = 0
	}
	if f.fence == fenceComputed {
		return "a statement before it sets what is not known before it runs; send a Sync after that", nil
	}
	return "", nil
}

// fence says what was forwarded that could change how the target reads text.
type fence uint8

const (
	// fenceCode: code ran that may do anything. What a client may run like
	// that is for the policy to say; the fence holds between batches.
	fenceCode fence = 1 + iota
	// fenceComputed: a setting was set whose name or value is computed.
	fenceComputed
)

// forward says what the target will owe for the messages in raw and writes
// them to it. They were admitted.
func (f *frontend) forward(raw []byte, owed []*expectation) error {
	for _, r := range f.queue.add(owed) {
		if err := r.x.End(protocol.Outcome{Result: protocol.Skipped}); err != nil {
			return err
		}
	}
	if _, err := f.target.Write(raw); err != nil {
		return fmt.Errorf("%w: %w", errTargetLost, err)
	}
	return nil
}
