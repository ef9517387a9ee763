package proxy

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// joinKey says which connections share a session. The zero key is that of
// sessions that nobody shares.
type joinKey struct {
	l                             *listener
	target, issuer, subject, join string
}

// anywhere is the key without its listener: one target may have several.
func (k joinKey) anywhere() joinKey {
	k.l = nil
	return k
}

// errJoined says that another connection opened the shared session first.
var errJoined = errors.New("the session is open already")

// joinSession returns the session that c shares with others, opening it where
// there is none.
func (g *Gateway) joinSession(ctx context.Context, c *clientConn, who identity.Proven, target protocol.Target, route protocol.Route) (*session, error) {
	key := joinKey{c.l, target.Name, who.Principal.Issuer, who.Principal.Subject, route.Join}
	route.Client = nil
	for {
		g.mu.Lock()
		s, barred := g.joins[key], g.barred.has(key, time.Now())
		g.mu.Unlock()
		if barred {
			return nil, &protocol.Failure{Public: "an operator ended this session; sign in again", Err: protocol.ErrEnded}
		}
		if s == nil {
			s, err := g.openSession(ctx, c, who, target, route, key)
			if errors.Is(err, errJoined) {
				continue
			}
			return s, err
		}
		select {
		case <-s.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch attached, fresh := s.attach(c); {
		case fresh:
			return s, s.Note("connection", "from "+c.conn.RemoteAddr().String())
		case attached:
			return s, nil
		}
		// It is closing: the next one takes its place.
		g.mu.Lock()
		if g.joins[key] == s {
			delete(g.joins, key)
		}
		g.mu.Unlock()
	}
}

// shared reports whether connections share the session.
func (s *session) shared() bool { return s.join != joinKey{} }

// attach reports whether the session is open, and c uses it now; fresh says
// that c did not before.
func (s *session) attach(c *clientConn) (attached, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return false, false
	}
	fresh = !s.conns[c]
	s.conns[c] = true
	if s.linger != nil {
		s.linger.Stop()
		s.linger = nil
	}
	return true, fresh
}

// attached returns the connections that use the session.
func (s *session) attached() []*clientConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Keys(s.conns))
}

// detach takes c from a shared session, which closes some time after the last.
func (s *session) detach(c *clientConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) > 0 || s.closed || s.linger != nil || s.gw.limits.Linger < 0 {
		return
	}
	s.linger = time.AfterFunc(s.gw.limits.Linger, s.leaveAlone)
}

// leaveAlone closes a shared session that no connection uses.
func (s *session) leaveAlone() {
	s.mu.Lock()
	if s.closed || len(s.conns) > 0 {
		s.mu.Unlock()
		return
	}
	s.closed = true
	s.mu.Unlock()
	_ = s.shut("no connection any more")
}

// barred holds the keys of shared sessions that an operator ended, at whichever
// listener, each until the proof that it was opened with expires.
type barred map[joinKey]time.Time

func (b barred) has(key joinKey, now time.Time) bool {
	until, ok := b[key.anywhere()]
	return ok && (until.IsZero() || now.Before(until))
}

// bar keeps s, if connections share it, from being opened again.
func (g *Gateway) bar(s *session) {
	if !s.shared() {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(g.barred, func(key joinKey, _ time.Time) bool { return !g.barred.has(key, now) })
	g.barred[s.join.anywhere()] = s.who.Principal.Expires
}
