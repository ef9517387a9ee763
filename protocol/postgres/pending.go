package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// canceller lets a cancel request withdraw what waits for a person.
type canceller struct {
	mu       sync.Mutex
	withdraw context.CancelFunc
	happened bool
}

func (c *canceller) set(withdraw context.CancelFunc) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.withdraw, c.happened = withdraw, false
}

// clear takes the function back and reports whether it was called.
func (c *canceller) clear() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.withdraw = nil
	return c.happened
}

func (c *canceller) call() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.withdraw == nil {
		return false
	}
	c.withdraw()
	c.happened = true
	return true
}

// cancelled returns what a cancel request does: it withdraws what waits for a
// person, or else asks the target to cancel.
func (s *session) cancelled(pid uint32, key []byte) func(context.Context) error {
	return func(ctx context.Context) error {
		if s.pending.call() {
			return s.gate.Note("cancel", "the client withdrew the operation that waited")
		}
		if len(key) == 0 {
			return errors.New("the target gave no key for cancel requests")
		}
		list, err := s.gate.Begin(ctx, nil, protocol.Operation{
			Verb: "cancel", Text: "cancel what is under way, as the client asks", Origin: protocol.OriginGateway,
		})
		if err != nil {
			return err
		}
		ctx, stop := context.WithTimeout(ctx, s.plugin.config.LoginTimeout)
		defer stop()
		conn, err := s.gate.Dial(ctx, protocol.Endpoint{})
		if err == nil {
			defer conn.Close()
			err = login.Cancel(ctx, conn, s.gate.Target(), s.credential, pid, key)
		}
		if err != nil {
			return errors.Join(err, list[0].End(protocol.Outcome{Result: protocol.Unknown, Text: "the cancel request failed"}))
		}
		return list[0].End(protocol.Outcome{Result: protocol.OK})
	}
}

// abandon asks the target to stop what it has under way when the session ends
// before it has answered: a target notices that its client is gone only when
// it has something to say.
func (s *session) abandon(cause error) {
	if _, idle := s.queue.idle(); idle || len(s.targetKey) == 0 || errors.Is(cause, errTargetLost) {
		return
	}
	// The session's context is over; the gateway's grace is short.
	ctx, stop := context.WithTimeout(context.WithoutCancel(s.gate.Context()), time.Second)
	defer stop()
	if err := s.gate.Note("cancel", "the session ended while the target was at work; it is asked to stop"); err != nil {
		return
	}
	conn, err := s.gate.Dial(ctx, protocol.Endpoint{})
	if err == nil {
		defer conn.Close()
		err = login.Cancel(ctx, conn, s.gate.Target(), s.credential, s.targetPID, s.targetKey)
	}
	if err != nil {
		s.gate.Logger().Warn("the target could not be asked to stop what it was doing", "error", err)
	}
}

// begin has operations admitted. While a person is asked, it tells the client
// and reads ahead, so that a client that leaves withdraws its operation.
func (f *frontend) begin(ops ...protocol.Operation) ([]*protocol.Exchange, error) {
	if f.withdraw == nil {
		f.asking, f.withdraw = context.WithCancel(f.ctx)
	}
	var ahead *readAhead
	list, err := f.gate.Begin(f.asking, func(p protocol.Pending) {
		if ahead == nil {
			f.pending.set(f.withdraw)
			ahead = f.readAhead(f.withdraw)
		}
		f.notify(p)
	}, ops...)
	f.denialCode = codeDenied
	if ahead != nil {
		ahead.stop()
		f.withdraw()
		f.withdraw = nil
		if f.pending.clear() {
			f.denialCode = codeCanceled
		}
	}
	return list, err
}

// notify tells the client where its operation stands.
func (f *frontend) notify(p protocol.Pending) {
	text := fmt.Sprintf("operation %s waits for approval", p.ID)
	if p.Waited >= time.Second {
		text += fmt.Sprintf(" since %v", p.Waited.Round(time.Second))
	}
	m := wire.Message{
		Severity: wire.SeverityNotice, Code: "01000", Text: "sallyport: " + text,
		Detail: fmt.Sprintf("Rule %q asks %s; without an answer it is denied at %s.",
			p.Rule, strings.Join(p.Asked, ", "), p.Deadline.UTC().Format(time.RFC3339)),
		Hint: "Cancel the statement to withdraw it.",
	}
	f.emitting.Lock()
	defer f.emitting.Unlock()
	if f.midMessage {
		return // a row is on its way in pieces; nothing may come between
	}
	// If the client can't be told, reading ahead notices it too.
	_ = f.gate.Emit(protocol.Part{Kind: "gateway", Data: wire.AppendNotice(nil, m)})
}

// readAhead reads from the client while its operation waits, up to the size
// of the buffer. The message in hand stays as it is.
type readAhead struct {
	f    *frontend
	done chan struct{}
}

func (f *frontend) readAhead(gone context.CancelFunc) *readAhead {
	a := &readAhead{f: f, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		for {
			err := f.fromCl.FillAhead()
			switch {
			case err == nil:
				continue
			case errors.Is(err, wire.ErrFull), isTimeout(err):
			default:
				gone()
			}
			return
		}
	}()
	return a
}

// stop ends the reading; the buffer is the caller's again.
func (a *readAhead) stop() {
	_ = a.f.client.SetReadDeadline(longAgo)
	<-a.done
	_ = a.f.client.SetReadDeadline(time.Time{})
	if a.f.ctx.Err() != nil { // the session ended at the same moment
		_ = a.f.client.SetReadDeadline(longAgo)
	}
}

var longAgo = time.Unix(1, 0)
