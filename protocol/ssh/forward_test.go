package ssh_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/recorder"
)

// echo is a TCP server that sends back what it gets.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

func forwarding(c *ssh.Config) { c.Forward = true }

// exchange sends b and reads as much back.
func exchange(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	go func() { _, _ = c.Write(b) }()
	got := make([]byte, len(b))
	_, err := io.ReadFull(c, got)
	require.NoError(t, err)
	require.True(t, bytes.Equal(b, got))
}

func TestForwardedConnection(t *testing.T) {
	where := echo(t)
	r := start(t, options{config: forwarding, rules: []approve.Rule{
		{Name: "the echo", Verdict: protocol.Allow, Verbs: []string{"forward.connect"}, Objects: []string{"address:" + where}},
		{Name: "exec", Verdict: protocol.Allow, Verbs: []string{"exec"}},
	}})
	c := r.client()
	conn, err := c.Dial("tcp", where)
	require.NoError(t, err)
	data := content(300_000)
	exchange(t, conn, data)
	require.NoError(t, conn.Close())
	require.Eventually(t, func() bool { return outcome(r, where) != nil }, 10*time.Second, 5*time.Millisecond)
	op := r.Record.Operation(t, where)
	assert.Equal(t, "forward.connect", op.Verb)
	assert.Equal(t, data[:64<<10], op.Input, "content is recorded up to a bound")
	assert.Equal(t, data[:64<<10], op.Output)
	assert.Contains(t, op.Outcome.Text, "300000 bytes in, 300000 bytes out")
	var withheld int64
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindInput && e.Part.Withheld {
			withheld += e.Part.Length
		}
	}
	assert.EqualValues(t, 300_000-64<<10, withheld, "the rest by length and digest")
	_, err = c.Dial("tcp", "127.0.0.1:1")
	require.ErrorContains(t, err, "no rule allows")
}

func TestForwardedListener(t *testing.T) {
	r := start(t, options{config: forwarding})
	c := r.client()
	l, err := c.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn)
			}()
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	exchange(t, conn, content(100_000))
	conn.Close()
	var accepted *protocol.Operation
	for _, e := range r.Record.Events() {
		if e.Operation != nil && e.Operation.Verb == "forward.accept" {
			accepted = e.Operation
		}
	}
	require.NotNil(t, accepted)
	assert.Equal(t, protocol.OriginTarget, accepted.Origin)
	assert.NotZero(t, accepted.Parent)
	require.NoError(t, l.Close())
	<-served
	_, err = net.DialTimeout("tcp", l.Addr().String(), time.Second)
	require.Error(t, err, "the target listens no more")
}

func TestForwardedListenerDenied(t *testing.T) {
	r := start(t, options{config: forwarding, rules: []approve.Rule{
		{Name: "no accept", Verdict: protocol.Deny, Verbs: []string{"forward.accept"}},
		{Name: "rest", Verdict: protocol.Allow},
		{Name: "not there", Verdict: protocol.Deny, Verbs: []string{"forward.listen"}, Objects: []string{"address:0.0.0.0:*"}},
	}})
	c := r.client()
	_, err := c.Listen("tcp", "0.0.0.0:0")
	require.Error(t, err)
	l, err := c.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conn, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	defer conn.Close()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	_, err = conn.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "nobody takes it")
}

func TestOpenSSHForwards(t *testing.T) {
	where := echo(t)
	r := start(t, options{config: forwarding})
	got := r.run("through stdio", "ssh", "-W", where, "gateway")
	assert.Equal(t, "through stdio", got.stdout, got.stderr)
}

// Addresses are judged as what they mean, and no other text goes with them.
func TestForwardAddresses(t *testing.T) {
	where := echo(t)
	r := start(t, options{config: forwarding, rules: []approve.Rule{
		{Name: "all", Verdict: protocol.Allow},
		{Name: "not here", Verdict: protocol.Deny, Objects: []string{"address:localhost:*", "address:127.0.0.1:*"}},
	}})
	c := r.client()
	_, port, _ := strings.Cut(where, ":")
	var n uint32
	_, err := fmt.Sscan(port, &n)
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", "LOCALHOST", "localhost.", "::ffff:127.0.0.1", "127.0.0.1\x00", "127.1", "0x7f.1", "2130706433", "local\nhost", "[127.0.0.1]", "127.0.0.1 "} {
		_, _, err := c.OpenChannel("direct-tcpip", xssh.Marshal(struct {
			A string
			P uint32
			O string
			Q uint32
		}{host, n, "127.0.0.1", 1}))
		var refused *xssh.OpenChannelError
		if assert.ErrorAs(t, err, &refused, "%q", host) {
			assert.NotContains(t, refused.Message, "Connection refused", "%q was tried", host)
			assert.NotContains(t, refused.Message, "onnect failed", "%q was tried", host)
		}
	}
	_, _, err = c.OpenChannel("direct-tcpip", xssh.Marshal(struct {
		A string
		P uint32
		O string
		Q uint32
	}{"10.0.0.1", 1, strings.Repeat("x", 10_000), 1}))
	require.ErrorContains(t, err, "cannot be read")
}

// The same port twice would leave the first listen without an end.
func TestListeningTwice(t *testing.T) {
	r := startScripted(t, options{config: forwarding}, script{request: func(q *xssh.Request) { _ = q.Reply(true, nil) }})
	c := r.client()
	listen := xssh.Marshal(struct {
		A string
		P uint32
	}{"127.0.0.1", 7777})
	ok, _, err := c.SendRequest("tcpip-forward", true, listen)
	require.NoError(t, err)
	require.True(t, ok)
	ok, _, err = c.SendRequest("tcpip-forward", true, listen)
	require.NoError(t, err)
	assert.False(t, ok)
	ok, _, err = c.SendRequest("cancel-tcpip-forward", true, listen)
	require.NoError(t, err)
	assert.True(t, ok)
	c.Close()
	for _, op := range r.Record.Operations() {
		assert.NotNil(t, op.Outcome, "%v", op)
	}
}
