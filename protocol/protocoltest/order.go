package protocoltest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// stranger: who cannot prove who they are reaches nothing and is recorded.
func stranger(t testing.TB, p *Plugin) {
	s := start(t, p)
	before := s.back.wrote()
	c, _, err := s.connect(t, "token-that-nobody-made")
	if err == nil {
		_, err = c.Do(s.soon(t), p.Read)
	}
	if err == nil {
		t.Errorf("a client with a wrong token was let in")
	}
	if n := s.back.wrote() - before; n > 0 {
		t.Errorf("%d bytes reached the target for a client with a wrong token", n)
	}
	refused := func() bool {
		for _, e := range s.Record.Events() {
			if e.Kind == recorder.KindRefused {
				return true
			}
		}
		return false
	}
	if !becomes(s.p.patience()/4, refused) {
		t.Errorf("the record does not say that a client was refused; call Gate.Refused")
	}
	if s.Log.Contains("token-that-nobody-made") || s.Record.Holds([]byte("token-that-nobody-made")) {
		t.Errorf("the token is in the record or in the log")
	}
}

// sentry watches, at the moment of each append, what has reached the target.
type sentry struct {
	mu      sync.Mutex
	back    *wire
	appends int
	failAt  int   // the append that fails; 0 for none
	failed  int64 // bytes at the target when it did
	// underway is how long what the transport sends by itself may take.
	underway time.Duration
	idle     int64 // bytes at the target when the client began to wait
	own      bool  // the gateway has asked something of its own since
	early    error
}

func (w *sentry) watch(_ recorder.Need, events []*recorder.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.appends++
	sent := w.back.wrote()
	if w.appends == w.failAt {
		time.Sleep(w.underway)
		w.failed = w.back.wrote()
	}
	for _, e := range events {
		if e.Kind != recorder.KindOperation {
			continue
		}
		if e.Operation.Origin == protocol.OriginGateway {
			w.own = true
			continue
		}
		if sent > w.idle && !w.own && w.early == nil {
			w.early = fmt.Errorf("%d bytes reached the target before %q was recorded", sent-w.idle, e.Operation.Text)
		}
		w.own = true // those of one batch are forwarded together
	}
}

// waits is told that the client begins an operation.
func (w *sentry) waits() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.idle, w.own = w.back.wrote(), false
}

// recordFails: nothing reaches the target before it is recorded, and nothing
// at all once the record has failed, wherever it does.
func recordFails(t testing.TB, p *Plugin) {
	total := 0
	scoped(t, func(t testing.TB) {
		guard, err := recordedRun(t, p, 0)
		if err != nil {
			t.Fatalf("with a record that works: %v", err)
		}
		total = guard.appends
	})
	for n := 1; n <= total; n++ {
		scoped(t, func(t testing.TB) {
			if _, err := recordedRun(t, p, n); err != nil {
				t.Errorf("with a record that fails at append %d: %v", n, err)
			}
		})
	}
}

// recordedRun lets a client work while the record fails at append n (0 for
// never), and returns what went wrong.
func recordedRun(t testing.TB, p *Plugin, n int) (*sentry, error) {
	s := start(t, p)
	guard := &sentry{back: s.back, failAt: n}
	if p.Answers {
		guard.underway = 20 * time.Millisecond
	}
	s.Record.Watch(guard.watch)
	if n > 0 {
		s.Record.FailAfter(n - 1)
	}
	errs := []error{}
	told := false // of a failure
	c, _, err := s.connect(t, s.mint.Token(user, "agents"))
	switch {
	case err != nil && s.Record.Ready() == nil:
		return guard, fmt.Errorf("the client cannot log in: %w", err)
	case err != nil:
		told = true
	default:
		for _, op := range []string{p.Read, p.Write, p.Asked} {
			if op == p.Asked {
				s.people.Approve()
			}
			guard.waits()
			_, err := c.Do(s.soon(t), op)
			if err != nil && s.Record.Ready() == nil {
				return guard, fmt.Errorf("%q fails although the record takes everything: %w", op, err)
			}
			if err != nil {
				told = true
				break
			}
		}
		before := s.Record.Ready() != nil
		c.Close()
		if before && !told {
			errs = append(errs, errors.New("the client got every answer as if nothing had happened"))
		}
	}
	if err := s.Stop(); err != nil && s.Record.Ready() == nil {
		errs = append(errs, err)
	}
	guard.mu.Lock()
	defer guard.mu.Unlock()
	if guard.early != nil {
		errs = append(errs, guard.early)
	}
	if n > 0 {
		if guard.appends < n {
			return guard, nil // a run with fewer appends; there is nothing to see
		}
		late := s.back.since(guard.failed)
		if rest := withoutGoodbye(late, p.Goodbye); len(rest) > 0 {
			errs = append(errs, fmt.Errorf("%d bytes reached the target after the record had failed: %.80q", len(rest), rest))
		}
	}
	return guard, errors.Join(errs...)
}

func withoutGoodbye(b, goodbye []byte) []byte {
	for len(goodbye) > 0 && bytes.HasPrefix(b, goodbye) {
		b = b[len(goodbye):]
	}
	return b
}

// denials: a denial is an answer like any other: in its place, with the
// operation's id, and the session goes on.
func denials(t testing.TB, p *Plugin) {
	s := start(t, p)
	c, _ := s.agent(t)
	want := s.must(t, c, p.Read)
	before := s.back.wrote()
	if _, err := c.Do(s.soon(t), p.Denied); err == nil {
		t.Errorf("%q was not denied", p.Denied)
	}
	if n := s.back.wrote() - before; n > 0 {
		t.Errorf("%d bytes reached the target for %q, which is denied", n, p.Denied)
	}
	ops := []string{p.Read, p.Denied, p.Read, p.Write, p.Denied, p.Denied, p.Read}
	var results []Result
	if pl, ok := c.(Pipeliner); ok {
		results = pl.Pipeline(s.soon(t), ops)
	} else {
		for _, op := range ops {
			v, err := c.Do(s.soon(t), op)
			results = append(results, Result{v, err})
		}
	}
	if len(results) != len(ops) {
		t.Fatalf("%d operations in a row got %d results", len(ops), len(results))
	}
	for i, r := range results {
		switch {
		case ops[i] == p.Denied && r.Err == nil:
			t.Errorf("operation %d of a row, %q, was not denied; its result is %.80q", i+1, ops[i], r.Value)
		case ops[i] != p.Denied && r.Err != nil:
			t.Errorf("operation %d of a row, %q, fails: %v", i+1, ops[i], r.Err)
		case ops[i] == p.Read && !bytes.Equal(r.Value, want):
			t.Errorf("operation %d of a row, %q, has the result %.80q, not %.80q", i+1, ops[i], r.Value, want)
		}
	}
	for _, r := range results {
		if r.Err != nil && !strings.Contains(r.Err.Error(), s.ops()[0].Session+".") {
			t.Errorf("the denial %q does not name the operation", r.Err)
		}
	}
	refused := 0
	for _, op := range s.ops() {
		if op.Decision.Verdict == protocol.Deny {
			refused++
			if op.Outcome == nil || op.Outcome.Result != protocol.Refused {
				t.Errorf("the record does not say that %q was denied: %v", op.Text, op.Outcome)
			}
		}
	}
	if refused < 4 {
		t.Errorf("four operations were denied; the record has %d", refused)
	}
}
