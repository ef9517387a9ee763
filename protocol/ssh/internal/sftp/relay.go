package sftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

const (
	// maxRequests is how many requests of the client may be unanswered; then
	// no more is read until one is.
	maxRequests = 1024
	// maxNamed is how many of them may be on their way to being admitted.
	maxNamed = 64
	// maxHandles is how many handles may be open.
	maxHandles = 1024
	// maxPath is the longest path that is taken; Linux takes none longer.
	maxPath = 4096
	// maxWords is how much of a target's words an outcome has.
	maxWords = 1024
	// maxAhead is how much content all handles together hold back until what
	// comes before it in the file has come, for the digests.
	maxAhead = 4 << 20
)

// Stream is one side of the subsystem. A *ssh.Channel of golang.org/x/crypto
// is one. Close must make a Read or Write that is under way return, sooner or
// later.
type Stream interface {
	io.Reader
	io.Writer
	// CloseWrite says that nothing more will be written.
	CloseWrite() error
	Close() error
}

// Options are what a caller may choose.
type Options struct {
	// Content says up to how many bytes of what is written to a file, or read
	// from it, are recorded as they are; what is beyond is recorded by length
	// and digest. Whole packets count. Nil means none. It is called from
	// several goroutines at once, with the path as the target resolved it.
	Content func(path string, write bool) int64
	// Waiting, where not nil, is called while a person is asked, as by
	// [protocol.Session.Begin], from several goroutines at once.
	Waiting func(protocol.Pending)
}

// ErrTargetLost: the target ended the subsystem while the client was there.
var ErrTargetLost = errors.New("sftp: the target has ended the subsystem")

// Relay carries one sftp subsystem between a client and the target, until both
// sides are through. The caller has had the channel's operation admitted; its
// exchange is parent.
//
// A nil error means that the client ended its side, everything it had asked
// for was answered, and the target then ended too; both streams are left open
// in the other direction, so that an exit status can follow. With any other
// error both streams have been closed. Errors are for logs: they hold no
// content and no paths.
//
// After the client has ended its side, Relay waits for what the target still
// owes as long as ctx lasts: a caller that sees the client's channel closed, and
// not only ended, cancels ctx.
//
// Relay returns once its writes have returned. A read of the client's stream
// may still be under way then; it ends when the caller closes the stream, and
// nothing is done with what it read.
func Relay(ctx context.Context, s *protocol.Session, parent protocol.ExchangeID, client, target Stream, o Options) error {
	r := newRelay(ctx, s, parent, client, target, o)
	defer r.cancel(nil)
	// What is stuck in a write is freed when ctx ends.
	defer context.AfterFunc(r.ctx, r.close)()
	defer r.part()
	var digesting sync.WaitGroup
	digesting.Go(r.sums.run)
	digesting.Go(r.gots.run)
	defer digesting.Wait()
	defer close(r.sums.jobs)
	defer close(r.gots.jobs)
	r.up.start()
	r.down.start()
	err := r.greet()
	if err == nil {
		err = r.carryAll()
	}
	if err != nil {
		r.fail(err)
	}
	if err = r.wait(); err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // what else failed, failed because of it
	}
	return err
}

// relay is one Relay call.
type relay struct {
	s       *protocol.Session
	parent  protocol.ExchangeID
	options Options
	client  Stream
	target  Stream
	up      *source   // from the client
	down    *source   // from the target
	sums    *digester // of what was written
	gots    *digester // of what was read
	out     *packets
	in      *packets

	ctx    context.Context // ends with the first error
	cancel context.CancelCauseFunc
	// here ends when the client has nothing more to say: what waits for a
	// person is withdrawn.
	here context.Context
	gone context.CancelFunc

	own    *protocol.Exchange // the gateway's own look-ups
	home   string             // absolute, as the target says
	limits []byte             // the target's answer to limits@openssh.com
	offers map[wire.Kind]bool // extensions of the target

	work  sync.WaitGroup // goroutines that forward or emit
	named chan struct{}  // holds one for each operation being admitted
	turns turns
	ahead atomic.Int64 // what is left of maxAhead

	mu      sync.Mutex
	changed *sync.Cond
	table   table
	ids     map[uint32]struct{} // the client's, unanswered
	handles map[string]*handle
	opening int // OPENs and OPENDIRs on their way

	refused refusals

	batch []byte     // of the client, being dealt with
	first []byte     // what stood behind its INIT
	reply wire.Hello // what the client is greeted with
}

func newRelay(ctx context.Context, s *protocol.Session, parent protocol.ExchangeID, client, target Stream, o Options) *relay {
	r := &relay{
		s: s, parent: parent, options: o, client: client, target: target,
		out: &packets{w: client}, in: &packets{w: target},
		named: make(chan struct{}, maxNamed),
		ids:   map[uint32]struct{}{}, handles: map[string]*handle{}, offers: map[wire.Kind]bool{},
	}
	r.changed = sync.NewCond(&r.mu)
	r.ahead.Store(maxAhead)
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	r.here, r.gone = context.WithCancel(r.ctx)
	r.up = newSource(r.ctx, client, r.gone)
	r.down = newSource(r.ctx, target, func() {})
	r.sums, r.gots = newDigester(r.up), newDigester(r.down)
	return r
}

// packets writes whole packets.
type packets struct {
	mu sync.Mutex
	w  io.Writer
}

// Write implements io.Writer.
func (p *packets) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.w.Write(b)
}

// fail ends everything because of err; the first one counts.
func (r *relay) fail(err error) {
	r.cancel(err)
	r.close()
}

func (r *relay) close() {
	_ = r.client.Close()
	_ = r.target.Close()
}

// carryAll carries packets both ways until the client is through, or something
// fails.
func (r *relay) carryAll() error {
	stop := context.AfterFunc(r.ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.changed.Broadcast()
	})
	defer stop()
	answered := make(chan error, 1)
	r.work.Go(func() {
		err := r.answers()
		if err != nil {
			r.fail(err)
		}
		answered <- err
	})
	if err := r.prepare(); err != nil {
		return err
	}
	if err := r.requests(); err != nil {
		return err
	}
	// What the client had asked for is answered before the target hears that
	// no more comes: some servers leave at once then.
	r.gone()
	if !r.settled() {
		return context.Cause(r.ctx)
	}
	if err := r.target.CloseWrite(); err != nil && r.ctx.Err() == nil {
		return fmt.Errorf("end towards the target: %w", err)
	}
	return <-answered
}

// settled waits until nothing is owed to anyone; false means that something
// failed first.
func (r *relay) settled() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.ids) > 0 || r.table.used > 0 {
		if r.ctx.Err() != nil {
			return false
		}
		r.changed.Wait()
	}
	return r.ctx.Err() == nil
}

// wait waits for all goroutines and returns the first error.
func (r *relay) wait() error {
	r.work.Wait()
	if r.ctx.Err() == nil {
		return nil
	}
	return context.Cause(r.ctx)
}

// send writes packets to the target.
func (r *relay) send(b []byte) error {
	if r.ctx.Err() != nil {
		return context.Cause(r.ctx)
	}
	if _, err := r.in.Write(b); err != nil {
		return r.lost(err)
	}
	return nil
}

// say emits packets of the gateway's own, or such that belong to no exchange.
func (r *relay) say(kind string, b []byte) error {
	return r.s.EmitTo(r.out, protocol.Part{Kind: kind, Data: b})
}

// part ends what is still open.
func (r *relay) part() {
	text := "the client left without closing it"
	err := context.Cause(r.ctx)
	if err != nil {
		text = "the channel broke off"
	}
	if errors.Is(err, ErrTargetLost) {
		text = "the target went away"
	}
	r.mu.Lock()
	open, owed := r.handles, r.table.leave()
	r.handles = map[string]*handle{}
	r.mu.Unlock()
	for _, s := range owed {
		switch {
		case s.op != nil:
			_ = s.op.x.End(protocol.Outcome{Result: protocol.Unknown, Text: text})
		case s.h != nil && s.h.closing:
			_ = s.h.end(protocol.Outcome{Result: protocol.Unknown}, text)
		}
	}
	for _, h := range open {
		o := protocol.Outcome{Result: protocol.Unknown}
		if err == nil && !h.writes {
			o.Result = protocol.OK
		}
		_ = h.end(o, text)
	}
	if r.own != nil {
		_ = r.own.End(protocol.Outcome{Result: protocol.OK})
	}
	if n := r.refused.more(); n > 0 {
		_ = r.s.Note("sftp", fmt.Sprintf("%d more requests were refused by the gateway and are in no operation of their own", n))
	}
}
