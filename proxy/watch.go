package proxy

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// watchEvery is how often the limits on time are looked at, and so how late
// they may strike.
const watchEvery = 500 * time.Millisecond

// watch ends sessions whose time is up until ctx ends.
func (g *Gateway) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			for _, s := range g.snapshotSessions() {
				if f := s.overdue(now); f != nil {
					s.logger.Warn("session is ended", "reason", f.Public)
					s.end(f)
				}
			}
		}
	}
}

func (g *Gateway) snapshotSessions() []*session {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := make([]*session, 0, len(g.sessions))
	for _, s := range g.sessions {
		list = append(list, s)
	}
	return list
}

// overdue returns why a session must end now, or nil.
func (s *session) overdue(now time.Time) *protocol.Failure {
	if s.ctx.Err() != nil {
		return nil
	}
	l := s.gw.limits
	if s.who.Principal.Expired(now) && !s.gw.outlive {
		return &protocol.Failure{Public: "the credentials have expired; sign in again", Err: protocol.ErrExpired}
	}
	since := s.out.since.Load()
	s.mu.Lock()
	open := len(s.open)
	var oldest time.Time // of those admitted; waiting for people has a limit of its own
	for _, x := range s.open {
		if x.admitted && (oldest.IsZero() || x.begun.Before(oldest)) {
			oldest = x.begun
		}
		if own := x.own.Load(); own != nil {
			if v := own.since.Load(); v != 0 && (since == 0 || v < since) {
				since = v
			}
		}
	}
	s.mu.Unlock()
	switch {
	case l.Stall > 0 && since != 0 && now.Sub(time.Unix(0, since)) > l.Stall:
		return &protocol.Failure{Public: "the client did not take what was sent to it", Err: protocol.ErrLimit}
	case l.Operation > 0 && !oldest.IsZero() && now.Sub(oldest) > l.Operation:
		return &protocol.Failure{Public: "an operation took longer than the gateway allows", Err: protocol.ErrLimit}
	case l.Idle > 0 && open == 0 && now.Sub(time.Unix(0, s.active.Load())) > l.Idle:
		return &protocol.Failure{Public: "the session was idle for too long", Err: protocol.ErrLimit}
	}
	return nil
}
