package proxy

import (
	"fmt"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// drain stops new work and ends the sessions: the idle ones at once, the busy
// ones when they are done or their time is up.
func (g *Gateway) drain() {
	g.mu.Lock() // after this no session is opened
	g.draining.Store(true)
	g.mu.Unlock()
	for _, l := range g.listeners {
		l.ln.Close()
	}
	g.conns.refuse()
	g.logger.Info("gateway drains", "sessions", len(g.Sessions()), "limit", g.limits.Drain)
	farewell := &protocol.Failure{Public: "the gateway is shutting down", Err: protocol.ErrShutdown}
	limit := time.Now().Add(g.limits.Drain)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		list := g.snapshotSessions()
		if len(list) == 0 {
			return
		}
		late := g.limits.Drain >= 0 && !time.Now().Before(limit)
		for _, s := range list {
			if late || s.idle() {
				s.end(farewell)
			}
		}
		if late && time.Since(limit) > 2*endGrace {
			return // connections were closed; Serve waits for the goroutines
		}
		<-tick.C
	}
}

func (s *session) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open) == 0
}

// stuckAfter is how long Serve waits for protocols that go on although their
// contexts have ended and their connections are closed.
const stuckAfter = 10 * time.Second

// waitForConns waits until no protocol serves a connection any more.
func (g *Gateway) waitForConns() error {
	done := make(chan struct{})
	go func() {
		g.serving.Wait()
		close(done)
	}()
	farewell := time.AfterFunc(endGrace, g.conns.closeAll)
	defer farewell.Stop()
	stuck := time.NewTimer(endGrace + stuckAfter)
	defer stuck.Stop()
	select {
	case <-done:
		return nil
	case <-stuck.C:
		n := g.connCount.Load()
		g.logger.Error("protocols do not return although their connections are closed", "connections", n)
		return fmt.Errorf("proxy: %d connections did not end; their protocols, or the record, are stuck", n)
	}
}
