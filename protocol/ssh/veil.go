package ssh

import (
	"sync"
	"time"

	"github.com/sallyport/sallyport/mask"
)

// patience is how long a text that may become a secret waits for its rest.
const patience = 80 * time.Millisecond

// veil hides secrets in a text that comes in pieces. What may be the beginning
// of one waits a moment for its rest, and then goes on.
type veil struct {
	mu     sync.Mutex
	stream *mask.Stream
	pass   func(p []byte, hidden int) error
	late   *time.Timer
	err    error // of a piece that went on late
	broken func(error)
}

// newVeil returns a veil whose text goes on to pass; broken is told where that
// fails for a piece that was late.
func newVeil(masks *mask.Set, pass func(p []byte, hidden int) error, broken func(error)) *veil {
	return &veil{stream: masks.Stream(), pass: pass, broken: broken}
}

// next takes the next piece, and overwrites it.
func (v *veil) next(p []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.forward(v.stream.Next(p)); err != nil {
		return err
	}
	switch {
	case v.stream.Held() == 0:
		if v.late != nil {
			v.late.Stop()
		}
	case v.late == nil:
		v.late = time.AfterFunc(patience, v.release)
	default:
		v.late.Reset(patience)
	}
	return nil
}

func (v *veil) forward(out []byte, hidden int) error {
	if v.err == nil && len(out) > 0 {
		v.err = v.pass(out, hidden)
	}
	return v.err
}

// release lets go on what has waited for long enough.
func (v *veil) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.err != nil {
		return
	}
	if v.forward(v.stream.Release()) != nil {
		v.broken(v.err)
	}
}

// end lets go on what is left at the end of the text.
func (v *veil) end() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.late != nil {
		v.late.Stop()
	}
	return v.forward(v.stream.Flush())
}
