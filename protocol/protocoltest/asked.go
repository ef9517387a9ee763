package protocoltest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// approvals: what is asked about waits, runs if it was approved, and is denied
// natively if not.
func approvals(t testing.TB, p *Plugin) {
	s := start(t, p)
	c, _ := s.agent(t)
	s.must(t, c, p.Read)
	before := s.back.wrote()
	var early int64
	s.people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
		time.Sleep(50 * time.Millisecond)
		early = s.back.wrote() - before
		return approve.Answer{Digest: q.Digest, Approved: true, By: "ann"}, nil
	})
	if _, err := c.Do(s.soon(t), p.Asked); err != nil {
		t.Errorf("%q was approved and fails: %v", p.Asked, err)
	}
	if early > 0 {
		t.Errorf("%d bytes reached the target while %q was asked about", early, p.Asked)
	}
	before = s.back.wrote()
	s.people.Deny("not today")
	if _, err := c.Do(s.soon(t), p.Asked); err == nil {
		t.Errorf("%q was denied by a person and succeeds", p.Asked)
	}
	if n := s.back.wrote() - before; n > 0 {
		t.Errorf("%d bytes reached the target for %q, which a person denied", n, p.Asked)
	}
	if _, err := c.Do(s.soon(t), p.Read); err != nil {
		t.Errorf("after a denial the session is not usable: %v", err)
	}
}

// clientGone: a client that leaves withdraws its question.
func clientGone(t testing.TB, p *Plugin) {
	s := start(t, p)
	c, conn := s.agent(t)
	s.must(t, c, p.Read)
	before := s.back.wrote()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = c.Do(s.soon(t), p.Asked)
	}()
	if !becomes(s.p.patience(), func() bool { return len(s.people.Asked()) == 1 }) {
		t.Fatalf("nobody was asked about %q", p.Asked)
	}
	conn.Close()
	c.Close()
	<-done
	if !becomes(s.p.patience()/4, func() bool { return s.people.Withdrawn() == 1 }) {
		t.Errorf("the client left, and the question stands; read ahead while Begin waits, and cancel its context")
		s.End(s.Sessions()[0].ID, "the test goes on")
	}
	closed := func() bool { return s.count(recorder.KindSessionClosed) == 1 }
	if !becomes(s.p.patience(), closed) {
		t.Fatalf("the session stays open although its client left")
	}
	if rest := withoutGoodbye(s.back.since(before), p.Goodbye); len(rest) > 0 {
		t.Errorf("%d bytes reached the target for an operation whose client had left", len(rest))
	}
	list := s.ops()
	last := list[len(list)-1]
	if last.Outcome == nil || last.Outcome.Result != protocol.Refused && last.Outcome.Result != protocol.NotSent {
		t.Errorf("the record does not say that %q was not carried out: %v", last.Text, last.Outcome)
	}
}

// count returns how many events of a kind clients' sessions have.
func (s *stage) count(kind recorder.Kind) int {
	n := 0
	for _, e := range s.Record.Events() {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// targetGone: when the target leaves in the middle of a result, the client is
// told and the record does not claim success.
func targetGone(t testing.TB, p *Plugin) {
	s := start(t, p)
	s.front.forget()
	s.Record.Thin()
	c, conn := s.agent(t)
	s.must(t, c, p.Read)
	s.back.breakAfter(p.LargeBytes / 16)
	ctx, cancel := context.WithTimeout(context.Background(), s.p.patience())
	defer cancel()
	_, err := c.Drain(ctx, p.Large)
	switch {
	case err == nil:
		t.Errorf("the target left in the middle of a result, and the client takes it for whole")
	case errors.Is(err, context.DeadlineExceeded):
		t.Errorf("the target left in the middle of a result, and the client waits for ever")
	}
	if !p.Shared && !becomes(s.p.patience()/4, func() bool { return s.count(recorder.KindSessionClosed) == 1 }) {
		t.Errorf("the session stays open although its target left")
	}
	conn.Close()
	c.Close()
	if !becomes(s.p.patience(), func() bool { return s.count(recorder.KindSessionClosed) == 1 }) {
		t.Errorf("the session stays open although its client left")
	}
	list := s.ops()
	last := list[len(list)-1]
	if last.Outcome != nil && last.Outcome.Result != protocol.Unknown && last.Outcome.Result != protocol.Failed {
		t.Errorf("the target left in the middle of %q, and the record says %q", last.Text, last.Outcome.Result)
	}
}

// ended: an operator ends a session within a second, whatever it does.
func ended(t testing.TB, p *Plugin) {
	s := start(t, p)
	s.front.forget()
	s.Record.Thin()
	c, _ := s.agent(t)
	s.must(t, c, p.Read)
	before := s.Record.PayloadBytes()
	result := make(chan error, 1)
	go func() {
		_, err := c.Drain(s.soon(t), p.Large)
		result <- err
	}()
	if !becomes(s.p.patience(), func() bool { return s.Record.PayloadBytes() > before }) {
		t.Fatalf("nothing of %q is recorded", p.Large)
	}
	s.endOne(t, result, p.Large, true)

	c, _ = s.agent(t)
	go func() {
		_, err := c.Do(s.soon(t), p.Asked)
		result <- err
	}()
	if !becomes(s.p.patience(), func() bool { return len(s.people.Asked()) == 1 }) {
		t.Fatalf("nobody was asked about %q", p.Asked)
	}
	s.endOne(t, result, p.Asked, false)
}

// slack is for machines that are busy.
const slack = time.Second

// endOne ends the only session while op runs. An operation that was quicker
// than the operator may have succeeded.
func (s *stage) endOne(t testing.TB, result <-chan error, op string, quick bool) {
	t.Helper()
	list := s.Sessions()
	if len(list) != 1 {
		t.Fatalf("there are %d sessions instead of one", len(list))
	}
	began := time.Now()
	s.End(list[0].ID, "that is enough")
	err := <-result
	if err == nil && !quick {
		t.Errorf("the session was ended while %q ran, and the client was told of success", op)
	}
	gone := func() bool { return len(s.Sessions()) == 0 }
	if !becomes(time.Second+slack-time.Since(began), gone) {
		t.Errorf("a second after it was ended while %q ran, the session is still there", op)
		becomes(s.p.patience(), gone)
	}
}
