package proxy_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

// limited runs f in a bubble with a gateway that has these limits.
func limited(t *testing.T, l proxy.Limits, f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f(t, policed(t, func(b *proxy.Builder) *proxy.Builder { return b.Limits(l) }))
	})
}

// endsAfter checks that the session is ended by a limit at that age, give or
// take how often the engine looks.
func endsAfter(t *testing.T, s *protocol.Session, start time.Time, want time.Duration, public string) {
	t.Helper()
	<-s.Context().Done()
	var f *protocol.Failure
	require.ErrorAs(t, context.Cause(s.Context()), &f)
	assert.Contains(t, f.Public, public)
	took := time.Since(start)
	assert.GreaterOrEqual(t, took, want)
	assert.LessOrEqual(t, took, want+time.Second)
}

func TestLimitIdle(t *testing.T) {
	limited(t, proxy.Limits{Idle: time.Minute}, func(t *testing.T, r *rig) {
		_, s := r.session()
		x, err := begin(s, op("read", "a"))
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		require.NoError(t, s.Context().Err(), "an operation is under way")
		require.NoError(t, x.End(protocol.Outcome{Result: protocol.OK}))
		endsAfter(t, s, time.Now(), time.Minute, "idle for too long")
	})
}

func TestLimitOperation(t *testing.T) {
	limited(t, proxy.Limits{Operation: time.Minute}, func(t *testing.T, r *rig) {
		v, s := r.session()
		r.people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
			time.Sleep(50 * time.Second)
			return approve.Answer{Digest: q.Digest, Approved: true}, nil
		})
		x, err := begin(s, op("ask", "a"))
		require.NoError(t, err)
		time.Sleep(50 * time.Second)
		require.NoError(t, s.Context().Err(), "waiting for a person does not count")
		require.NoError(t, x.End(protocol.Outcome{}))
		time.Sleep(time.Hour)
		_, err = begin(s, op("read", "b"))
		require.NoError(t, err)
		endsAfter(t, s, time.Now(), time.Minute, "took longer than the gateway allows")
		<-v.served
	})
}

func TestLimitStall(t *testing.T) {
	limited(t, proxy.Limits{Stall: time.Minute}, func(t *testing.T, r *rig) {
		v := r.connect()
		s, err := v.gate.Open(v.ctx, proven(agent()), protocol.Route{Client: v.conn})
		require.NoError(t, err)
		start := time.Now()
		require.Error(t, s.Emit(part("nobody reads this")))
		endsAfter(t, s, start, time.Minute, "did not take what was sent")
		<-v.served
	})
}

func TestLimitHandshake(t *testing.T) {
	limited(t, proxy.Limits{Handshake: time.Minute}, func(t *testing.T, r *rig) {
		start := time.Now()
		<-r.connect().served
		assert.GreaterOrEqual(t, time.Since(start), time.Minute)
		assert.LessOrEqual(t, time.Since(start), time.Minute+time.Second)
		_, s := r.session()
		time.Sleep(time.Hour)
		_, err := begin(s, op("read", "long after"))
		require.NoError(t, err)
	})
}

func TestLimitExpiry(t *testing.T) {
	limited(t, proxy.Limits{}, func(t *testing.T, r *rig) {
		v := r.connect()
		p := agent()
		p.Expires = time.Now().Add(time.Minute)
		start := time.Now()
		s, err := v.open(p)
		require.NoError(t, err)
		endsAfter(t, s, start, time.Minute, "credentials have expired")
		_, err = v.open(p)
		require.ErrorIs(t, err, protocol.ErrExpired)
	})
}

func TestOutliveExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t, (*proxy.Builder).OutliveExpiry)
		v := r.connect()
		p := agent()
		p.Expires = time.Now().Add(time.Minute)
		s, err := v.open(p)
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = begin(s, op("read", "a"))
		require.NoError(t, err)
		assert.True(t, r.Log.Contains("level=WARN", "OutliveExpiry"))
		for _, e := range r.Record.Events() {
			if e.Opened != nil {
				assert.True(t, e.Opened.Outlive, "%s", e.Session)
			}
		}
	})
}

func TestLimitConnections(t *testing.T) {
	limited(t, proxy.Limits{Connections: 2}, func(t *testing.T, r *rig) {
		v := r.connect()
		r.connect()
		extra := r.ln.dial()
		_, err := extra.Read(make([]byte, 1))
		require.Error(t, err, "closed at once")
		assert.True(t, r.Log.Contains("too many connections"))
		v.hang(nil)
		synctest.Wait()
		r.connect()
	})
}

func TestLimitSessions(t *testing.T) {
	limited(t, proxy.Limits{Sessions: 3, SessionsPerPrincipal: 2}, func(t *testing.T, r *rig) {
		_, s := r.session()
		v, _ := r.session()
		_, err := v.open(agent())
		require.ErrorIs(t, err, protocol.ErrLimit)
		assert.Equal(t, "you have 2 sessions open, which is the limit", protocol.Public(err))
		other := agent()
		other.Subject = "other"
		_, err = v.open(other)
		require.NoError(t, err)
		_, err = v.open(other)
		require.ErrorIs(t, err, protocol.ErrLimit)
		assert.Equal(t, "the gateway has too many sessions", protocol.Public(err))
		require.NoError(t, s.Close("bye"))
		_, err = v.open(agent())
		require.NoError(t, err)
	})
}

func TestDrainLetsOperationsFinish(t *testing.T) {
	limited(t, proxy.Limits{}, func(t *testing.T, r *rig) {
		idle, _ := r.session()
		handshake := r.connect()
		busy, s := r.session()
		x, err := begin(s, op("read", "long"))
		require.NoError(t, err)
		done := make(chan error)
		go func() { done <- r.Stop() }()
		<-idle.served
		<-handshake.served
		time.Sleep(10 * time.Second)
		require.NoError(t, x.Emit(part("rows")))
		require.ErrorContains(t, r.Gateway.Ready(t.Context()), "shutting down")
		_, err = begin(s, op("read", "more"))
		require.ErrorIs(t, err, protocol.ErrShutdown)
		_, err = busy.open(agent())
		require.ErrorIs(t, err, protocol.ErrShutdown)
		require.NoError(t, x.Finish(part("!"), protocol.Outcome{Result: protocol.OK}))
		<-busy.served
		require.NoError(t, <-done)
		assert.Equal(t, "rows!", busy.out.String())
		events := r.Record.Events()
		assert.EqualValues(t, "gateway stopped", events[len(events)-2].Kind)
	})
}

func TestDrainEnds(t *testing.T) {
	limited(t, proxy.Limits{Drain: time.Minute}, func(t *testing.T, r *rig) {
		v, s := r.session()
		_, err := begin(s, op("read", "for ever"))
		require.NoError(t, err)
		start := time.Now()
		require.NoError(t, r.Stop())
		<-v.served
		assert.InDelta(t, time.Minute, time.Since(start), float64(2*time.Second))
		assert.Equal(t, protocol.Unknown, r.only("for ever").Outcome.Result)
	})
}

// A connection whose session has closed, and that lingers, is not waited for.
func TestDrainClosesConnectionsWithoutSession(t *testing.T) {
	limited(t, proxy.Limits{}, func(t *testing.T, r *rig) {
		v, s := r.session()
		require.NoError(t, s.Close("bye"))
		require.NoError(t, r.Stop())
		<-v.served
	})
}

func TestManyConnectionsAtOnce(t *testing.T) {
	limited(t, proxy.Limits{}, func(t *testing.T, r *rig) {
		done := make(chan error, 1000)
		for i := range 1000 {
			v := r.connect()
			go func() {
				s, err := v.open(agent())
				if err == nil {
					_, err = begin(s, op("read", fmt.Sprint("n", i)))
				}
				done <- err
			}()
		}
		for range 1000 {
			require.NoError(t, <-done)
		}
		assert.Len(t, r.Sessions(), 1000)
	})
}

func TestProtocolThatNeverReturnsDoesNotHoldServe(t *testing.T) {
	limited(t, proxy.Limits{Drain: time.Second}, func(t *testing.T, r *rig) {
		r.hand.deaf = make(chan struct{})
		r.session()
		err := r.Stop()
		require.ErrorContains(t, err, "1 connections did not end")
		close(r.hand.deaf)
		synctest.Wait()
	})
}
