package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

const (
	readAhead = 16  // commands that wait to be judged, of maxHead bytes each at most
	owed      = 256 // replies that the client waits for
)

var errClientGone = errors.New("the client left")

// session serves one client that is let in. Three goroutines: one reads
// commands, so that a client that leaves is noticed while a person is asked;
// run judges and forwards them; the third relays the replies, in order.
type session struct {
	s      *protocol.Session
	client net.Conn
	in     *bufio.Reader
	out    *writer
	target *target

	ctx    context.Context // ends when nobody waits for an answer any more
	cancel context.CancelCauseFunc
	failed sync.Once
	cause  error
}

// turn is one reply that the client waits for: the target's, to an exchange,
// or the gateway's own.
type turn struct {
	exchange *protocol.Exchange
	own      []byte
}

func newSession(s *protocol.Session, client net.Conn, in *bufio.Reader, out *writer, t *target) *session {
	ctx, cancel := context.WithCancelCause(s.Context())
	return &session{s: s, client: client, in: in, out: out, target: t, ctx: ctx, cancel: cancel}
}

func (s *session) run() error {
	stop := context.AfterFunc(s.s.Context(), func() { s.fail(context.Cause(s.s.Context())) })
	commands, turns := make(chan *command, readAhead), make(chan turn, owed)
	var work sync.WaitGroup
	work.Go(func() {
		defer close(commands)
		s.read(commands)
	})
	work.Go(func() { s.answer(turns) })
	for c := range commands {
		t, err := s.admit(c)
		if err != nil {
			s.fail(err)
			break
		}
		turns <- t
		if c.name == "quit" {
			break
		}
	}
	close(turns)
	s.cancel(errClientGone)
	if !s.out.broken() {
		// Whoever still waits for a reply reads on; who left does not.
		_ = s.target.conn.SetReadDeadline(time.Now().Add(time.Second))
	}
	_ = s.client.SetReadDeadline(time.Now()) // the reader may wait for more
	work.Wait()
	stop()
	s.fail(nil)
	return s.cause
}

// read reads commands until the client leaves or sends what is not RESP.
func (s *session) read(commands chan<- *command) {
	for {
		c, err := readCommand(s.in)
		switch {
		case errors.Is(err, errWire):
			s.fail(&protocol.Failure{Public: err.Error(), Err: err})
			return
		case err != nil:
			s.cancel(errClientGone)
			return
		}
		select {
		case commands <- c:
		case <-s.ctx.Done():
			return
		}
	}
}

// admit has a command judged and forwards it. The error ends the session.
func (s *session) admit(c *command) (turn, error) {
	switch c.name {
	case "quit":
		return turn{own: []byte("+OK\r\n")}, nil
	case "auth", "hello", "select", "reset":
		return turn{own: errorLine("ERR", c.name+" is not possible within a session of this gateway")}, nil
	}
	list, err := s.s.Begin(s.ctx, nil, c.operation(s.s.Masks()))
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		return turn{own: errorLine("DENIED", denied.Error())}, nil
	}
	if err != nil {
		return turn{}, err
	}
	if _, err := s.target.conn.Write(c.encode(nil)); err != nil {
		_ = list[0].End(protocol.Outcome{Result: protocol.Unknown})
		return turn{}, targetGone(err)
	}
	return turn{exchange: list[0]}, nil
}

// answer gives the client its replies. After a failure it only empties turns.
func (s *session) answer(turns <-chan turn) {
	r := &reply{in: s.target.in}
	for t := range turns {
		if s.out.broken() {
			continue
		}
		if err := s.turn(r, t); err != nil {
			s.fail(err)
		}
	}
}

func (s *session) turn(r *reply, t turn) error {
	if t.exchange == nil {
		return s.s.Emit(protocol.Part{Kind: "reply", Data: t.own})
	}
	r.masks = s.s.Masks()
	r.emit = func(p protocol.Part) error {
		s.out.begin()
		return t.exchange.Emit(p)
	}
	if err := r.relay(); err != nil {
		switch _, ok := errors.AsType[*protocol.Failure](err); {
		case errors.Is(err, os.ErrDeadlineExceeded):
			err = &protocol.Failure{Public: "the client left before the reply came", Err: errClientGone}
		case !ok:
			err = targetGone(err)
		}
		_ = t.exchange.End(protocol.Outcome{Result: protocol.Unknown, Text: protocol.Public(err)})
		return err
	}
	if err := t.exchange.Finish(r.part(), r.outcome); err != nil {
		return err
	}
	s.out.end()
	return nil
}

func targetGone(err error) error {
	return &protocol.Failure{Public: "the target is gone, or does not speak RESP2", Err: err}
}

// fail ends the session: err is told to the client, if it can be told, and the
// connections are closed, so that whoever waits for them returns. Only the
// first call counts; nil is an end in order.
func (s *session) fail(err error) {
	s.failed.Do(func() {
		s.cause = err
		s.cancel(err)
		reason := "the client left"
		if err != nil {
			reason = protocol.Public(err)
			s.out.farewell(errorLine("ERR", reason))
		}
		s.client.Close()
		s.target.conn.Close()
		_ = s.s.Close(reason)
	})
}

// writer is the client's side of the connection. It knows whether a reply is
// half written: then nothing else can be said.
type writer struct {
	conn net.Conn
	mu   sync.Mutex
	half bool
	over bool
}

// Write implements io.Writer; the engine calls it.
func (w *writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return 0, io.ErrClosedPipe
	}
	return w.conn.Write(p)
}

func (w *writer) begin() { w.set(true) }
func (w *writer) end()   { w.set(false) }

func (w *writer) set(half bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.half = half
}

func (w *writer) broken() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.over
}

// farewell writes last words, unless the client does not take them at once.
func (w *writer) farewell(words []byte) {
	_ = w.conn.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)) // also frees a Write that waits
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	if !w.half {
		_, _ = w.conn.Write(words)
	}
}
