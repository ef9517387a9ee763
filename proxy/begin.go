package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// progressEvery is how often a plugin hears that an operation still waits.
const progressEvery = 5 * time.Second

// Begin implements protocol.SessionEngine: judge, record, ask, in this order.
func (s *session) Begin(ctx context.Context, wait func(protocol.Pending), ops []protocol.Operation) ([]*protocol.Exchange, error) {
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
			f := &protocol.Failure{Public: "the gateway could not judge the operation", Err: err}
			s.logger.Error("admission failed; the session ends", "error", err)
			s.end(f)
			return nil, f
		}
		decisions[i] = d
		s.metrics.decided(d.Verdict)
		if d.Observed {
			continue
		}
		switch d.Verdict {
		case protocol.Deny:
			if denied < 0 {
				denied = i
			}
		case protocol.Ask:
			asks = true
		}
	}
	batch, err := s.enter(ops, start)
	if err != nil {
		return nil, err
	}
	if err := s.recordHeads(r, ops, decisions, batch, denied, start); err != nil {
		return nil, err
	}
	s.metrics.admitted(time.Since(start))
	if denied >= 0 {
		return nil, s.deny(batch, denied, decisions[denied])
	}
	if asks {
		for i := range ops {
			if decisions[i].Verdict != protocol.Ask || decisions[i].Observed {
				continue
			}
			if err := s.ask(ctx, wait, batch, i, &ops[i], decisions[i]); err != nil {
				return nil, err
			}
		}
	}
	list := make([]*protocol.Exchange, len(batch))
	for i, x := range batch {
		list[i] = protocol.NewExchange(x)
	}
	return list, nil
}

// judge decides one operation; nothing is asked yet.
func (s *session) judge(ctx context.Context, r *rules, op *protocol.Operation) (protocol.Decision, error) {
	d := protocol.Decision{Verdict: protocol.Allow, Rule: "gateway"}
	switch {
	case op.Refuse != "":
		d = protocol.Decision{Verdict: protocol.Deny, Rule: s.conn.l.proto.Name(), Reason: op.Refuse}
	case op.Origin != protocol.OriginGateway:
		var err error
		d, err = r.admit.Admit(ctx, Admission{
			Session: s.id, Protocol: s.conn.l.proto.Name(), Principal: s.who.Principal, Target: s.target.Name, Operation: op,
		})
		if err != nil {
			return d, err
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
func (s *session) enter(ops []protocol.Operation, now time.Time) ([]*exchange, error) {
	batch := make([]*exchange, len(ops))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, &protocol.Failure{Public: "the session is closed"}
	}
	for i := range ops {
		s.next++
		batch[i] = &exchange{s: s, id: s.next, begun: now}
		s.open[s.next] = batch[i]
	}
	return batch, nil
}

// recordHeads makes the operations durable together with their decisions. Of
// a batch with a denial every operation ends here.
func (s *session) recordHeads(r *rules, ops []protocol.Operation, decisions []protocol.Decision, batch []*exchange, denied int, now time.Time) error {
	events := make([]*recorder.Event, 0, 2*len(ops))
	for i := range ops {
		events = append(events, &recorder.Event{
			Session: s.id, Time: now, Kind: recorder.KindOperation, Exchange: batch[i].id,
			Operation: &ops[i], OpKey: s.keyed(&ops[i]), Decision: &decisions[i],
		})
	}
	if denied >= 0 {
		for i, x := range batch {
			if !x.leave() {
				continue
			}
			events = append(events, &recorder.Event{Session: s.id, Time: now, Kind: recorder.KindEnd, Exchange: x.id, Outcome: notSent(i, denied)})
		}
	}
	if err := s.gw.log.Append(s.ctx, recorder.Durable, events...); err != nil {
		return s.recordFailure(err)
	}
	return nil
}

func notSent(i, denied int) *protocol.Outcome {
	if i == denied {
		return &protocol.Outcome{Result: protocol.Refused}
	}
	return &protocol.Outcome{Result: protocol.NotSent, Text: "another operation of the batch was denied"}
}

func (s *session) deny(batch []*exchange, i int, d protocol.Decision) error {
	name := batch[i].Name()
	s.logger.Warn("operation denied", "operation", name, "rule", d.Rule, "reason", d.Reason, "by", d.By)
	return &protocol.Denied{ID: name, Index: i, Decision: d}
}

// ask puts operation i of a batch to the approvers and records the answer.
func (s *session) ask(ctx context.Context, wait func(protocol.Pending), batch []*exchange, i int, op *protocol.Operation, d protocol.Decision) error {
	x := batch[i]
	name := x.Name()
	timeout := d.Timeout
	if timeout <= 0 {
		timeout = s.gw.limits.Approval
	}
	asked := time.Now()
	deadline := asked.Add(timeout)
	approvers := s.gw.approversFor(d)
	request := approve.Request{
		ID: name, Digest: s.binding(x, op), Session: s.id, Principal: s.who.Principal, Target: s.target.Name,
		Operation: snapshot(op), Rule: d.Rule, Reason: d.Reason, Asked: asked, Deadline: deadline,
	}
	s.setWaiting(name, true)
	defer s.setWaiting(name, false)
	s.logger.Info("operation waits for approval", "operation", name, "rule", d.Rule, "deadline", deadline)
	answer, err := s.collect(ctx, wait, approvers, request)
	s.metrics.approved(time.Since(asked))

	final := protocol.Decision{Verdict: protocol.Deny, Rule: d.Rule, Policy: s.gw.rules.Load().digest, By: answer.By, Reason: answer.Reason}
	switch {
	case s.ctx.Err() != nil:
		final.Reason = "the session ended while the operation waited for approval"
	case ctx.Err() != nil:
		final.Reason = "the client left while the operation waited for approval"
	case errors.Is(err, context.DeadlineExceeded):
		final.Reason = fmt.Sprintf("nobody approved it within %v", timeout)
	case err != nil:
		final.Reason = "no approver could be asked"
		s.logger.Error("no approver answered", "operation", name, "error", err)
	case !answer.Approved:
		if final.Reason == "" {
			final.Reason = "not approved"
		}
	default:
		// The world may have changed while a person thought.
		if final, err = s.judgeAgain(ctx, op, final); err != nil {
			return err
		}
	}
	s.metrics.decided(final.Verdict)
	events := []*recorder.Event{{Kind: recorder.KindDecision, Exchange: x.id, Decision: &final}}
	if final.Verdict != protocol.Allow {
		for j, other := range batch {
			if other.leave() {
				events = append(events, &recorder.Event{Kind: recorder.KindEnd, Exchange: other.id, Outcome: notSent(j, i)})
			}
		}
	}
	now := time.Now()
	for _, e := range events {
		e.Session, e.Time = s.id, now
	}
	// Not s.ctx: that the session ended is no reason to lose the decision.
	if err := s.gw.log.Append(context.WithoutCancel(s.ctx), recorder.Durable, events...); err != nil {
		return s.recordFailure(err)
	}
	if final.Verdict != protocol.Allow {
		if s.ctx.Err() != nil {
			return s.over()
		}
		return s.deny(batch, i, final)
	}
	s.logger.Info("operation approved", "operation", name, "by", final.By)
	return s.usable(now)
}

// judgeAgain turns an approval into the final decision: the proof of identity
// must still hold, and a policy that came meanwhile must not deny.
func (s *session) judgeAgain(ctx context.Context, op *protocol.Operation, final protocol.Decision) (protocol.Decision, error) {
	if err := s.usable(time.Now()); err != nil {
		final.Reason = protocol.Public(err)
		return final, nil
	}
	now, err := s.judge(ctx, s.gw.rules.Load(), op)
	if err != nil {
		f := &protocol.Failure{Public: "the gateway could not judge the operation", Err: err}
		s.end(f)
		return final, f
	}
	if now.Verdict == protocol.Deny {
		now.Observed = false
		return now, nil
	}
	final.Verdict = protocol.Allow
	return final, nil
}

// collect asks the approvers and keeps the plugin told.
func (s *session) collect(ctx context.Context, wait func(protocol.Pending), approvers []approve.Approver, q approve.Request) (approve.Answer, error) {
	ctx, cancel := context.WithDeadline(ctx, q.Deadline)
	defer cancel()
	stop := context.AfterFunc(s.ctx, cancel)
	defer stop()
	type result struct {
		answer approve.Answer
		err    error
	}
	done := make(chan result, 1)
	go func() {
		a, err := approve.Collect(ctx, approvers, q)
		done <- result{a, err}
	}()
	pending := protocol.Pending{ID: q.ID, Rule: q.Rule, Deadline: q.Deadline}
	for _, a := range approvers {
		pending.Asked = append(pending.Asked, a.Name())
	}
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		if wait != nil {
			pending.Waited = time.Since(q.Asked)
			wait(pending)
		}
		select {
		case r := <-done:
			return r.answer, r.err
		case <-tick.C:
		}
	}
}

func (g *Gateway) approversFor(d protocol.Decision) []approve.Approver {
	if len(d.Approvers) == 0 {
		return g.approvers
	}
	var list []approve.Approver
	for _, a := range g.approvers {
		if slices.Contains(d.Approvers, a.Name()) {
			list = append(list, a)
		}
	}
	return list
}

func (s *session) setWaiting(name string, on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if on {
		s.waiting[name] = true
	} else {
		delete(s.waiting, name)
	}
}

// snapshot copies what an approver may look at after Begin has returned.
func snapshot(op *protocol.Operation) *protocol.Operation {
	c := *op
	c.Params = slices.Clone(op.Params)
	c.Objects = slices.Clone(op.Objects)
	c.Key = nil
	return &c
}

// keyed returns the digest under which the operation is recorded: it joins
// equal operations of this run and tells nothing to who lacks the run's key.
func (s *session) keyed(op *protocol.Operation) string {
	sum := s.digest(operationKey(op))
	return hex.EncodeToString(sum[:16])
}

// binding returns the digest that an approval is for: this operation of this
// principal on this target, this once.
func (s *session) binding(x *exchange, op *protocol.Operation) string {
	sum := s.digest(protocol.OperationKey([]byte(s.who.Principal.ID()), []byte(s.target.Name), []byte(x.Name()), operationKey(op)))
	return hex.EncodeToString(sum[:])
}

func operationKey(op *protocol.Operation) []byte {
	if op.Key != nil {
		return op.Key
	}
	parts := [][]byte{[]byte(op.Verb), []byte(op.Text)}
	for _, p := range op.Params {
		parts = append(parts, []byte(p.Name), []byte(p.Value), p.Raw)
	}
	return protocol.OperationKey(parts...)
}

// digest is keyed by a secret of fixed length in front, and the length of
// what is digested stands in front of it, so there is nothing to extend.
func (s *session) digest(b []byte) [32]byte {
	var stack [128]byte
	buf := append(stack[:0], s.gw.key...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(b)))
	return sha256.Sum256(append(buf, b...))
}

func controlKey(key []byte) [32]byte { return sha256.Sum256(key) }
