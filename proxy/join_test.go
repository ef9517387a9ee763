package proxy_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

// join opens, or joins, the session of credential.
func (v *visit) join(p identity.Principal, credential string) (*protocol.Session, error) {
	return v.gate.Open(v.ctx, identity.Proven{Principal: p, Scheme: "test", Credential: credential}, protocol.Route{Join: credential})
}

func TestConnectionsShareASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll().Limits(proxy.Limits{Linger: time.Minute}) })
		one, two := r.connect(), r.connect()
		s1, err := one.join(agent(), "key-1")
		require.NoError(t, err)
		s2, err := two.join(agent(), "key-1")
		require.NoError(t, err)
		require.Equal(t, s1.ID(), s2.ID())
		again, err := two.join(agent(), "key-1")
		require.NoError(t, err)
		require.Equal(t, s1.ID(), again.ID())

		stranger := agent()
		stranger.Subject = "stranger"
		for _, other := range []struct {
			who identity.Principal
			key string
		}{{agent(), "key-2"}, {stranger, "key-1"}} {
			s, err := two.join(other.who, other.key)
			require.NoError(t, err)
			require.NotEqual(t, s1.ID(), s.ID())
		}
		require.Len(t, r.Sessions(), 3)

		one.hang(nil)
		time.Sleep(2 * time.Minute)
		require.NoError(t, s1.Context().Err(), "another connection uses it")
		x, err := begin(s2, op("read", "still there"))
		require.NoError(t, err)
		out := &buffer{}
		x.To(out)
		require.NoError(t, x.Finish(part("answer"), protocol.Outcome{Result: protocol.OK}))
		require.Equal(t, "answer", out.String())

		two.hang(nil)
		time.Sleep(59 * time.Second)
		require.NoError(t, s1.Context().Err(), "it lingers")
		three := r.connect()
		s3, err := three.join(agent(), "key-1")
		require.NoError(t, err)
		require.Equal(t, s1.ID(), s3.ID(), "a connection came in time")
		three.hang(nil)
		time.Sleep(59 * time.Second)
		require.NoError(t, s1.Context().Err(), "it lingers anew")
		time.Sleep(2 * time.Second)
		require.Error(t, s1.Context().Err())
		require.Empty(t, r.Sessions())

		four := r.connect()
		s4, err := four.join(agent(), "key-1")
		require.NoError(t, err)
		require.NotEqual(t, s1.ID(), s4.ID())
		require.Equal(t, []string{"session opened", "note", "operation", "end", "note", "session closed"}, r.kinds(s1.ID()),
			"each connection that joined is noted")
	})
}

func TestConnectionsOpenASharedSessionAtOnce(t *testing.T) {
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll() })
	var visits []*visit
	for range 16 {
		visits = append(visits, r.connect())
	}
	ids := make([]string, len(visits))
	var work sync.WaitGroup
	for i, v := range visits {
		work.Go(func() {
			if s, err := v.join(agent(), "key-1"); err == nil {
				ids[i] = s.ID()
			}
		})
	}
	work.Wait()
	for _, id := range ids {
		require.NotEmpty(t, id)
		require.Equal(t, ids[0], id)
	}
	require.Len(t, r.Sessions(), 1)
}

func TestSharedSessionThatAnOperatorEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll() })
		who := agent()
		who.Expires = time.Now().Add(time.Hour)
		one, two := r.connect(), r.connect()
		s, err := one.join(who, "key-1")
		require.NoError(t, err)
		_, err = two.join(who, "key-1")
		require.NoError(t, err)
		other, err := two.join(who, "key-2")
		require.NoError(t, err)
		x, err := begin(s, op("read", "under way"))
		require.NoError(t, err)

		require.True(t, r.End(s.ID(), "enough"))
		time.Sleep(time.Second)
		require.ErrorIs(t, x.Input(part("more")), protocol.ErrEnded)
		require.Len(t, r.Sessions(), 1, "it has closed although the protocol did not close it")
		require.NoError(t, other.Context().Err())
		require.Equal(t, protocol.Unknown, r.only("under way").Outcome.Result)

		three := r.connect()
		_, err = three.join(who, "key-1")
		require.ErrorIs(t, err, protocol.ErrEnded, "it stays ended")
		_, err = three.join(who, "key-3")
		require.NoError(t, err)
		time.Sleep(time.Hour)
		who.Expires = time.Now().Add(time.Hour)
		_, err = r.connect().join(who, "key-1")
		require.NoError(t, err, "a new proof")
	})
}

func TestIdleSharedSessionEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll() })
		who := agent()
		who.Expires = time.Now().Add(time.Minute)
		one := r.connect()
		s, err := one.join(who, "key-1")
		require.NoError(t, err)
		one.hang(nil)
		time.Sleep(62 * time.Second)
		require.ErrorIs(t, context.Cause(s.Context()), protocol.ErrExpired)
		require.Empty(t, r.Sessions(), "closed although no protocol is there any more")
	})
}

func TestRecordFailsAtASharedSession(t *testing.T) {
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll() })
	one, two := r.connect(), r.connect()
	r.Record.FailAfter(0)
	for _, v := range []*visit{one, two} {
		_, err := v.join(agent(), "key-1")
		require.ErrorIs(t, err, protocol.ErrRecord)
	}
	require.Empty(t, r.Sessions())
}

func TestDialEndpoints(t *testing.T) {
	asked := make(chan string, 1)
	target := protocol.Target{
		Name: "cloud", Address: "sts.cloud.test:443", Endpoints: []string{"*.cloud.test:443", "one.other.test:80"},
		Dial: func(_ context.Context, _, address string) (net.Conn, error) {
			asked <- address
			here, there := net.Pipe()
			there.Close()
			return here, nil
		},
	}
	ln := newPipeListener()
	h := &hand{visits: make(chan *visit)}
	newRig(t, func(b *proxy.Builder) *proxy.Builder { return b.AllowAll().ListenOn(ln, h, target) })
	client := ln.dial()
	t.Cleanup(func() { client.Close() })
	v := <-h.visits
	s, err := v.open(agent())
	require.NoError(t, err)
	for _, good := range []string{"", "sts.cloud.test:443", "a.cloud.test:443", "my.bucket.s3.cloud.test:443", "one.other.test:80"} {
		_, err := s.Dial(context.Background(), protocol.Endpoint{Address: good})
		require.NoError(t, err, good)
		got := <-asked
		if good != "" {
			require.Equal(t, good, got)
		}
	}
	for _, bad := range []string{
		"cloud.test:443", ".cloud.test:443", "a..cloud.test:443", "a.cloud.test:80", "a.cloud.test", "evil.test/a.cloud.test:443",
		"evil.test:1@a.cloud.test:443", "a b.cloud.test:443", "A.cloud.test:443", "xcloud.test:443", "two.other.test:80", "*.cloud.test:443",
		"a.cloud.test:443:443", "evil.test\x00.cloud.test:443",
	} {
		_, err := s.Dial(context.Background(), protocol.Endpoint{Address: bad})
		require.Error(t, err, bad)
		require.Empty(t, asked, bad)
	}
}
