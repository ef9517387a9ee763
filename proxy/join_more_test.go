package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// slowOpening is a log that takes the first session's opening only when told.
type slowOpening struct {
	recorder.Log
	once    sync.Once
	opening chan struct{}
}

func (l *slowOpening) Append(ctx context.Context, need recorder.Need, events ...*recorder.Event) error {
	if e := events[0]; e.Kind == recorder.KindSessionOpened && e.Opened.Protocol == "hand" {
		l.once.Do(func() { <-l.opening })
	}
	return l.Log.Append(ctx, need, events...)
}

// A session that is ended while its opening is still on its way to the record
// closes after it: nothing stands before the opening, nothing after the end.
func TestSharedSessionEndsWhileItIsOpened(t *testing.T) {
	record := proxytest.NewRecord()
	slow := &slowOpening{Log: record, opening: make(chan struct{})}
	ln, h := newPipeListener(), &hand{visits: make(chan *visit)}
	gw, err := proxy.New("test").Record(slow).Identify(proxytest.NewMint()).AllowAll().
		ListenOn(ln, h, protocol.Target{Name: "db", Address: "127.0.0.1:1"}).Build()
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- gw.Serve(ctx) }()
	client := ln.dial()
	defer client.Close()
	v := <-h.visits
	opened := make(chan error, 1)
	go func() {
		s, err := v.join(agent(), "key-1")
		if err == nil {
			_, err = begin(s, op("read", "too late"))
		}
		opened <- err
	}()
	require.Eventually(t, func() bool { return len(gw.Sessions()) == 1 }, 5*time.Second, time.Millisecond)
	require.True(t, gw.End(gw.Sessions()[0].ID, "enough"))
	time.Sleep(100 * time.Millisecond)
	close(slow.opening)
	require.Error(t, <-opened)
	require.Eventually(t, func() bool { return len(gw.Sessions()) == 0 }, 5*time.Second, time.Millisecond)

	// The connection does not go on for a session that is no more.
	_, err = v.join(agent(), "key-2")
	require.NoError(t, err)
	require.True(t, gw.End(gw.Sessions()[0].ID, "enough"))
	select {
	case <-v.served:
	case <-time.After(5 * time.Second):
		t.Error("the connection stays open")
	}
	client.Close()
	stop()
	require.NoError(t, <-served)
	require.NoError(t, record.Check())
}

// Many connections open, leave, expire and end the same few sessions at once:
// nobody hangs, and each session in the record is whole.
func TestSharedSessionsComeAndGo(t *testing.T) {
	r := newRig(t, func(b *proxy.Builder) *proxy.Builder {
		return b.AllowAll().Limits(proxy.Limits{Linger: time.Millisecond})
	})
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for n := range 40 {
				v := r.connect()
				s, err := v.join(agent(), fmt.Sprint("key-", rand.IntN(2)))
				if err == nil && n%3 != 0 {
					if x, err := begin(s, op("read", "one")); err == nil {
						_ = x.End(protocol.Outcome{Result: protocol.OK})
					}
				}
				if err == nil && i == 0 && n%4 == 0 {
					who := agent()
					who.Subject = "other"
					if s, err := v.join(who, fmt.Sprint("key-", n)); err == nil {
						r.End(s.ID(), "enough")
					}
				}
				if n%5 == 0 {
					time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
				}
				v.hang(errors.New("gone"))
			}
		})
	}
	work.Wait()
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 5*time.Second, 5*time.Millisecond)
	require.NoError(t, r.Record.Check())
}
