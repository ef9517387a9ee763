package proxytest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/approve"
)

// People is an approve.Approver that answers by script and keeps what it was
// asked.
type People struct {
	name string

	mu      sync.Mutex
	script  []func(context.Context, approve.Request) (approve.Answer, error)
	asked   []approve.Request
	left    int
	changed chan struct{}
}

// NewPeople returns an approver of that name that answers nothing: who is
// asked without a script waits until the question is withdrawn.
func NewPeople(name string) *People {
	return &People{name: name, changed: make(chan struct{})}
}

// Name implements approve.Approver.
func (p *People) Name() string { return p.name }

// Approve answers the next question with yes.
func (p *People) Approve() *People { return p.Answer(true, "") }

// Deny answers the next question with no, for a reason.
func (p *People) Deny(reason string) *People { return p.Answer(false, reason) }

// Answer answers the next question.
func (p *People) Answer(approved bool, reason string) *People {
	return p.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
		return approve.Answer{Digest: q.Digest, Approved: approved, By: p.name, Reason: reason}, nil
	})
}

// Next has answer called for the next question.
func (p *People) Next(answer func(context.Context, approve.Request) (approve.Answer, error)) *People {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = append(p.script, answer)
	return p
}

// Ask implements approve.Approver.
func (p *People) Ask(ctx context.Context, q approve.Request) (approve.Answer, error) {
	p.mu.Lock()
	p.asked = append(p.asked, q)
	var answer func(context.Context, approve.Request) (approve.Answer, error)
	if len(p.script) > 0 {
		answer, p.script = p.script[0], p.script[1:]
	}
	p.tell()
	p.mu.Unlock()
	if answer != nil {
		return answer(ctx, q)
	}
	<-ctx.Done()
	p.mu.Lock()
	p.left++
	p.tell()
	p.mu.Unlock()
	return approve.Answer{}, ctx.Err()
}

func (p *People) tell() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Asked returns the questions so far.
func (p *People) Asked() []approve.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Withdrawn returns how many questions without a script were withdrawn.
func (p *People) Withdrawn() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

// WaitAsked waits until there were n questions, and fails the test where that
// takes more than ten seconds.
func (p *People) WaitAsked(t testing.TB, n int) []approve.Request {
	t.Helper()
	if !p.await(func() bool { return len(p.asked) >= n }) {
		t.Fatalf("proxytest: %s was asked %d times, not %d", p.name, len(p.Asked()), n)
	}
	return p.Asked()
}

// WaitWithdrawn waits until n questions without a script were withdrawn, and
// fails the test where that takes more than ten seconds.
func (p *People) WaitWithdrawn(t testing.TB, n int) {
	t.Helper()
	if !p.await(func() bool { return p.left >= n }) {
		t.Fatalf("proxytest: %d questions to %s were withdrawn, not %d", p.Withdrawn(), p.name, n)
	}
}

// await waits until what, called with the lock held, is true.
func (p *People) await(what func() bool) bool {
	timeout := time.NewTimer(10 * time.Second)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		done, changed := what(), p.changed
		p.mu.Unlock()
		if done {
			return true
		}
		select {
		case <-changed:
		case <-timeout.C:
			return false
		}
	}
}
