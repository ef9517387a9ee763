package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// progressEvery is how often a plugin hears that an operation still waits.
const progressEvery = 5 * time.Second

// clientLeft is why an operation is not admitted whose client does not wait.
const clientLeft = "the client left while the operation waited for approval"

// maxReason bounds the words of an approver that clients and the record get.
const maxReason = 500

// question is a batch of which some operations wait for people.
type question struct {
	s         *session
	r         *rules // those that asked
	ops       []protocol.Operation
	batch     []*exchange
	decisions []protocol.Decision
}

// ask puts each operation that a rule asks about to the approvers, in order.
func (q *question) ask(ctx context.Context, wait func(protocol.Pending)) error {
	for i := range q.ops {
		if q.decisions[i].Verdict != protocol.Ask || q.decisions[i].Observed {
			continue
		}
		if err := q.askOne(ctx, wait, i); err != nil {
			return err
		}
	}
	return q.recheck(ctx)
}

// askOne puts operation i to the approvers and records the answer.
func (q *question) askOne(ctx context.Context, wait func(protocol.Pending), i int) error {
	s, x, op, d := q.s, q.batch[i], &q.ops[i], q.decisions[i]
	name := x.Name()
	timeout := d.Timeout
	if timeout <= 0 {
		timeout = s.gw.limits.Approval
	}
	asked := time.Now()
	shown := *op
	shown.Key = nil // it digests what is masked
	request := approve.Request{
		ID: name, Digest: s.binding(x, op), Session: s.id, Principal: s.who.Principal, Target: s.target.Name,
		Operation: &shown, Rule: d.Rule, Reason: d.Reason, Asked: asked, Deadline: asked.Add(timeout),
	}
	s.setWaiting(name, true)
	s.logger.Info("operation waits for approval", "operation", name, "rule", d.Rule, "deadline", request.Deadline)
	answer, err := s.collect(ctx, wait, s.gw.approversFor(d), request)
	s.setWaiting(name, false)
	s.metrics.approved(time.Since(asked))

	final := protocol.Decision{
		Verdict: protocol.Deny, Rule: d.Rule, Policy: s.gw.rules.Load().digest, By: said(answer.By), Reason: said(answer.Reason),
	}
	switch {
	case s.ctx.Err() != nil:
		final.Reason = "the session ended while the operation waited for approval"
	case ctx.Err() != nil:
		final.Reason = clientLeft
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
		if final, err = q.judgeAgain(ctx, i, final); err != nil {
			return err
		}
	}
	return q.conclude(i, final)
}

// conclude records the decision on operation i; a denial ends the batch.
func (q *question) conclude(i int, final protocol.Decision) error {
	s := q.s
	s.metrics.decided(final.Verdict)
	if err := s.hold(); err != nil {
		return err
	}
	events := []*recorder.Event{{Kind: recorder.KindDecision, Exchange: q.batch[i].id, Decision: &final}}
	if final.Verdict != protocol.Allow {
		events = append(events, endAll(q.batch, i)...)
	}
	err := s.append(recorder.Durable, events...)
	s.recording.RUnlock()
	switch {
	case err != nil:
		return err
	case final.Verdict == protocol.Allow:
		s.logger.Info("operation approved", "operation", q.batch[i].Name(), "by", final.By)
		return s.usable(time.Now())
	case s.ctx.Err() != nil:
		return s.over()
	}
	return s.deny(q.batch, i, final)
}

// judgeAgain turns an approval into the final decision: the proof of identity
// must still hold, and the policy now in force must not deny, nor put the
// operation to others than were asked.
func (q *question) judgeAgain(ctx context.Context, i int, final protocol.Decision) (protocol.Decision, error) {
	if err := q.s.usable(time.Now()); err != nil {
		final.Reason = protocol.Public(err)
		return final, nil
	}
	now, err := q.s.judge(ctx, q.s.gw.rules.Load(), &q.ops[i])
	if errors.Is(err, errWithdrawn) {
		final.Reason = clientLeft
		return final, nil
	}
	if err != nil {
		return final, err
	}
	before := &q.decisions[i]
	switch {
	case now.Verdict == protocol.Deny:
		now.Observed = false
		return now, nil
	case now.Verdict == protocol.Ask && (now.Rule != before.Rule || !slices.Equal(now.Approvers, before.Approvers)):
		final.Reason, final.Policy = "the policy changed while it waited; ask again", now.Policy
		return final, nil
	}
	final.Verdict, final.Policy, final.MaxBytes = protocol.Allow, now.Policy, now.MaxBytes
	q.batch[i].most, q.batch[i].rule = now.MaxBytes, now.Rule
	return final, nil
}

// recheck judges those that waited only for their neighbours again, where the
// policy changed meanwhile.
func (q *question) recheck(ctx context.Context) error {
	r := q.s.gw.rules.Load()
	if r == q.r {
		return nil
	}
	for i := range q.ops {
		if q.decisions[i].Verdict != protocol.Allow {
			continue
		}
		now, err := q.s.judge(ctx, r, &q.ops[i])
		if errors.Is(err, errWithdrawn) {
			return q.conclude(i, protocol.Decision{Verdict: protocol.Deny, Rule: q.decisions[i].Rule, Policy: r.digest, Reason: clientLeft})
		}
		if err != nil {
			return err
		}
		if now.Verdict == protocol.Allow {
			continue
		}
		if now.Verdict == protocol.Ask {
			now.Verdict, now.Reason = protocol.Deny, "the policy changed while it waited; ask again"
		}
		now.Observed = false
		return q.conclude(i, now)
	}
	return nil
}

// collect asks the approvers and keeps the plugin told.
func (s *session) collect(ctx context.Context, wait func(protocol.Pending), approvers []approve.Approver, q approve.Request) (approve.Answer, error) {
	ctx, cancel := context.WithDeadline(ctx, q.Deadline)
	defer cancel()
	defer context.AfterFunc(s.ctx, cancel)()
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
		case <-ctx.Done():
			// An answer that came first still counts; Collect is not waited for.
			select {
			case r := <-done:
				return r.answer, r.err
			default:
				return approve.Answer{}, ctx.Err()
			}
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

// said makes an approver's words fit for clients' terminals and logs: one
// bounded line with nothing hidden in it.
func said(words string) string {
	if len(words) > maxReason {
		words = strings.ToValidUTF8(words[:maxReason], "") + "…"
	}
	return protocol.Visible(strings.Join(strings.Fields(words), " "))
}

// snapshot copies operations: while people are asked, the plugin reads on and
// may use its buffers again.
func snapshot(ops []protocol.Operation) []protocol.Operation {
	list := slices.Clone(ops)
	for i := range list {
		op := &list[i]
		op.Params = slices.Clone(op.Params)
		for j := range op.Params {
			op.Params[j].Raw = bytes.Clone(op.Params[j].Raw)
		}
		op.Objects = slices.Clone(op.Objects)
		op.Key = bytes.Clone(op.Key)
	}
	return list
}
