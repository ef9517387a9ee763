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
// session: its client may leave meanwhile.
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

// waiting is one call that is to be admitted.
type waiting struct {
	room *waitingRoom
	key  waitKey

	done chan struct{} // nil until a person is asked; closed when it was decided
	x    *protocol.Exchange
	err  error

	// Guarded by waitingRoom.mu.
	visitors []*call     // requests that wait for it, the latest last
	taken    bool        // one of them carries x out, or nobody ever will
	by       []byte      // the signature of the one that does
	leaving  *time.Timer // runs while there is no visitor
	cancel   context.CancelFunc
}

// admit has op admitted, or joins the same call that waits already.
func (k *call) admit(op protocol.Operation) (*protocol.Exchange, error) {
	for {
		w := k.join(op)
		var err error
		if w != nil {
			err = k.stay(w)
		} else {
			w, err = k.begin(op)
		}
		if err == nil {
			err = w.err
		}
		if err != nil {
			return nil, k.repeated(op, err)
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

// join joins the same call that waits for a person; nil says that there is none.
func (k *call) join(op protocol.Operation) *waiting {
	room := &k.p.room
	room.mu.Lock()
	defer room.mu.Unlock()
	w := room.calls[waitKey{k.s.ID(), string(op.Key)}]
	if w == nil || w.taken {
		return nil
	}
	w.visitors = append(w.visitors, k)
	if w.leaving != nil {
		w.leaving.Stop()
		w.leaving = nil
	}
	return w
}

// begin begins a new call and returns when it was decided. One that writes must
// have a signature that was not used before. The call's own goroutine waits
// here, also where its client has left meanwhile: to wake up another one for
// each call would cost as much as to decide.
func (k *call) begin(op protocol.Operation) (*waiting, error) {
	if writes(op.Effects) && !k.signed {
		if !k.first() {
			return nil, errRepeated
		}
		k.signed = true
	}
	ctx, cancel := context.WithCancel(k.s.Context())
	defer cancel()
	w := &waiting{room: &k.p.room, key: waitKey{k.s.ID(), string(op.Key)}, err: errUndecided, cancel: cancel}
	var stayed chan error // what came of waiting for a person
	func() {
		defer w.decided()
		list, err := k.s.Begin(ctx, func(protocol.Pending) {
			if stayed != nil {
				return
			}
			stayed = make(chan error, 1)
			w.enter(k)
			go func() { stayed <- k.stay(w) }()
		}, op)
		if w.err = err; err == nil {
			w.x = list[0]
		}
	}()
	if stayed == nil {
		w.visitors = []*call{k}
		return w, nil
	}
	return w, <-stayed
}

// errUndecided is for a decision that panicked.
var errUndecided = errors.New("the operation was not decided")

// enter lets others join a call that waits for a person.
func (w *waiting) enter(k *call) {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	w.done, w.visitors = make(chan struct{}), []*call{k}
	if w.room.calls == nil {
		w.room.calls = map[waitKey]*waiting{}
	}
	w.room.calls[w.key] = w
}

// decided tells the visitors that a call was decided.
func (w *waiting) decided() {
	if w.done == nil {
		return
	}
	close(w.done)
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	switch {
	case w.err != nil:
		w.forget()
	case w.taken && len(w.visitors) == 0: // given up meanwhile
		w.notSent()
	}
}

// stay waits for a person's answer, or for the client to leave.
func (k *call) stay(w *waiting) error {
	k.waited = true
	k.listen()
	tick := time.NewTicker(k.p.room.interval())
	defer tick.Stop()
	for {
		select {
		case <-w.done:
			return nil
		case <-tick.C:
			if k.r.ProtoAtLeast(1, 1) {
				k.w.WriteHeader(http.StatusContinue)
			}
		case <-k.r.Context().Done():
			w.leave(k, k.p.config.Patience)
			return context.Cause(k.r.Context())
		}
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
// while.
func (w *waiting) leave(k *call, patience time.Duration) {
	w.room.mu.Lock()
	defer w.room.mu.Unlock()
	w.without(k)
	if len(w.visitors) > 0 || w.taken {
		return
	}
	w.leaving = time.AfterFunc(patience, w.giveUp)
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
