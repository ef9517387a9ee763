package proxy

import (
	"errors"
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
	s      *session
	id     protocol.ExchangeID
	ended  atomic.Bool
	most   int64  // bytes allowed in each direction; 0: any number
	rule   string // that says so
	headed bool   // the head is in the record; guarded by session.recording

	// Guarded by session.mu.
	admitted bool      // its bytes may have been forwarded
	begun    time.Time // when it was admitted

	own atomic.Pointer[output] // nil: the session's
	in  grant                  // guarded by input.mu
	out grant                  // guarded by the output's mu

	input struct {
		mu      sync.Mutex
		scratch *scratch // nil before the first part
	}
}

// scratch is what a part is recorded from, so that no part allocates.
type scratch struct {
	event recorder.Event
	part  recorder.Part
	batch [1]*recorder.Event
}

func (x *exchange) ID() protocol.ExchangeID { return x.id }

func (x *exchange) Name() string { return operationName(x.s.id, x.id) }

func operationName(session string, id protocol.ExchangeID) string {
	return session + "." + strconv.FormatUint(uint64(id), 10)
}

// To implements protocol.ExchangeEngine.
func (x *exchange) To(w io.Writer) { x.own.Store(&output{w: w}) }

func (x *exchange) output() *output {
	if own := x.own.Load(); own != nil {
		return own
	}
	return &x.s.out
}

// errInput is for plugins that stream on after they ended an exchange.
var errInput = errors.New("input after the end of an exchange")

// Input implements protocol.ExchangeEngine.
func (x *exchange) Input(p protocol.Part) error {
	s := x.s
	x.input.mu.Lock()
	defer x.input.mu.Unlock()
	if err := x.takesInput(); err != nil {
		return err
	}
	if err := x.within(&x.in, &p); err != nil {
		return err
	}
	s.active.Store(time.Now().UnixNano())
	if x.input.scratch == nil {
		x.input.scratch = new(scratch)
	}
	b := x.input.scratch
	s.partEvent(b, recorder.KindInput, x.id, p)
	err := s.record(recorder.Taken, b.batch[:]...)
	b.event.Payload = nil
	if err != nil {
		return err
	}
	s.metrics.input(len(p.Data))
	return nil
}

// Seal implements protocol.ExchangeEngine.
func (x *exchange) Seal() error {
	x.input.mu.Lock()
	defer x.input.mu.Unlock()
	if err := x.takesInput(); err != nil {
		return err
	}
	return x.s.record(recorder.Durable, &recorder.Event{Kind: recorder.KindNote, Exchange: x.id, Note: &recorder.Note{Kind: "sealed"}})
}

func (x *exchange) takesInput() error {
	if x.s.ctx.Err() != nil {
		return x.s.over()
	}
	if x.ended.Load() {
		return &protocol.Failure{Public: "the operation has ended", Err: errInput}
	}
	return nil
}

// EmitTo implements protocol.ExchangeEngine.
func (x *exchange) EmitTo(w io.Writer, p protocol.Part) error {
	return x.s.emit(x, x.output(), w, p, nil)
}

// Finish implements protocol.ExchangeEngine.
func (x *exchange) Finish(p protocol.Part, o protocol.Outcome) error {
	return x.s.emit(x, x.output(), nil, p, &o)
}

// End implements protocol.ExchangeEngine.
func (x *exchange) End(o protocol.Outcome) error {
	out := x.output()
	out.mu.Lock()
	defer out.mu.Unlock()
	return x.end(o)
}

// end records the outcome; the caller holds the output's lock. What is
// recorded of an exchange by its other methods stands before its end.
func (x *exchange) end(o protocol.Outcome) error {
	x.input.mu.Lock()
	defer x.input.mu.Unlock()
	if x.ended.Load() {
		return nil
	}
	if err := x.s.hold(); err != nil {
		return err
	}
	defer x.s.recording.RUnlock()
	if !x.leave() {
		return nil
	}
	return x.s.append(recorder.Taken, &recorder.Event{Kind: recorder.KindEnd, Exchange: x.id, Outcome: &o})
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
	admitted, begun := x.admitted, x.begun
	x.s.mu.Unlock()
	if admitted {
		x.s.metrics.ended(now.Sub(begun))
	}
	return true
}
