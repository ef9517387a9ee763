package ssh

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"sync"

	"github.com/sallyport/sallyport/protocol"
)

// moved counts and digests what moved in one direction.
type moved struct {
	where string
	mu    sync.Mutex // more may come while the end is recorded
	n     int64
	sum   hash.Cloner
}

func newMoved(where string) *moved {
	return &moved{where: where, sum: sha256.New().(hash.Cloner)}
}

// beside digests p while forward is under way, and counts it where that
// succeeds. One goroutine at a time calls it.
func (d *moved) beside(p []byte, forward func() error) error {
	if d == nil {
		return forward()
	}
	next, err := d.sum.Clone()
	if err != nil {
		return err
	}
	digested := make(chan struct{})
	go func() {
		next.Write(p)
		close(digested)
	}()
	err = forward()
	<-digested
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sum, d.n = next, d.n+int64(len(p))
	return nil
}

func (d *moved) String() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("sha256:%x %d bytes %s", d.sum.Sum(nil), d.n, d.where)
}

// input carries standard input to the target.
func (m *process) input() {
	forward := func(p []byte) error {
		_, err := m.to.Write(p)
		return err
	}
	part := protocol.Part{Kind: "stdin"}
	carry, end := func(p []byte) error {
		part.Data = p
		if err := m.x.Input(part); err != nil {
			return err
		}
		return m.in.beside(p, func() error { return forward(p) })
	}, func() error { return nil }
	switch {
	case m.kind.files, m.kind.terminal && !m.ch.c.config.RawInput:
		part.Withheld, part.Digested = true, m.kind.files
	case m.masks.Detects(): // in the record; the target gets what the client sent
		var sent []byte
		v := newVeil(m.masks, func(p []byte, hidden int) error {
			if err := m.x.Input(protocol.Part{Kind: "stdin", Data: p, Masked: hidden}); err != nil {
				return err
			}
			err := forward(sent[:len(p)])
			sent = append(sent[:0], sent[len(p):]...)
			return err
		}, m.broken)
		carry, end = func(p []byte) error {
			v.mu.Lock()
			sent = append(sent, p...)
			v.mu.Unlock()
			return v.next(p)
		}, v.end
	}
	err := pump(m.ch.client, func(p []byte) error {
		m.ch.c.heard(&m.ch.c.heardClient)
		return carry(p)
	})
	if err == nil {
		err = end()
	}
	if err != nil {
		m.broken(err)
		return
	}
	_ = m.to.CloseWrite()
}

// output carries one of the target's streams to the client.
func (m *process) output(from io.Reader, to io.Writer, kind string) {
	emit := func(p protocol.Part) error { return m.x.EmitTo(to, p) }
	if kind == "stderr" { // on which the gateway speaks too
		emit = func(p protocol.Part) error {
			m.ch.errs.Lock()
			defer m.ch.errs.Unlock()
			return m.x.EmitTo(to, p)
		}
	}
	carry, end := func(p []byte) error {
		return emit(protocol.Part{Kind: kind, Data: p})
	}, func() error { return nil }
	switch {
	case m.kind.files && kind == "stdout":
		carry = func(p []byte) error {
			return m.out.beside(p, func() error {
				return emit(protocol.Part{Kind: kind, Data: p, Withheld: true, Digested: true})
			})
		}
	case m.masks.Detects():
		v := newVeil(m.masks, func(p []byte, hidden int) error {
			return emit(protocol.Part{Kind: kind, Data: p, Masked: hidden})
		}, m.broken)
		carry, end = v.next, v.end
	}
	err := pump(from, func(p []byte) error {
		m.ch.c.heard(&m.ch.c.heardTarget)
		return carry(p)
	})
	if err == nil {
		err = end()
	}
	if err != nil {
		m.broken(err)
		_, _ = io.Copy(io.Discard, from) // what is under way must not fill the window
	}
}
