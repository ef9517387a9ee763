package sftp

import (
	"errors"
	"sync"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// maxRefused is how many refusals of the gateway's own are operations in the
// record; further ones are counted.
const maxRefused = 32

// refusals counts what the gateway refuses by itself, so that a client cannot
// flood the record with it.
type refusals struct {
	mu   sync.Mutex
	seen map[string]bool
	n    int
	over int
}

// first reports whether a refusal is to be recorded: once for each kind and
// reason.
func (f *refusals) first(what string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seen == nil {
		f.seen = map[string]bool{}
	}
	if f.seen[what] || f.n >= maxRefused {
		f.over++
		return false
	}
	f.seen[what] = true
	f.n++
	return true
}

func (f *refusals) more() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.over
}

// refuse answers a request that the gateway does not carry out, whatever the
// rules say. mine says that the request has entered its id.
func (r *relay) refuse(run *sending, q *wire.Request, code wire.Code, words string, mine bool) error {
	if err := r.flushSending(run); err != nil {
		return err
	}
	name := q.Kind.String()
	if q.Kind == wire.Extended {
		name = "extended " + quoted(q.Extension[:min(len(q.Extension), 64)])
	}
	if r.refused.first(name + "\x00" + words) {
		_, err := r.s.Begin(r.ctx, nil, protocol.Operation{
			Verb: "sftp.unknown", Text: text(r.s.Masks(), name), Effects: protocol.Everything, Parent: r.parent, Refuse: words,
			Key: protocol.OperationKey([]byte(name)),
		})
		if _, ok := errors.AsType[*protocol.Denied](err); !ok {
			return cmpErr(err, errors.New("sftp: the engine admitted what was refused"))
		}
	}
	status := wire.AppendStatus(nil, q.ID, code, words)
	if mine {
		return r.answer(q.ID, "gateway", status)
	}
	return r.say("gateway", status)
}

// redacted returns a copy of b in which the masks hid what they found, or b
// itself, and how many places they hid.
func redacted(m *mask.Set, b []byte) ([]byte, int) {
	if !m.Suspect(b) {
		return b, 0
	}
	c := append([]byte(nil), b...)
	n := m.Redact(c)
	return c, n
}

func text(m *mask.Set, s string) string {
	b, _ := redacted(m, []byte(s))
	return string(b)
}
