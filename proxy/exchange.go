package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// exchange is the engine's side of a protocol.Exchange.
type exchange struct {
	s     *session
	id    protocol.ExchangeID
	begun time.Time
	ended atomic.Bool

	own *output // nil: the session's

	in struct {
		mu    sync.Mutex
		event recorder.Event
		part  recorder.Part
	}
}

func (x *exchange) ID() protocol.ExchangeID { return x.id }

func (x *exchange) Name() string { return operationName(x.s.id, x.id) }

func operationName(session string, id protocol.ExchangeID) string {
	return session + "." + strconv.FormatUint(uint64(id), 10)
}

// To implements protocol.ExchangeEngine.
func (x *exchange) To(w io.Writer) { x.own = &output{w: w} }

func (x *exchange) output() *output {
	if x.own != nil {
		return x.own
	}
	return &x.s.out
}

// Input implements protocol.ExchangeEngine.
func (x *exchange) Input(p protocol.Part) error {
	s := x.s
	if s.ctx.Err() != nil {
		return s.over()
	}
	if x.ended.Load() {
		return &protocol.Failure{Public: "the operation has ended", Err: errors.New("input after the end of an exchange")}
	}
	s.active.Store(time.Now().UnixNano())
	x.in.mu.Lock()
	defer x.in.mu.Unlock()
	e := &x.in.event
	s.partEvent(e, &x.in.part, recorder.KindInput, x.id, p)
	s.metrics.input(len(p.Data))
	return s.record(recorder.Taken, e)
}

// Seal implements protocol.ExchangeEngine.
func (x *exchange) Seal() error {
	return x.s.record(recorder.Durable, &recorder.Event{Kind: recorder.KindNote, Exchange: x.id, Note: &recorder.Note{Kind: "sealed"}})
}

// Emit implements protocol.ExchangeEngine.
func (x *exchange) Emit(p protocol.Part) error { return x.s.emit(x, x.output(), p, nil) }

// Finish implements protocol.ExchangeEngine.
func (x *exchange) Finish(p protocol.Part, o protocol.Outcome) error {
	if !x.leave() {
		return x.s.emit(x, x.output(), p, nil)
	}
	return x.s.emit(x, x.output(), p, &o)
}

// End implements protocol.ExchangeEngine.
func (x *exchange) End(o protocol.Outcome) error {
	if !x.leave() {
		return nil
	}
	out := x.output()
	out.mu.Lock()
	defer out.mu.Unlock()
	return x.s.record(recorder.Taken, &recorder.Event{Kind: recorder.KindEnd, Exchange: x.id, Outcome: &o})
}

// Annotate implements protocol.ExchangeEngine.
func (x *exchange) Annotate(a protocol.Annotation) error {
	out := x.output()
	out.mu.Lock()
	defer out.mu.Unlock()
	return x.s.record(recorder.Taken, &recorder.Event{
		Kind: recorder.KindAnnotation, Exchange: x.id, Payload: a.Data,
		Note: &recorder.Note{Kind: a.Kind, Text: a.Text, Shape: a.Shape, Objects: a.Objects},
	})
}

// leave takes x out of the open exchanges; only the first call returns true.
func (x *exchange) leave() bool {
	if x.ended.Swap(true) {
		return false
	}
	now := time.Now()
	x.s.active.Store(now.UnixNano())
	x.s.mu.Lock()
	delete(x.s.open, x.id)
	x.s.mu.Unlock()
	x.s.metrics.ended(now.Sub(x.begun))
	return true
}

// emit records a part, with the outcome where it is the last, and writes it.
// Both happen under the writer's lock, so that the record has the client's order.
func (s *session) emit(x *exchange, out *output, p protocol.Part, o *protocol.Outcome) error {
	out.mu.Lock()
	defer out.mu.Unlock()
	if s.ctx.Err() != nil {
		return s.over()
	}
	if out.closed {
		return &protocol.Failure{Public: "the session is closed"}
	}
	if out.w == nil {
		return &protocol.Failure{Public: "the gateway has nowhere to write to", Err: errors.New("the protocol set neither Route.Client nor Exchange.To")}
	}
	e := &out.event
	kind, id := recorder.KindOutput, protocol.ExchangeID(0)
	if x != nil {
		id = x.id
	}
	if o != nil {
		kind = recorder.KindEnd
	}
	s.partEvent(e, &out.part, kind, id, p)
	e.Outcome = o
	err := s.record(recorder.Taken, e)
	e.Payload, e.Outcome = nil, nil
	if err != nil {
		return err
	}
	s.metrics.output(len(p.Data))
	now := time.Now().UnixNano()
	out.since.Store(now)
	_, err = out.w.Write(p.Data)
	out.since.Store(0)
	if err != nil {
		return &protocol.Failure{Public: "the client is gone", Err: fmt.Errorf("write to client: %w", err)}
	}
	return nil
}

// partEvent fills e for p. e and part are scratch of the caller's.
func (s *session) partEvent(e *recorder.Event, part *recorder.Part, kind recorder.Kind, id protocol.ExchangeID, p protocol.Part) {
	*part = recorder.Part{Kind: p.Kind, Shape: p.Shape, Units: p.Units, Masked: p.Masked}
	*e = recorder.Event{Kind: kind, Exchange: id, Part: part, Payload: p.Data}
	if p.Withheld {
		mac := hmac.New(sha256.New, s.gw.key)
		mac.Write(p.Data)
		part.Withheld, part.Length, part.Digest = true, int64(len(p.Data)), hex.EncodeToString(mac.Sum(nil))
		e.Payload = nil
	}
}
