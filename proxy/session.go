package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Causes that a [protocol.Failure] of the engine wraps.
var (
	// ErrEnded: an operator ended the session.
	ErrEnded = errors.New("ended by the operator")
	// ErrShutdown: the gateway is shutting down.
	ErrShutdown = errors.New("shutting down")
	// ErrLimit: a limit of [Limits] was reached.
	ErrLimit = errors.New("limit reached")
	// ErrExpired: the principal's proof has ended.
	ErrExpired = errors.New("credentials expired")
	// ErrRecord: the record takes no more.
	ErrRecord = errors.New("cannot record")
)

// endGrace is how long a plugin has to say goodbye natively after its session
// was ended, before its connections are closed.
const endGrace = 500 * time.Millisecond

// session is the engine's side of a protocol.Session.
type session struct {
	gw      *Gateway
	conn    *clientConn
	id      string
	who     identity.Proven
	target  protocol.Target
	logger  *slog.Logger
	metrics *sessionMetrics
	opened  time.Time

	ctx    context.Context
	cancel context.CancelCauseFunc

	out    output // the session's one writer
	active atomic.Int64

	mu      sync.Mutex
	closed  bool
	next    protocol.ExchangeID
	open    map[protocol.ExchangeID]*exchange
	waiting map[string]bool
	dialed  []net.Conn
	keys    [][32]byte
	grace   *time.Timer
}

func (g *Gateway) openSession(ctx context.Context, c *clientConn, who identity.Proven, target protocol.Target, route protocol.Route) (*session, error) {
	if g.draining.Load() {
		return nil, &protocol.Failure{Public: "the gateway is shutting down", Err: ErrShutdown}
	}
	now := time.Now()
	if who.Principal.Expired(now) {
		return nil, &protocol.Failure{Public: "the credentials have expired", Err: ErrExpired}
	}
	s := &session{
		gw: g, conn: c, who: who, target: target, opened: now,
		open: map[protocol.ExchangeID]*exchange{}, waiting: map[string]bool{},
	}
	s.out.w = route.Client
	s.active.Store(now.UnixNano())
	if err := g.register(s); err != nil {
		return nil, err
	}
	s.logger = c.logger.With("session", s.id, "principal", who.Principal.String(), "target", target.Name)
	s.metrics = newSessionMetrics(g.metrics, c.l.proto.Name(), target.Name)
	// The session outlives the context of the handshake, not the connection.
	s.ctx, s.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	err := g.log.Append(ctx, recorder.Durable, &recorder.Event{
		Session: s.id, Time: now, Kind: recorder.KindSessionOpened,
		Opened: &recorder.Opened{
			Gateway: g.name, Protocol: c.l.proto.Name(), Target: target.Name, Address: target.Address,
			Remote: c.conn.RemoteAddr().String(), Listener: c.l.addr, Principal: who.Principal,
			Scheme: string(who.Scheme), Credential: who.Credential, Policy: g.rules.Load().digest,
			Durability: g.log.Durability(), Observe: g.observe, User: route.User, Details: route.Details,
		},
	})
	if err != nil {
		g.unregister(s)
		s.cancel(err)
		return nil, s.recordFailure(err)
	}
	s.metrics.session(1)
	s.logger.Info("session opened", "protocol", c.l.proto.Name(), "issuer", who.Principal.Issuer, "credential", who.Credential)
	return s, nil
}

// register gives s its id and counts it against the limits.
func (g *Gateway) register(s *session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if max := g.limits.Sessions; max > 0 && len(g.sessions) >= max {
		return &protocol.Failure{Public: "the gateway has too many sessions", Err: ErrLimit}
	}
	if max := g.limits.SessionsPerPrincipal; max > 0 {
		n := 0
		for _, other := range g.sessions {
			if other.who.Principal.ID() == s.who.Principal.ID() {
				n++
			}
		}
		if n >= max {
			return &protocol.Failure{Public: fmt.Sprintf("you have %d sessions open, which is the limit", n), Err: ErrLimit}
		}
	}
	g.counter++
	s.id = g.name + "-" + g.run + "-" + strconv.FormatUint(g.counter, 10)
	g.sessions[s.id] = s
	return nil
}

func (g *Gateway) unregister(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.id)
	for _, k := range s.keys {
		delete(g.controls, k)
	}
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
	if e.Address != "" && e.Address != s.target.Address {
		return nil, &protocol.Failure{Public: "the address is not the target's", Err: fmt.Errorf("dial %s: not the address of target %s", e.Address, s.target.Name)}
	}
	conn, err := dial(ctx, s.target, s.target.Address, s.gw.limits.Dial)
	if err != nil {
		return nil, &protocol.Failure{Public: fmt.Sprintf("target %q cannot be reached", s.target.Name), Err: err}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		conn.Close()
		return nil, s.over()
	}
	s.dialed = append(s.dialed, conn)
	return conn, nil
}

// HandleControl implements protocol.SessionEngine.
func (s *session) HandleControl(key []byte, handle func(context.Context) error) {
	k := controlKey(key)
	s.gw.mu.Lock()
	defer s.gw.mu.Unlock()
	s.gw.controls[k] = handle
	s.keys = append(s.keys, k)
}

// Emit implements protocol.SessionEngine.
func (s *session) Emit(p protocol.Part) error { return s.emit(nil, &s.out, p, nil) }

// Note implements protocol.SessionEngine.
func (s *session) Note(kind, text string) error {
	return s.record(recorder.Taken, &recorder.Event{Kind: recorder.KindNote, Note: &recorder.Note{Kind: kind, Text: text}})
}

// record appends an event of this session; a failure ends the session.
func (s *session) record(need recorder.Need, events ...*recorder.Event) error {
	now := time.Now()
	for _, e := range events {
		e.Session, e.Time = s.id, now
	}
	if err := s.gw.log.Append(s.ctx, need, events...); err != nil {
		return s.recordFailure(err)
	}
	return nil
}

// recordFailure ends the session because the record failed.
func (s *session) recordFailure(err error) error {
	if cause := context.Cause(s.ctx); s.ctx != nil && cause != nil {
		return s.over()
	}
	f := &protocol.Failure{Public: "the gateway cannot record; nothing was carried out", Err: fmt.Errorf("%w: %w", ErrRecord, err)}
	if s.ctx != nil {
		s.logger.Error("cannot record; the session ends", "error", err)
		s.end(f)
	}
	return f
}

// over returns why the session is over.
func (s *session) over() error {
	var f *protocol.Failure
	if cause := context.Cause(s.ctx); errors.As(cause, &f) {
		return f
	}
	return &protocol.Failure{Public: "the session is over", Err: context.Cause(s.ctx)}
}

// usable returns nil while operations may begin.
func (s *session) usable(now time.Time) error {
	if s.ctx.Err() != nil {
		return s.over()
	}
	if s.who.Principal.Expired(now) && !s.gw.outlive {
		f := &protocol.Failure{Public: "the credentials have expired; sign in again", Err: ErrExpired}
		s.end(f)
		return f
	}
	if s.gw.draining.Load() {
		return &protocol.Failure{Public: "the gateway is shutting down", Err: ErrShutdown}
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
		s.conn.conn.Close()
		s.closeDialed()
	})
}

func (s *session) closeDialed() {
	s.mu.Lock()
	list := s.dialed
	s.dialed = nil
	s.mu.Unlock()
	for _, c := range list {
		c.Close()
	}
}

// Close implements protocol.SessionEngine.
func (s *session) Close(reason string) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	if s.grace != nil {
		s.grace.Stop()
	}
	open := make([]*exchange, 0, len(s.open))
	for _, x := range s.open {
		open = append(open, x)
	}
	s.mu.Unlock()

	if f, ok := errors.AsType[*protocol.Failure](context.Cause(s.ctx)); ok {
		reason = f.Public
	}
	s.closeDialed()
	now := time.Now()
	events := make([]*recorder.Event, 0, len(open)+1)
	for _, x := range open {
		if x.ended.Swap(true) {
			continue
		}
		events = append(events, &recorder.Event{Session: s.id, Time: now, Kind: recorder.KindEnd, Exchange: x.id,
			Outcome: &protocol.Outcome{Result: protocol.Unknown, Text: "the session ended first"}})
	}
	events = append(events, &recorder.Event{Session: s.id, Time: now, Kind: recorder.KindSessionClosed,
		Outcome: &protocol.Outcome{Result: protocol.OK, Text: reason}})
	// The writers' locks keep parts that are on their way before the end.
	s.out.mu.Lock()
	err := s.gw.log.Append(context.Background(), recorder.Durable, events...)
	s.out.closed = true
	s.out.mu.Unlock()
	s.cancel(&protocol.Failure{Public: "the session is closed", Err: errors.New(reason)})
	s.gw.unregister(s)
	s.metrics.session(-1)
	if err != nil {
		s.logger.Error("cannot record the end of the session", "error", err)
		return err
	}
	s.logger.Info("session closed", "reason", reason, "operations", s.next, "duration", time.Since(s.opened))
	return nil
}

func (s *session) info() SessionInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	info := SessionInfo{
		ID: s.id, Protocol: s.conn.l.proto.Name(), Principal: s.who.Principal.String(), Target: s.target.Name,
		Remote: s.conn.conn.RemoteAddr().String(), Opened: s.opened, Operations: uint64(s.next), Open: len(s.open),
	}
	for id := range s.waiting {
		info.Waiting = append(info.Waiting, id)
	}
	return info
}

// output is a writer that clients are served by, with the lock that makes
// "recorded, then written" one step.
type output struct {
	mu     sync.Mutex
	w      io.Writer
	closed bool
	since  atomic.Int64 // when the write under way began; 0 for none
	event  recorder.Event
	part   recorder.Part
}
