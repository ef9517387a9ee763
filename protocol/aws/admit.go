package aws

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// stillHere is how often a client is told that its call is being looked at:
// the read timeouts of clients are a minute, some of them less.
const stillHere = 5 * time.Second

// waitingRoom holds the calls that wait to be admitted. A client that loses
// patience sends its call again: that joins the one that waits, so that people
// are asked once and the call is made once. A call waits on behalf of its
// session: its connection may end meanwhile.
type waitingRoom struct {
	mu    sync.Mutex
	calls map[waitKey]*waiting
}

type waitKey struct{ session, op string }

// waiting is one call that waits.
type waiting struct {
	room   *waitingRoom
	key    waitKey
	asking atomic.Bool // a person is asked

	done chan struct{} // closed when it was decided; x and err are set before
	x    *protocol.Exchange
	err  error

	// Guarded by waitingRoom.mu.
	visitors int         // requests that wait for it
	taken    bool        // one of them carries x out, or nobody ever will
	leaving  *time.Timer // runs while there is no visitor
	cancel   context.CancelFunc
}

// admit has op admitted, or joins the same call that waits already.
func (k *call) admit(op protocol.Operation) (*protocol.Exchange, error) {
	tick := time.NewTicker(stillHere)
	defer tick.Stop()
	for {
		w, err := k.wait(op)
		if err != nil {
			return nil, err
		}
		for here := true; here; {
			select {
			case <-w.done:
				here = false
			case <-tick.C:
				if w.asking.Load() && k.r.ProtoAtLeast(1, 1) {
					k.w.WriteHeader(http.StatusContinue)
				}
			case <-k.r.Context().Done():
				w.leave(k.p.config.Patience)
				return nil, context.Cause(k.r.Context())
			}
		}
		if w.err != nil {
			return nil, w.err
		}
		if w.take() {
			return w.x, nil
		}
		// Another request took it: this one is a call of its own.
	}
}

// wait joins the same call that waits, or lets a new one wait. A new call that
// writes must have a signature that was not used before.
func (k *call) wait(op protocol.Operation) (*waiting, error) {
	room, key := &k.p.room, waitKey{k.s.ID(), string(op.Key)}
	room.mu.Lock()
	defer room.mu.Unlock()
	if w := room.calls[key]; w != nil && w.asking.Load() && !w.taken {
		w.visitors++
		if w.leaving != nil {
			w.leaving.Stop()
			w.leaving = nil
		}
		return w, nil
	}
	if writes(op.Effects) && !k.p.guard.First(k.claim.Signature, k.claim.Until(sigv4.Options{})) {
		return nil, errRepeated
	}
	ctx, cancel := context.WithCancel(k.s.Context())
	w := &waiting{room: room, key: key, done: make(chan struct{}), visitors: 1, cancel: cancel}
	if room.calls == nil {
		room.calls = map[waitKey]*waiting{}
	}
	room.calls[key] = w
	s := k.s
	go func() {
		list, err := s.Begin(ctx, func(protocol.Pending) { w.asking.Store(true) }, op)
		if w.err = err; err == nil {
			w.x = list[0]
		}
		close(w.done)
		room.mu.Lock()
		defer room.mu.Unlock()
		switch {
		case err != nil:
			w.forget()
		case w.taken && w.visitors == 0: // given up meanwhile
			w.notSent()
		}
	}()
	return w, nil
}

// take reports whether the exchange is the caller's to carry out.
func (w *waiting) take() bool {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	if w.taken {
		return false
	}
	w.taken = true
	w.forget()
	return true
}

// leave is for a request whose client has left. The call goes on waiting for a
// while where a person is asked.
func (w *waiting) leave(patience time.Duration) {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	if w.visitors--; w.visitors > 0 || w.taken {
		return
	}
	if w.asking.Load() {
		w.leaving = time.AfterFunc(patience, w.giveUp)
		return
	}
	w.abandon()
}

func (w *waiting) giveUp() {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	if w.visitors == 0 && !w.taken {
		w.abandon()
	}
}

// abandon withdraws a call that nobody waits for; the caller holds room.mu.
func (w *waiting) abandon() {
	w.taken = true
	w.forget()
	w.cancel()
	select {
	case <-w.done:
		w.notSent()
	default: // Begin is about to return
	}
}

// forget takes w out of the room; the caller holds room.mu.
func (w *waiting) forget() {
	if w.room.calls[w.key] == w {
		delete(w.room.calls, w.key)
	}
}

func (w *waiting) notSent() {
	if w.x != nil {
		_ = w.x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the client has left"})
	}
}
