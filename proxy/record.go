package proxy

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// record appends events of this session; a failure ends the session.
func (s *session) record(need recorder.Need, events ...*recorder.Event) error {
	if err := s.hold(); err != nil {
		return err
	}
	defer s.recording.RUnlock()
	return s.append(need, events...)
}

// hold keeps the session from being sealed until recording is released.
func (s *session) hold() error {
	s.recording.RLock()
	if s.sealed {
		s.recording.RUnlock()
		return s.over()
	}
	return nil
}

// append writes events; the caller holds recording.
func (s *session) append(need recorder.Need, events ...*recorder.Event) error {
	now := time.Now()
	for _, e := range events {
		e.Session, e.Time = s.id, now
	}
	if err := s.gw.log.Append(s.lasting, need, events...); err != nil {
		return s.recordFailure(err)
	}
	return nil
}

// recordFailure ends the session because the record failed.
func (s *session) recordFailure(err error) error {
	f := &protocol.Failure{Public: "the gateway cannot record, so it carries nothing on", Err: fmt.Errorf("%w: %w", protocol.ErrRecord, err)}
	if s.ctx.Err() == nil {
		s.logger.Error("cannot record; the session ends", "error", err)
	}
	s.end(f)
	return f
}

// output is a writer that clients are served by, with the lock that makes
// "recorded, then written" one step.
type output struct {
	mu    sync.Mutex
	w     io.Writer
	since atomic.Int64 // when the write under way began; 0 for none
	scratch
}

// emit records a part, with the outcome where it is the last, and writes it to
// w, or to the output's own writer where that is nil. Both happen under the writer's lock, so that the record has the client's order.
func (s *session) emit(x *exchange, out *output, w io.Writer, p protocol.Part, o *protocol.Outcome) error {
	out.mu.Lock()
	defer out.mu.Unlock()
	if w == nil {
		w = out.w
	}
	err := s.emittable(x, w)
	if err == nil && x != nil {
		err = x.within(&x.out, &p)
	}
	if err != nil {
		if o != nil {
			outcome := *o // known, and worth recording although the client will not see it
			if _, denied := errors.AsType[*protocol.Denied](err); denied && outcome.Result != protocol.Aborted {
				outcome.Result, outcome.Text = protocol.Aborted, "more than is allowed"
			}
			_ = x.end(outcome)
		}
		return err
	}
	if err = s.recordOutput(x, out, p, o); err != nil {
		return err
	}
	s.metrics.output(len(p.Data))
	out.since.Store(time.Now().UnixNano())
	_, err = w.Write(p.Data)
	out.since.Store(0)
	if err != nil {
		if s.ctx.Err() != nil {
			return s.over()
		}
		f := &protocol.Failure{Public: "the client is gone", Err: fmt.Errorf("write to client: %w", err)}
		if out == &s.out {
			s.end(f) // half a part may have been written; nothing sensible can follow
		}
		return f
	}
	return nil
}

func (s *session) emittable(x *exchange, w io.Writer) error {
	switch {
	case s.ctx.Err() != nil:
		return s.over()
	case w == nil:
		return &protocol.Failure{Public: "the gateway has nowhere to write to", Err: errors.New("the protocol set neither Route.Client nor Exchange.To")}
	case x != nil && x.ended.Load():
		return &protocol.Failure{Public: "the operation has ended", Err: errors.New("output after the end of an exchange")}
	}
	return nil
}

// recordOutput records a part for the client; the caller holds out.mu.
func (s *session) recordOutput(x *exchange, out *output, p protocol.Part, o *protocol.Outcome) error {
	kind, id := recorder.KindOutput, protocol.ExchangeID(0)
	if x != nil {
		id = x.id
	}
	if o != nil {
		kind = recorder.KindEnd
		x.input.mu.Lock()
		defer x.input.mu.Unlock()
	}
	if err := s.hold(); err != nil {
		return err
	}
	defer s.recording.RUnlock()
	if o != nil {
		x.leave()
	}
	s.partEvent(&out.scratch, kind, id, p)
	e := &out.event
	e.Outcome = o
	err := s.append(recorder.Taken, out.batch[:]...)
	e.Payload, e.Outcome = nil, nil
	return err
}

// minDigested is how many bytes a withheld part must have to be digested:
// digests of single keystrokes would be a cipher that letter counts break.
const minDigested = 16

// partEvent fills b for p.
func (s *session) partEvent(b *scratch, kind recorder.Kind, id protocol.ExchangeID, p protocol.Part) {
	e, part := &b.event, &b.part
	b.batch[0] = e
	*part = recorder.Part{Kind: p.Kind, Shape: p.Shape, Units: p.Units, Masked: p.Masked}
	*e = recorder.Event{Kind: kind, Exchange: id, Part: part, Payload: p.Data}
	if p.Withheld {
		part.Withheld, part.Length = true, int64(len(p.Data))
		e.Payload = nil
		if p.Digested || len(p.Data) < minDigested {
			return
		}
		mac := hmac.New(sha256.New, s.gw.key)
		mac.Write(p.Data)
		part.Digest = hex.EncodeToString(mac.Sum(nil))
	}
}
