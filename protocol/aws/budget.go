package aws

import (
	"context"
	"sync"
	"time"
)

// budget bounds how many bytes of bodies are held whole at once, for each
// owner apart: one client cannot take the memory of others. Who asks for more
// than is left waits.
type budget struct {
	limit    int64         // for one owner
	patience time.Duration // of calls that wait; zero means holdTime

	mu     sync.Mutex
	owners map[string]*spending
}

// spending is one owner's part.
type spending struct {
	held  int64
	users int           // that hold, or wait
	freed chan struct{} // closed when something was given back; nil while nobody waits
}

// take waits for n bytes, at most the limit, until ctx ends or its patience
// does. What it returns gives them back, and is called once.
func (b *budget) take(ctx context.Context, owner string, n int64) (giveBack func(), err error) {
	n = min(n, b.limit)
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.owners[owner]
	if s == nil {
		if b.owners == nil {
			b.owners = map[string]*spending{}
		}
		s = new(spending)
		b.owners[owner] = s
	}
	s.users++
	if s.held+n > b.limit {
		if err := b.wait(ctx, s, n); err != nil {
			b.leave(owner, s)
			return nil, err
		}
	}
	s.held += n
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s.held -= n
		if s.freed != nil {
			close(s.freed)
			s.freed = nil
		}
		b.leave(owner, s)
	}, nil
}

// wait returns once there is room for n bytes; the caller holds mu.
func (b *budget) wait(ctx context.Context, s *spending, n int64) error {
	patience := b.patience
	if patience == 0 {
		patience = holdTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errBusy)
	defer cancel()
	for s.held+n > b.limit {
		if s.freed == nil {
			s.freed = make(chan struct{})
		}
		freed := s.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
		}
		b.mu.Lock()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

// leave forgets an owner that nobody asks for any more; the caller holds mu.
func (b *budget) leave(owner string, s *spending) {
	if s.users--; s.users == 0 {
		delete(b.owners, owner)
	}
}
