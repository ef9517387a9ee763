package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// session relays between one client and the target, once both are logged in.
type session struct {
	plugin     *Plugin
	gate       *protocol.Session
	client     net.Conn
	target     net.Conn
	fromCl     *wire.Reader
	fromTg     *wire.Reader
	queue      *queue
	guards     *guards // what is masked; keeps up with updates
	pending    canceller
	credential Login
	targetPID  uint32
	targetKey  []byte // what a cancel request to the target must name

	// emitting is held around what the gateway writes to the client, so that
	// no message of its own lands inside one that comes in pieces.
	emitting   sync.Mutex
	midMessage bool
	// left says that the client has said goodbye: the target closes then.
	left atomic.Bool
	// fatal says that the target has told the client why the session ends.
	fatal bool
}

// The buffers for each direction: a read batch is relayed with one write.
// Results come in bulk, statements do not.
const (
	readSize   = 16 << 10
	resultSize = 64 << 10
)

// maxControl is the largest message of the target that is not rows: errors,
// notices, row descriptions.
const maxControl = 4 << 20

// errTerminate ends a session in order: the client said goodbye.
var errTerminate = errors.New("client terminated")

// run relays until one side ends. It returns once both directions stopped.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	// Whatever ends the session, both blocked reads and writes must return.
	wake := func() {
		_ = s.client.SetReadDeadline(longAgo)
		_ = s.target.SetReadDeadline(longAgo)
		soon := time.Now().Add(300 * time.Millisecond)
		_ = s.client.SetWriteDeadline(soon)
		_ = s.target.SetWriteDeadline(soon)
		s.queue.close()
	}
	stopGate := context.AfterFunc(s.gate.Context(), func() { cancel(context.Cause(s.gate.Context())) })
	defer stopGate()
	stopWake := context.AfterFunc(ctx, wake)
	defer stopWake()

	down := make(chan error, 1)
	go func() {
		b := &backend{session: s}
		err := b.run()
		cancel(err)
		down <- err
	}()
	f := &frontend{session: s, ctx: ctx, group: 1}
	err := f.run()
	cancel(err)
	<-down
	return context.Cause(ctx)
}

// ended reports whether err is how a connection ends that the other side, or
// the session's end, has closed.
func ended(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || isTimeout(err)
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
