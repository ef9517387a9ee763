package aws

import (
	"errors"
	"io"
	"net/http"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// events sends a stream of events, each as it comes.
func (k *call) events(x *protocol.Exchange, to *reply, resp *http.Response) error {
	if err := k.head(x, to, resp, -1); err != nil {
		return err
	}
	to.begin()
	_ = to.send()
	to.flush = true
	frames := wire.NewFrames(resp.Body, int(k.p.config.MaxBody))
	output, code := k.name.Operation.Output, ""
	for {
		frame, err := frames.Next()
		if err == io.EOF {
			return sent(x.End(outcomeOf(resp, code, "")))
		}
		if err != nil {
			return k.halfAnswered(x, to, resp)
		}
		if frame.Message != "event" {
			code = frame.Type
		}
		raw, sensitive, edits, err := k.event(frame, output)
		if err != nil {
			k.s.Logger().Error("an event cannot be masked; the stream is broken off", "operation", x.Name(), "error", err)
			_ = x.End(protocol.Outcome{Result: protocol.Aborted, Text: "an event could not be masked"})
			return k.lastWord(to, "InternalFailure", errUnmasked.Error())
		}
		if err := x.Emit(protocol.Part{Kind: "event", Data: raw, Units: 1, Withheld: sensitive, Masked: edits}); err != nil {
			if denied, ok := errors.AsType[*protocol.Denied](err); ok {
				_ = x.End(protocol.Outcome{Result: protocol.Aborted, Text: "more than is allowed"})
				return k.lastWord(to, "AccessDeniedException", denied.Error())
			}
			return k.brokenOff(x, to, err)
		}
	}
}

// lastWord ends a stream of events with an error.
func (k *call) lastWord(to *reply, code, message string) error {
	return sent(k.s.EmitTo(to, protocol.Part{Kind: "event", Data: wire.ErrorFrame(code, message)}))
}

// event returns a message as the client gets it: with what must not be seen
// hidden, in how many places, and whether the record leaves its content out.
func (k *call) event(frame *wire.Frame, output *model.Shape) (raw []byte, sensitive bool, hidden int, err error) {
	masks := k.s.Masks()
	columns := k.columns(masks)
	var edits []wire.Edit
	_, err = wire.Event(output, k.name.Wire, frame, func(l wire.Leaf) error {
		edit, hide, err := hideLeaf(masks, columns, l, frame.Payload)
		if hide {
			edits = append(edits, edit)
		}
		sensitive = sensitive || l.Sensitive && l.Value != ""
		return err
	})
	if err != nil {
		if masks.Detects() || len(columns) > 0 {
			return nil, true, 0, err
		}
		return frame.Raw, true, 0, nil
	}
	if len(edits) == 0 {
		return frame.Raw, sensitive, 0, nil
	}
	payload, err := wire.Rewrite(frame.Payload, edits)
	if err != nil {
		return nil, true, 0, err
	}
	return frame.Replace(payload), sensitive, len(edits), nil
}
