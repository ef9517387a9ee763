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
	freed chan struct{} // closed, and made anew, when something was given back
}

// take waits for n bytes, at most the limit, until ctx ends. What it returns
// gives them back, and is called once.
func (b *budget) take(ctx context.Context, owner string, n int64) (giveBack func(), err error) {
	n = min(n, b.limit)
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.owners[owner]
	if s == nil {
		if b.owners == nil {
			b.owners = map[string]*spending{}
		}
		s = &spending{freed: make(chan struct{})}
		b.owners[owner] = s
	}
	s.users++
	for s.held+n > b.limit {
		freed := s.freed
		b.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			err = context.Cause(ctx)
		}
		b.mu.Lock()
		if err != nil {
			b.leave(owner, s)
			return nil, err
		}
	}
	s.held += n
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		s.held -= n
		close(s.freed)
		s.freed = make(chan struct{})
		b.leave(owner, s)
	}, nil
}

// leave forgets an owner that nobody asks for any more; the caller holds mu.
func (b *budget) leave(owner string, s *spending) {
	if s.users--; s.users == 0 {
		delete(b.owners, owner)
	}
}
