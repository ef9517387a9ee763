package proxy

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Begin implements protocol.SessionEngine: judge, record, ask, in this order.
func (s *session) Begin(ctx context.Context, wait func(protocol.Pending), ops []protocol.Operation) (list []*protocol.Exchange, err error) {
	defer func() {
		if p := recover(); p != nil {
			// In what was plugged in: an approver, or the log's handler, which is not asked again.
			f := &protocol.Failure{Public: cannotJudge, Err: fmt.Errorf("a panic while operations were admitted: %v\n%s", p, debug.Stack())}
			s.end(f)
			list, err = nil, f
		}
	}()
	start := time.Now()
	if err := s.usable(start); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, &protocol.Failure{Public: "the operation was withdrawn", Err: err}
	}
	s.active.Store(start.UnixNano())
	r := s.gw.rules.Load()
	decisions := make([]protocol.Decision, len(ops))
	denied, asks := -1, false
	for i := range ops {
		d, err := s.judge(ctx, r, &ops[i])
		if err != nil {
			return nil, err
		}
		decisions[i] = d
		s.metrics.decided(d.Verdict)
		if d.Observed {
			continue
		}
		switch d.Verdict {
		case protocol.Allow:
		case protocol.Ask:
			asks = true
		default:
			if denied < 0 {
				denied = i
			}
		}
	}
	batch, err := s.enter(decisions)
	if err != nil {
		return nil, err
	}
	if err := s.recordHeads(ops, decisions, batch, denied); err != nil {
		return nil, err
	}
	now := time.Now()
	s.metrics.admitted(now.Sub(start))
	if denied >= 0 {
		return nil, s.deny(batch, denied, decisions[denied])
	}
	if asks {
		q := question{s: s, r: r, ops: snapshot(ops), batch: batch, decisions: decisions}
		if err := q.ask(ctx, wait); err != nil {
			return nil, err
		}
		now = time.Now()
	}
	return s.admit(batch, now)
}

// cannotJudge are the words for a gateway whose own parts fail.
const cannotJudge = "the gateway could not judge the operation"

// errWithdrawn is for operations whose client left while they were judged.
var errWithdrawn = errors.New("the client left")

// judge decides one operation; nothing is asked yet. An error has ended the
// session, unless it is errWithdrawn.
func (s *session) judge(ctx context.Context, r *rules, op *protocol.Operation) (d protocol.Decision, err error) {
	panicked := false
	defer func() {
		if p := recover(); p != nil {
			panicked = true
			s.logger.Error("a middleware panicked", "panic", p, "stack", string(debug.Stack()))
			err = errors.New("a middleware panicked")
		}
		if err != nil && ctx.Err() != nil && !panicked {
			err = &protocol.Failure{Public: "the operation was withdrawn", Err: fmt.Errorf("%w: %w", errWithdrawn, err)}
			return
		}
		if err != nil {
			s.logger.Error("admission failed; the session ends", "error", err)
			f := &protocol.Failure{Public: cannotJudge, Err: err}
			s.end(f)
			err = f
		}
	}()
	switch {
	case op.Refuse != "":
		d = protocol.Decision{Verdict: protocol.Deny, Rule: s.l.proto.Name(), Reason: op.Refuse}
	case op.Origin == protocol.OriginGateway:
		d = protocol.Decision{Verdict: protocol.Allow, Rule: "gateway"}
	default:
		d, err = s.gw.admitter.Admit(ctx, Admission{
			Session: s.id, Protocol: s.l.proto.Name(), Principal: s.who.Principal, Target: s.target.Name, Operation: op, rules: r,
		})
		if err != nil {
			return d, err
		}
		if d.Verdict > protocol.Allow {
			return d, fmt.Errorf("verdict %d is none", uint8(d.Verdict))
		}
		if op.Prepare && d.Verdict == protocol.Ask {
			d.Verdict, d.Reason = protocol.Allow, "will be asked when it is carried out"
		}
		d.Observed = s.gw.observe && d.Verdict != protocol.Allow
	}
	d.Policy = r.digest
	return d, nil
}

// enter makes the exchanges and counts them as open.
func (s *session) enter(decisions []protocol.Decision) ([]*exchange, error) {
	batch := make([]*exchange, len(decisions))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, s.over()
	}
	for i := range decisions {
		s.next++
		batch[i] = &exchange{s: s, id: s.next}
		if d := &decisions[i]; !d.Observed {
			batch[i].most, batch[i].rule = d.MaxBytes, d.Rule
		}
		s.open[s.next] = batch[i]
	}
	return batch, nil
}

// recordHeads makes the operations durable together with their decisions. Of
// a batch with a denial every operation ends here.
func (s *session) recordHeads(ops []protocol.Operation, decisions []protocol.Decision, batch []*exchange, denied int) error {
	events := make([]*recorder.Event, 0, 2*len(ops))
	for i := range ops {
		events = append(events, &recorder.Event{
			Kind: recorder.KindOperation, Exchange: batch[i].id,
			Operation: &ops[i], OpKey: s.keyed(&ops[i]), Decision: &decisions[i],
		})
	}
	if err := s.hold(); err != nil {
		return err
	}
	defer s.recording.RUnlock()
	if denied >= 0 {
		events = append(events, endAll(batch, denied)...)
	}
	if err := s.append(recorder.Durable, events...); err != nil {
		return err
	}
	for _, x := range batch {
		x.headed = true
	}
	return nil
}

// endAll ends a batch in which operation denied was. The caller holds
// recording.
func endAll(batch []*exchange, denied int) []*recorder.Event {
	events := make([]*recorder.Event, 0, len(batch))
	for i, x := range batch {
		if !x.leave() {
			continue
		}
		o := &protocol.Outcome{Result: protocol.NotSent, Text: "another operation of the batch was denied"}
		if i == denied {
			o = &protocol.Outcome{Result: protocol.Refused}
		}
		events = append(events, &recorder.Event{Kind: recorder.KindEnd, Exchange: x.id, Outcome: o})
	}
	return events
}

func (s *session) deny(batch []*exchange, i int, d protocol.Decision) error {
	name := batch[i].Name()
	s.logger.Warn("operation denied", "operation", name, "rule", d.Rule, "reason", d.Reason, "by", d.By)
	return &protocol.Denied{ID: name, Index: i, Decision: d}
}

// admit hands the exchanges out: from here on their bytes may be forwarded,
// and how they end is for the target to say.
func (s *session) admit(batch []*exchange, now time.Time) ([]*protocol.Exchange, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return nil, s.over()
	}
	list := make([]*protocol.Exchange, len(batch))
	for i, x := range batch {
		x.admitted, x.begun = true, now
		list[i] = protocol.NewExchange(x)
	}
	return list, nil
}
