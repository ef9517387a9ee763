package ssh_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
)

// cut is a connection that breaks after so many bytes, of both directions.
type cut struct {
	net.Conn
	left *atomic.Int64
}

func (c cut) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	return n, c.took(n, err)
}

func (c cut) Write(p []byte) (int, error) {
	if left := c.left.Load(); left >= 0 && int64(len(p)) > left {
		n, _ := c.Conn.Write(p[:left])
		return n, c.took(len(p), nil)
	}
	n, err := c.Conn.Write(p)
	return n, c.took(n, err)
}

func (c cut) took(n int, err error) error {
	if c.left.Add(-int64(n)) <= 0 && err == nil {
		c.Conn.Close()
		return net.ErrClosed
	}
	return err
}

func after(n int64) *atomic.Int64 {
	left := &atomic.Int64{}
	left.Store(n)
	return left
}

// converse is a conversation that has a bit of everything. It ends early where
// a connection breaks.
func converse(r *rig, c *xssh.Client, file string) {
	s, err := c.NewSession()
	if err != nil {
		return
	}
	defer s.Close()
	if s.RequestPty("xterm", 24, 80, nil) != nil {
		return
	}
	in, _ := s.StdinPipe()
	if s.Start("head -c 3000; echo done > "+file) != nil {
		return
	}
	_ = s.WindowChange(30, 90)
	for range 4 {
		_, _ = in.Write(append(make([]byte, 999), '\n'))
	}
	_ = s.Wait()
	if s, err = c.NewSession(); err == nil {
		_ = s.Run("head -c 100000 /dev/zero")
	}
}

// Wherever a client or a target is cut off, the session ends, every operation
// has an end, and nothing is left; the gateway of the test sees to that.
func TestDisconnectsAtEveryStage(t *testing.T) {
	steps := []int64{1, 30, 500, 1500, 2200, 2600, 2900, 3200, 3500, 3800, 4100, 4400, 4800, 5500, 7000, 9000, 30_000, 100_000}
	for side, dial := range map[string]func(t *testing.T, n int64) (*rig, *atomic.Int64){
		"client": func(t *testing.T, n int64) (*rig, *atomic.Int64) { return start(t, options{}), after(n) },
		"target": func(t *testing.T, n int64) (*rig, *atomic.Int64) {
			return start(t, options{targets: []protocol.Target{{Name: "box", Address: server.Addr(), Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, address)
				return cut{c, after(n)}, err
			}}}}), after(1 << 40)
		},
	} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "f")
			for _, n := range steps {
				_ = os.Remove(file)
				r, left := dial(t, n)
				conn, err := net.Dial("tcp", r.Addr())
				require.NoError(t, err)
				c, channels, requests, err := xssh.NewClientConn(cut{conn, left}, "gateway", &xssh.ClientConfig{
					User: "agent", Auth: []xssh.AuthMethod{xssh.Password(r.token)}, HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
				})
				if err == nil {
					converse(r, xssh.NewClient(c, channels, requests), file)
				}
				conn.Close()
				require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 10*time.Second, time.Millisecond, "%s after %d bytes", side, n)
				require.NoError(t, r.Stop())
				require.NoError(t, r.Record.Check(), "%s after %d bytes", side, n)
				ran := false
				for _, op := range r.Record.Operations() {
					if assert.NotNil(t, op.Outcome, "%s after %d bytes: %q", side, n, op.Text) && op.Outcome.Result != protocol.NotSent {
						ran = true
					}
				}
				if _, err := os.Stat(file); err == nil {
					assert.True(t, ran, "%s after %d bytes: it ran, and the record says that it did not", side, n)
				}
			}
		})
	}
}

// A peer that is there and says nothing more does not keep a session, however
// far it came; and the operator can always end one.
func TestTargetThatFallsSilent(t *testing.T) {
	for name, serve := range map[string]func(n xssh.NewChannel, silence func()){
		"at the channel": func(_ xssh.NewChannel, silence func()) { silence() },
		"at the terminal": func(n xssh.NewChannel, silence func()) {
			if ch, _, err := n.Accept(); err == nil {
				defer ch.Close()
				silence()
			}
		},
		"at the command": func(n xssh.NewChannel, silence func()) {
			commands(func(xssh.Channel, *xssh.Request) { silence() })(n)
		},
		"while it runs": func(n xssh.NewChannel, silence func()) {
			commands(func(ch xssh.Channel, r *xssh.Request) {
				_ = r.Reply(true, nil)
				_, _ = ch.Write([]byte("hello"))
				silence()
			})(n)
		},
	} {
		for how, limit := range map[string]time.Duration{"operator": -1, "keepalive": 100 * time.Millisecond} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				never := make(chan struct{})
				r := startScripted(t, options{config: func(c *ssh.Config) { c.KeepAlive = limit }}, script{
					channel: func(n xssh.NewChannel) { serve(n, func() { <-never }) },
					request: func(q *xssh.Request) {
						if how == "operator" {
							_ = q.Reply(false, nil)
						}
					},
				})
				t.Cleanup(func() { close(never) })
				ch := raw(t, r.client())
				go func() {
					_, _ = ch.SendRequest("pty-req", true, ptyPayload("xterm", ""))
					_, _ = ch.SendRequest("exec", true, xssh.Marshal(one{"command"}))
				}()
				if how == "operator" {
					r.Record.WaitForKind(t, "operation", 1)
					time.Sleep(50 * time.Millisecond)
					began := time.Now()
					require.True(t, r.End(r.Sessions()[0].ID, "enough"))
					require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 10*time.Second, time.Millisecond)
					assert.Less(t, time.Since(began), time.Second)
				}
				words := told(ch)
				assert.Contains(t, words, map[string]string{"operator": "enough", "keepalive": "the target does not answer any more"}[how])
				want := protocol.Unknown
				if name == "at the channel" || name == "at the terminal" {
					want = protocol.NotSent
				}
				assert.Equal(t, want, r.Record.Outcome(t, "command"), r.Record.String())
			})
		}
	}
}

// A target that does not get through its handshake is given up.
func TestTargetSilentInTheHandshake(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	var conns []net.Conn
	var mu sync.Mutex
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns = append(conns, c)
			mu.Unlock()
		}
	}()
	host, _ := newKey(t)
	r := start(t, at(options{config: func(c *ssh.Config) { c.LoginTimeout = 300 * time.Millisecond }}, l.Addr().String(), host.PublicKey()))
	got := r.ssh("true")
	assert.Equal(t, 255, got.code)
	assert.Contains(t, got.stderr, `the gateway cannot log in to target "box"`)
	mu.Lock()
	defer mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// A client that does not answer is not kept either.
func TestClientThatFallsSilent(t *testing.T) {
	r := start(t, options{config: func(c *ssh.Config) { c.KeepAlive = 100 * time.Millisecond }})
	conn, err := net.Dial("tcp", r.Addr())
	require.NoError(t, err)
	defer conn.Close()
	_, _, requests, err := xssh.NewClientConn(conn, "gateway", &xssh.ClientConfig{
		User: "agent", Auth: []xssh.AuthMethod{xssh.Password(r.token)}, HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.Sessions()) == 1 }, 10*time.Second, time.Millisecond)
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 10*time.Second, time.Millisecond)
	conn.Close()
	for range requests { // none was answered
	}
}
