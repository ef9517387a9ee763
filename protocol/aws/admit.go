package aws

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
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
	every time.Duration // zero means stillHere

	mu    sync.Mutex
	calls map[waitKey]*waiting
}

func (r *waitingRoom) interval() time.Duration {
	if r.every == 0 {
		return stillHere
	}
	return r.every
}

type waitKey struct{ session, op string }

// waiting is one call that waits.
type waiting struct {
	room  *waitingRoom
	key   waitKey
	asked chan struct{} // closed when a person is asked

	done chan struct{} // closed when it was decided; x and err are set before
	x    *protocol.Exchange
	err  error

	// Guarded by waitingRoom.mu.
	visitors []*call     // requests that wait for it, the latest last
	taken    bool        // one of them carries x out, or nobody ever will
	by       []byte      // the signature of the one that does
	leaving  *time.Timer // runs while there is no visitor
	cancel   context.CancelFunc
}

// asking reports whether a person is asked.
func (w *waiting) asking() bool {
	select {
	case <-w.asked:
		return true
	default:
		return false
	}
}

// admit has op admitted, or joins the same call that waits already.
func (k *call) admit(op protocol.Operation) (*protocol.Exchange, error) {
	var tick *time.Ticker // runs once a person is asked
	defer func() {
		if tick != nil {
			tick.Stop()
		}
	}()
	for {
		w, err := k.wait(op)
		if err != nil {
			return nil, k.repeated(op, err)
		}
		asked, still := w.asked, (<-chan time.Time)(nil)
		for here := true; here; {
			select {
			case <-w.done:
				here = false
			case <-asked:
				k.listen()
				if tick == nil {
					tick = time.NewTicker(k.p.room.interval())
				}
				asked, still = nil, tick.C
			case <-still:
				if k.r.ProtoAtLeast(1, 1) {
					k.w.WriteHeader(http.StatusContinue)
				}
			case <-k.r.Context().Done():
				w.leave(k, k.p.config.Patience)
				return nil, context.Cause(k.r.Context())
			}
		}
		k.waited = k.waited || w.asking()
		if w.err != nil {
			return nil, w.err
		}
		switch mine, late := w.take(k); {
		case mine:
			if writes(op.Effects) {
				// A retry that has joined did not use up its signature before.
				k.first()
			}
			return w.x, nil
		case late, bytes.Equal(w.by, k.claim.Signature):
			return nil, k.repeated(op, errRepeated)
		}
		// Another request took it: this one is a call of its own.
	}
}

// first reports whether the call's signature is new.
func (k *call) first() bool {
	p := k.who.Principal
	return k.p.guard.First(p.Issuer+"\x00"+p.Subject, k.claim.Signature, k.claim.Until(sigv4.Options{}))
}

// repeated records a call whose signature was used before as one that is
// refused; other errors it passes on.
func (k *call) repeated(op protocol.Operation, err error) error {
	if !errors.Is(err, errRepeated) {
		return err
	}
	to := k.refusal(err)
	op.Refuse = errRepeated.Error()
	_, denied := k.s.Begin(k.r.Context(), nil, op)
	return &misunderstood{to, denied}
}

// listen begins to read the body, so that it is noticed when the client leaves.
func (k *call) listen() {
	if k.ahead == nil && !k.whole && k.r.ProtoMajor == 1 && k.r.ContentLength != 0 {
		k.ahead = &ahead{ReadCloser: k.r.Body}
		k.r.Body = k.ahead
		k.r.Header.Del("Expect") // the client is told to send by that
		k.ahead.start()
	}
}

// silent reports whether the client could leave unnoticed: net/http looks at
// a connection only once the body on it was read.
func (k *call) silent() bool {
	return k.ahead != nil && !k.ahead.whole()
}

// wait joins the same call that waits, or lets a new one wait. A new call that
// writes must have a signature that was not used before.
func (k *call) wait(op protocol.Operation) (*waiting, error) {
	room, key := &k.p.room, waitKey{k.s.ID(), string(op.Key)}
	room.mu.Lock()
	defer room.mu.Unlock()
	if w := room.calls[key]; w != nil && w.asking() && !w.taken {
		w.visitors = append(w.visitors, k)
		if w.leaving != nil {
			w.leaving.Stop()
			w.leaving = nil
		}
		return w, nil
	}
	if writes(op.Effects) && !k.signed {
		if !k.first() {
			return nil, errRepeated
		}
		k.signed = true
	}
	ctx, cancel := context.WithCancel(k.s.Context())
	w := &waiting{room: room, key: key, asked: make(chan struct{}), done: make(chan struct{}), visitors: []*call{k}, cancel: cancel}
	if room.calls == nil {
		room.calls = map[waitKey]*waiting{}
	}
	room.calls[key] = w
	// The client may leave while a person thinks, and others may join: so nothing
	// of the call's own waits in Begin.
	go w.begin(ctx, k.s, op)
	return w, nil
}

// begin has the call decided.
func (w *waiting) begin(ctx context.Context, s *protocol.Session, op protocol.Operation) {
	defer w.cancel()
	list, err := s.Begin(ctx, func(protocol.Pending) {
		if !w.asking() {
			close(w.asked)
		}
	}, op)
	if w.err = err; err == nil {
		w.x = list[0]
	}
	close(w.done)
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	switch {
	case err != nil:
		w.forget()
	case w.taken && len(w.visitors) == 0: // given up meanwhile
		w.notSent()
	}
}

// take reports whether the exchange is k's to carry out. Of clients that may
// have left unnoticed only the latest has it: the others are late.
func (w *waiting) take(k *call) (mine, late bool) {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	last := w.visitors[len(w.visitors)-1]
	if k != last && k.silent() {
		w.without(k) // the latest may leave as well
		return false, true
	}
	if w.taken {
		return false, false
	}
	w.taken, w.by = true, k.claim.Signature
	w.forget()
	return true, false
}

// leave is for a request whose client has left. The call goes on waiting for a
// while where a person is asked.
func (w *waiting) leave(k *call, patience time.Duration) {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	w.without(k)
	if len(w.visitors) > 0 || w.taken {
		return
	}
	if w.asking() {
		w.leaving = time.AfterFunc(patience, w.giveUp)
		return
	}
	w.abandon()
}

// without takes k from the visitors; the caller holds room.mu.
func (w *waiting) without(k *call) {
	w.visitors = slices.DeleteFunc(w.visitors, func(o *call) bool { return o == k })
}

func (w *waiting) giveUp() {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	if len(w.visitors) == 0 && !w.taken {
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
