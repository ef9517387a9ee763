package proxy_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

// What an operator has ended is not begun again at the listener next door.
func TestEndedAtEveryListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln, h := newPipeListener(), &hand{visits: make(chan *visit)}
		r := newRig(t, func(b *proxy.Builder) *proxy.Builder {
			return b.AllowAll().ListenOn(ln, h, protocol.Target{Name: "db", Address: "127.0.0.1:1"})
		})
		who := agent()
		who.Expires = time.Now().Add(time.Hour)
		next := func() error {
			client := ln.dial()
			t.Cleanup(func() { client.Close() })
			v := <-h.visits
			_, err := v.join(who, "key-1")
			return err
		}
		s, err := r.connect().join(who, "key-1")
		require.NoError(t, err)
		require.NoError(t, next())
		require.Len(t, r.Sessions(), 2)
		require.True(t, r.End(s.ID(), "enough"))
		time.Sleep(time.Second)
		require.ErrorIs(t, next(), protocol.ErrEnded)
	})
}
