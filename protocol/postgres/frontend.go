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
	// asking and withdraw are of the operations that are being admitted. Those
	// that need no person share them: most do, and none is withdrawn.
	asking   context.Context
	withdraw context.CancelFunc

	batch batch
	seen  overlay
	copy  copyIn
	// skipping drops messages up to the next Sync, as a server does after an
	// error: something of the batch was denied.
	skipping bool
	// group counts, from 1, the groups of messages that a Sync or a Query ends.
	group uint64
	// fence says that something ran that could have changed how the target
	// reads text, see read.
	fence bool
	// scratch is for looking into texts.
	scratch []byte
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
	if !p.Whole() && known(p.Type) {
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

// known reports whether a message may be long.
func known(typ byte) bool {
	switch typ {
	case wire.TypeQuery, wire.TypeParse, wire.TypeBind, wire.TypeDescribe, wire.TypeExecute, wire.TypeClose, wire.TypeFunctionCall:
		return true
	}
	return false
}

// terminate forwards the goodbye; what was gathered without a Sync is dropped,
// as a server would. What was sent is carried out before, as by a server.
func (f *frontend) terminate() error {
	if _, err := f.queue.drained(); err != nil {
		return err
	}
	f.left.Store(true)
	_, _ = f.target.Write(wire.AppendEmpty(nil, wire.TypeTerminate))
	return errTerminate
}

// tooLarge drains a head over the bound and refuses it, without buffering.
func (f *frontend) tooLarge(p wire.Piece) error {
	if !p.Last() || f.skipping {
		return nil
	}
	return f.refuseMessage(p.Type, codeTooLarge, protocol.Operation{
		Verb: "unknown", Effects: protocol.Everything,
		Refuse: fmt.Sprintf("the message has %d bytes; this gateway takes up to %d", p.Total, f.plugin.config.MaxStatement),
	})
}

// refuseMessage refuses a message by itself, in its place: what was gathered
// before it goes to the target first.
func (f *frontend) refuseMessage(typ byte, code string, op protocol.Operation) error {
	if f.batch.count > 0 {
		if err := f.admit(wire.TypeFlush); err != nil || f.skipping {
			return err
		}
	}
	_, err := f.begin(op)
	denied, ok := errors.AsType[*protocol.Denied](err)
	switch {
	case ok:
	case err == nil:
		return errors.New("an operation that the plugin refused was admitted")
	default:
		return err
	}
	f.denialCode = code
	if typ == wire.TypeQuery || typ == wire.TypeFunctionCall {
		return f.denySimple(denied)
	}
	return f.denyBatch(denied, wire.TypeFlush)
}

// functionCall refuses the fast-path call, which names functions by number.
func (f *frontend) functionCall() error {
	if f.skipping {
		return nil
	}
	return f.refuseMessage(wire.TypeFunctionCall, codeDenied, protocol.Operation{
		Verb: "function call", Effects: protocol.Everything,
		Refuse: "fast-path function calls are not carried out; call the function by SELECT",
	})
}

// forward says what the target will owe for the messages in raw and writes
// them to it. They were admitted.
func (f *frontend) forward(raw []byte, owed []*expectation) error {
	skipped, ignored := f.queue.add(owed)
	if ignored {
		return nil
	}
	for _, r := range skipped {
		if err := r.x.End(protocol.Outcome{Result: protocol.Skipped}); err != nil {
			return err
		}
	}
	if _, err := f.target.Write(raw); err != nil {
		return fmt.Errorf("%w: %w", errTargetLost, err)
	}
	return nil
}
