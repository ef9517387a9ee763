package proxy

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// openSession records the opening of a session durably; the session is known
// from before on, so that it counts and can be ended.
func (g *Gateway) openSession(ctx context.Context, c *clientConn, who identity.Proven, target protocol.Target, route protocol.Route, join joinKey) (*session, error) {
	now := time.Now()
	if who.Principal.Expired(now) {
		return nil, &protocol.Failure{Public: "the credentials have expired", Err: protocol.ErrExpired}
	}
	s := &session{
		gw: g, l: c.l, remote: c.conn.RemoteAddr().String(), who: who, target: target, opened: now,
		join: join, ready: make(chan struct{}), conns: map[*clientConn]bool{c: true},
		open: map[protocol.ExchangeID]*exchange{}, waiting: map[string]bool{},
	}
	s.out.w = route.Client
	s.active.Store(now.UnixNano())
	s.metrics = newSessionMetrics(g.metrics, c.l.proto.Name(), target.Name)
	// The session outlives the context of the handshake, not the connection.
	s.lasting = context.WithoutCancel(ctx)
	s.ctx, s.cancel = context.WithCancelCause(s.lasting)
	s.logger = c.logger
	if err := g.register(s); err != nil {
		s.cancel(err)
		return nil, err
	}
	defer close(s.ready)
	err := g.log.Append(s.lasting, recorder.Durable, &recorder.Event{
		Session: s.id, Time: now, Kind: recorder.KindSessionOpened,
		Opened: &recorder.Opened{
			Gateway: g.name, Protocol: c.l.proto.Name(), Target: target.Name, Address: target.Address,
			Remote: s.remote, Listener: c.l.addr, Principal: who.Principal,
			Scheme: string(who.Scheme), Credential: who.Credential, Policy: g.rules.Load().digest,
			Durability: g.log.Durability(), Observe: g.observe, Outlive: g.outlive, User: route.User, Details: route.Details,
		},
	})
	if err != nil {
		s.logger.Error("cannot record; the session is not opened", "error", err)
		f := &protocol.Failure{Public: "the gateway cannot record, so it serves nobody", Err: fmt.Errorf("%w: %w", protocol.ErrRecord, err)}
		s.cancel(f)
		s.mu.Lock()
		s.closed = true
		s.mu.Unlock()
		g.unregister(s)
		return nil, f
	}
	s.metrics.session(1)
	s.logger.Info("session opened", "protocol", c.l.proto.Name(), "issuer", who.Principal.Issuer, "credential", who.Credential)
	return s, nil
}

// register counts s against the limits, gives it its id and makes it known.
// From then on s may be ended.
func (g *Gateway) register(s *session) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining.Load() {
		return &protocol.Failure{Public: "the gateway is shutting down", Err: protocol.ErrShutdown}
	}
	if s.shared() && g.joins[s.join] != nil {
		return errJoined
	}
	if limit := g.limits.Sessions; limit > 0 && len(g.sessions) >= limit {
		return &protocol.Failure{Public: "the gateway has too many sessions", Err: protocol.ErrLimit}
	}
	if limit := g.limits.SessionsPerPrincipal; limit > 0 {
		n := 0
		for _, other := range g.sessions {
			if other.who.Principal.Issuer == s.who.Principal.Issuer && other.who.Principal.Subject == s.who.Principal.Subject {
				n++
			}
		}
		if n >= limit {
			return &protocol.Failure{Public: fmt.Sprintf("you have %d sessions open, which is the limit", n), Err: protocol.ErrLimit}
		}
	}
	g.counter++
	s.id = g.name + "-" + g.run + "-" + strconv.FormatUint(g.counter, 10)
	s.logger = s.logger.With("session", s.id, "principal", s.who.Principal.String(), "target", s.target.Name)
	g.sessions[s.id] = s
	if s.shared() {
		g.joins[s.join] = s
	}
	return nil
}

func (g *Gateway) unregister(s *session) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.sessions, s.id)
	if g.joins[s.join] == s {
		delete(g.joins, s.join)
	}
	for _, k := range s.keys {
		if g.controls[k].s == s {
			delete(g.controls, k)
		}
	}
}
