package sftp

import (
	"context"
	"slices"
	"sync"
)

// turns orders what names paths, as the client sent it: what may change where
// a path leads is alone between its look-up and its answer, so that no request
// of the same channel comes between the judgement of another and its effect.
// What changes nothing goes together.
type turns struct {
	mu    sync.Mutex
	queue []*turn
}

type turn struct {
	alone bool
	mine  chan struct{} // closed when it is this one's turn
	had   bool
}

// enqueue takes a place at the end.
func (t *turns) enqueue(alone bool) *turn {
	n := &turn{alone: alone, mine: make(chan struct{})}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.queue = append(t.queue, n)
	t.grant()
	return n
}

// wait waits for the turn.
func (n *turn) wait(ctx context.Context) error {
	select {
	case <-n.mine:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// leave gives the place up; it may be called again.
func (t *turns) leave(n *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i := slices.Index(t.queue, n); i >= 0 {
		t.queue = slices.Delete(t.queue, i, i+1)
		t.grant()
	}
}

func (t *turns) grant() {
	for i, n := range t.queue {
		if n.alone && i > 0 {
			return
		}
		if !n.had {
			n.had = true
			close(n.mine)
		}
		if n.alone {
			return
		}
	}
}
