package proxy_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

func TestEndStopsASessionWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		v, s := r.session()
		target, err := s.Dial(context.Background(), protocol.Endpoint{})
		require.NoError(t, err)
		_, err = begin(s, op("read", "runs"))
		require.NoError(t, err)
		require.Len(t, r.Sessions(), 1)
		info := r.Sessions()[0]
		assert.Equal(t, 1, info.Open)
		assert.EqualValues(t, 1, info.Operations)
		assert.Equal(t, "agent", info.Principal)

		start := time.Now()
		assert.False(t, r.End("nobody", ""))
		require.True(t, r.End(s.ID(), "that is enough"))
		<-s.Context().Done()
		assert.ErrorIs(t, context.Cause(s.Context()), protocol.ErrEnded)
		_, err = target.Read(make([]byte, 1))
		require.Error(t, err, "the plugin's reads return")
		<-v.served
		assert.Less(t, time.Since(start), time.Second)
		synctest.Wait()
		assert.Empty(t, r.Sessions())
		assert.Equal(t, protocol.Unknown, r.only("runs").Outcome.Result)
		events := r.Record.Events()
		last := events[len(events)-1]
		assert.Equal(t, recorder.KindSessionClosed, last.Kind)
		assert.Equal(t, protocol.Failed, last.Outcome.Result)
		assert.Equal(t, "the session was ended by the operator: that is enough", last.Outcome.Text)
	})
}

func TestPluginThatClosesInTimeKeepsItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		v, one := r.session()
		two, err := v.open(agent())
		require.NoError(t, err)
		require.True(t, r.End(one.ID(), "only this one"))
		require.NoError(t, one.Close("bye"))
		time.Sleep(time.Minute)
		_, err = begin(two, op("read", "goes on"))
		require.NoError(t, err)
		require.True(t, r.End(two.ID(), "the last one"))
		require.NoError(t, two.Close("bye"))
		<-v.served // nothing is left on the connection, so it does not hang about
	})
}

func TestClosingWhileTheClientTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		v := r.connect()
		s, err := v.gate.Open(v.ctx, proven(agent()), protocol.Route{Client: v.conn})
		require.NoError(t, err)
		stuck := make(chan error)
		go func() { stuck <- s.Emit(part("nobody reads this")) }()
		synctest.Wait()
		start := time.Now()
		require.NoError(t, s.Close("target gone"), "does not wait for the client")
		require.Error(t, <-stuck)
		<-v.served
		assert.Less(t, time.Since(start), time.Second)
	})
}

func TestPanicInAProtocolEndsOnlyItsConnection(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	w, other := r.session()
	_, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	v.hang(panicking("nil map"))
	r.Record.WaitForKind(t, recorder.KindSessionClosed, 1)
	assert.Equal(t, protocol.Unknown, r.only("a").Outcome.Result)
	assert.True(t, r.Log.Contains("protocol panicked", "nil map"))
	_, err = begin(other, op("read", "b"))
	require.NoError(t, err)
	w.hang(errors.New("the ordinary way"))
	r.Record.WaitForKind(t, recorder.KindSessionClosed, 2)
	assert.True(t, r.Log.Contains("connection ended", "the ordinary way"))
}

func TestSessionsAreClosedBehindThePlugin(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	target, err := s.Dial(context.Background(), protocol.Endpoint{Address: "127.0.0.1:1"})
	require.NoError(t, err)
	v.hang(nil)
	r.Record.WaitForKind(t, recorder.KindSessionClosed, 1)
	_, err = target.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.ErrClosedPipe)
	_, err = v.open(agent())
	require.Error(t, err, "the connection is gone")
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 5*time.Second, time.Millisecond)
}

func TestDialGoesOnlyToTheTarget(t *testing.T) {
	r := policed(t)
	_, s := r.session()
	_, err := s.Dial(context.Background(), protocol.Endpoint{Address: "169.254.169.254:80"})
	require.ErrorContains(t, err, "not the address of target")
}

func TestDialIsGivenUpWithTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		r.slow = true
		_, s := r.session()
		time.AfterFunc(time.Second, func() { r.End(s.ID(), "now") })
		start := time.Now()
		_, err := s.Dial(context.Background(), protocol.Endpoint{})
		require.ErrorIs(t, err, protocol.ErrEnded)
		assert.Equal(t, time.Second, time.Since(start))
	})
}

func TestDialHasALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := policed(t)
		r.slow = true
		_, s := r.session()
		start := time.Now()
		_, err := s.Dial(context.Background(), protocol.Endpoint{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, `target "db" cannot be reached`, protocol.Public(err))
		assert.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestControlFindsTheSessionThatAnnouncedTheKey(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	w, other := r.session()
	calls := 0
	s.HandleControl([]byte("key"), func(context.Context) error { calls++; return nil })
	other.HandleControl([]byte("key"), func(context.Context) error { return errors.New("taken over") })
	require.NoError(t, w.gate.Control(t.Context(), []byte("key")))
	require.Error(t, w.gate.Control(t.Context(), []byte("kez")))
	assert.Equal(t, 1, calls)
	require.NoError(t, other.Close("bye"))
	require.NoError(t, w.gate.Control(t.Context(), []byte("key")), "another's end takes nothing away")
	require.NoError(t, s.Close("bye"))
	require.Error(t, w.gate.Control(t.Context(), []byte("key")))
	v.hang(nil)
}
