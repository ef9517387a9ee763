package proxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// endGrace is how long a plugin has to say goodbye natively after its session
// was ended, before its connections are closed.
const endGrace = 500 * time.Millisecond

// session is the engine's side of a protocol.Session.
//
// Locks are taken in the order output.mu, exchange.input.mu, session.recording,
// Gateway.mu, session.mu; any may be left out.
type session struct {
	gw      *Gateway
	l       *listener
	remote  string // where the client that opened it comes from
	id      string
	who     identity.Proven
	target  protocol.Target
	logger  *slog.Logger
	metrics *sessionMetrics
	opened  time.Time

	// lasting does not end with the session: what happened is recorded even
	// if the session ended meanwhile, so that the record has it for certain
	// or has failed.
	lasting context.Context
	ctx     context.Context
	cancel  context.CancelCauseFunc

	dialed dialed
	out    output // the session's one writer
	active atomic.Int64

	// recording is held for reading while an event is appended, and for
	// writing by the last one: nothing of a session stands behind its end.
	recording sync.RWMutex
	sealed    bool

	join  joinKey       // not zero where connections share the session
	ready chan struct{} // closed once its opening was recorded, or was not

	mu      sync.Mutex
	closed  bool
	conns   map[*clientConn]bool // that use the session
	linger  *time.Timer          // runs while a shared session has none
	next    protocol.ExchangeID
	open    map[protocol.ExchangeID]*exchange
	waiting map[string]bool
	grace   *time.Timer

	keys [][32]byte // control keys; guarded by Gateway.mu
}

func (s *session) ID() string                    { return s.id }
func (s *session) Context() context.Context      { return s.ctx }
func (s *session) Principal() identity.Principal { return s.who.Principal }
func (s *session) Target() protocol.Target       { return s.target }
func (s *session) Logger() *slog.Logger          { return s.logger }
func (s *session) Masks() *mask.Set              { return s.gw.rules.Load().masks }
func (s *session) Claims() []protocol.Claim      { return s.gw.rules.Load().claims(s.target.Name) }

// Dial implements protocol.SessionEngine.
func (s *session) Dial(ctx context.Context, e protocol.Endpoint) (net.Conn, error) {
	if e.Address == "" {
		e.Address = s.target.Address
	}
	if !belongs(s.target, e.Address) {
		return nil, &protocol.Failure{Public: "the address is not the target's", Err: fmt.Errorf("dial %s: not the address of target %s", e.Address, s.target.Name)}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// A plugin may still dial while it says goodbye, to stop what its target
	// has under way.
	if s.ctx.Err() == nil {
		defer context.AfterFunc(s.ctx, cancel)()
	}
	conn, err := dial(ctx, s.target, e.Address, s.gw.limits.Dial)
	if err != nil {
		if s.ctx.Err() != nil {
			return nil, s.over()
		}
		return nil, &protocol.Failure{Public: fmt.Sprintf("target %q cannot be reached", s.target.Name), Err: fmt.Errorf("%w: %w", protocol.ErrUnreachable, err)}
	}
	if kept := s.dialed.add(conn); kept != nil {
		return kept, nil
	}
	conn.Close()
	return nil, s.over()
}

// control is who answers to a control key.
type control struct {
	s      *session
	handle func(context.Context) error
}

// HandleControl implements protocol.SessionEngine. A key that another session
// has announced stays theirs.
func (s *session) HandleControl(key []byte, handle func(context.Context) error) {
	k := controlKey(key)
	s.gw.mu.Lock()
	defer s.gw.mu.Unlock()
	if s.gw.sessions[s.id] != s {
		return // it has closed meanwhile
	}
	if old, ok := s.gw.controls[k]; ok && old.s != s {
		s.logger.Error("control key is taken; the session has none")
		return
	}
	s.gw.controls[k] = control{s, handle}
	s.keys = append(s.keys, k)
}

// EmitTo implements protocol.SessionEngine.
func (s *session) EmitTo(w io.Writer, p protocol.Part) error {
	if w == nil {
		return s.emit(nil, &s.out, nil, p, nil)
	}
	return s.emit(nil, &output{w: w}, nil, p, nil)
}

// Note implements protocol.SessionEngine.
func (s *session) Note(kind, text string) error {
	return s.record(recorder.Taken, &recorder.Event{Kind: recorder.KindNote, Note: &recorder.Note{Kind: kind, Text: text}})
}

// over returns why the session is over.
func (s *session) over() error {
	cause := context.Cause(s.ctx)
	if f, ok := errors.AsType[*protocol.Failure](cause); ok {
		return f
	}
	return &protocol.Failure{Public: "the session is over", Err: cause}
}

// usable returns nil while operations may begin.
func (s *session) usable(now time.Time) error {
	if s.ctx.Err() != nil {
		return s.over()
	}
	if s.who.Principal.Expired(now) && !s.gw.outlive {
		f := &protocol.Failure{Public: "the credentials have expired; sign in again", Err: protocol.ErrExpired}
		s.end(f)
		return f
	}
	if s.gw.draining.Load() {
		return &protocol.Failure{Public: "the gateway is shutting down", Err: protocol.ErrShutdown}
	}
	return nil
}

// end tells the plugin, through the context, that the session is over, and
// closes its connections if the plugin has not within endGrace.
func (s *session) end(f *protocol.Failure) {
	s.cancel(f)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.grace != nil {
		return
	}
	s.grace = time.AfterFunc(endGrace, func() {
		for _, c := range s.attached() {
			c.closeFor(s)
		}
		s.dialed.closeAll()
		if s.shared() {
			s.closeEnded()
		}
	})
	if s.shared() && len(s.open) == 0 {
		go s.closeEnded() // nobody else may be there to do it
	}
}

// closeEnded closes a session that was ended, perhaps while it was opened: the
// record has its opening first.
func (s *session) closeEnded() {
	<-s.ready
	_ = s.Close("ended")
}

func (s *session) hasClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close implements protocol.SessionEngine. It waits for the record and for no
// peer.
func (s *session) Close(reason string) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	return s.shut(reason)
}

// shut is what follows when the session was marked as closed.
func (s *session) shut(reason string) error {
	result := protocol.OK
	if f, ok := errors.AsType[*protocol.Failure](context.Cause(s.ctx)); ok {
		result, reason = protocol.Failed, f.Public
	}
	s.cancel(&protocol.Failure{Public: "the session is closed", Err: errors.New(reason)})
	s.mu.Lock()
	if s.linger != nil {
		s.linger.Stop()
	}
	s.mu.Unlock()
	for _, c := range s.attached() {
		c.left(s)
	}
	s.dialed.closeAll()
	err := s.seal(protocol.Outcome{Result: result, Text: reason})
	s.gw.unregister(s)
	s.metrics.session(-1)
	if err != nil {
		s.logger.Error("cannot record the end of the session", "error", err)
		return err
	}
	s.logger.Info("session closed", "reason", reason, "operations", s.next, "duration", time.Since(s.opened))
	return nil
}

// seal records the ends of the open exchanges and of the session.
func (s *session) seal(o protocol.Outcome) error {
	s.recording.Lock()
	defer s.recording.Unlock()
	s.sealed = true
	now := time.Now()
	var events []*recorder.Event
	s.mu.Lock()
	for _, x := range s.open {
		if !x.headed || x.ended.Swap(true) {
			continue
		}
		out := &protocol.Outcome{Result: protocol.NotSent, Text: "the session ended first"}
		if x.admitted {
			out.Result = protocol.Unknown
		}
		events = append(events, &recorder.Event{Session: s.id, Time: now, Kind: recorder.KindEnd, Exchange: x.id, Outcome: out})
	}
	clear(s.open)
	s.mu.Unlock()
	slices.SortFunc(events, func(a, b *recorder.Event) int { return cmp.Compare(a.Exchange, b.Exchange) })
	events = append(events, &recorder.Event{Session: s.id, Time: now, Kind: recorder.KindSessionClosed, Outcome: &o})
	if err := s.gw.log.Append(s.lasting, recorder.Durable, events...); err != nil {
		return &protocol.Failure{Public: "the gateway cannot record", Err: fmt.Errorf("%w: %w", protocol.ErrRecord, err)}
	}
	return nil
}

func (s *session) info() SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := SessionInfo{
		ID: s.id, Protocol: s.l.proto.Name(), Principal: s.who.Principal.String(), Target: s.target.Name,
		Remote: s.remote, Opened: s.opened, Operations: uint64(s.next), Open: len(s.open),
	}
	for id := range s.waiting {
		info.Waiting = append(info.Waiting, id)
	}
	slices.Sort(info.Waiting)
	return info
}
