package sftp_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

const serverProgram = "/usr/lib/openssh/sftp-server"

func TestMain(m *testing.M) {
	if addr := os.Getenv(pipeTo); addr != "" {
		os.Exit(pipe(addr, os.Getenv(pipeToken)))
	}
	goleak.VerifyTestMain(m)
}

// With these in its environment the test's binary is what OpenSSH's sftp runs
// in place of ssh: it connects its standard input and output with a gateway.
const (
	pipeTo    = "SALLYPORT_TEST_SFTP_PIPE_TO"
	pipeToken = "SALLYPORT_TEST_SFTP_PIPE_TOKEN"
)

func pipe(addr, token string) int {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return 1
	}
	if _, err := io.WriteString(c, token+"\n"); err != nil {
		return 1
	}
	go func() {
		_, _ = io.Copy(c, os.Stdin)
		_ = c.(*net.TCPConn).CloseWrite()
	}()
	if _, err := io.Copy(os.Stdout, c); err != nil {
		return 1
	}
	return 0
}

// carrier is a protocol that carries nothing but one sftp subsystem: a line
// with a token, then packets.
type carrier struct {
	options sftp.Options
	done    chan error // what Relay returned
	ssh     bool       // the subsystem is within SSH, on both sides
	ctx     context.Context
}

func (carrier) Name() string { return "carrier" }

// Serve implements protocol.Protocol.
func (c carrier) Serve(ctx context.Context, conn net.Conn, g *protocol.Gate) error {
	in := bufio.NewReaderSize(conn, 16)
	token, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	v, err := g.Verifier(ctx, identity.SchemeToken, "")
	if err != nil {
		return err
	}
	who, err := v.(identity.TokenVerifier).VerifyToken(ctx, strings.TrimSpace(token))
	if err != nil {
		return err
	}
	s, err := g.Open(ctx, who, protocol.Route{})
	if err != nil {
		return err
	}
	target, err := s.Dial(ctx, protocol.Endpoint{})
	if err != nil {
		return err
	}
	list, err := s.Begin(ctx, nil, protocol.Operation{Verb: "sftp", Text: "sftp"})
	if err != nil {
		return err
	}
	var here, there sftp.Stream = buffered{in, conn.(stream)}, target.(stream)
	if c.ssh {
		h, err := tryDialSSH(target)
		if err != nil {
			return err
		}
		here, there = acceptSSH(buffered{in, conn.(stream)}), h
	}
	if ctx = s.Context(); c.ctx != nil {
		ctx = c.ctx
	}
	err = sftp.Relay(ctx, s, list[0].ID(), here, there, c.options)
	result := protocol.Outcome{Result: protocol.OK}
	if err != nil {
		result.Result = protocol.Failed
	}
	last := list[0].End(result)
	select { // after the end is in the record, where tests look for it
	case c.done <- err:
	default:
	}
	return errors.Join(err, last, conn.Close())
}

type stream interface {
	net.Conn
	CloseWrite() error
}

type buffered struct {
	in *bufio.Reader
	stream
}

// Read implements io.Reader.
func (b buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// rig is a gateway in front of a server.
type rig struct {
	*proxytest.Gateway
	t      testing.TB
	mint   *proxytest.Mint
	people *proxytest.People
	done   chan error
	root   string // the directory that the server starts in
}

type setup struct {
	rules   []approve.Rule
	options sftp.Options
	build   func(*proxy.Builder) *proxy.Builder
	ctx     context.Context // in place of the session's
	// server, where not nil, is the target in place of OpenSSH's.
	server func(net.Conn)
}

func allowAll() []approve.Rule {
	return []approve.Rule{{Name: "all", Verdict: protocol.Allow}}
}

func start(t testing.TB, s setup) *rig {
	t.Helper()
	return startOver(t, s, false)
}

func startOver(t testing.TB, s setup, overSSH bool) *rig {
	t.Helper()
	r := &rig{t: t, mint: proxytest.NewMint(), people: proxytest.NewPeople("people"), done: make(chan error, 16), root: deep(t)}
	var servers sync.WaitGroup
	t.Cleanup(servers.Wait)
	dial := func(context.Context, string, string) (net.Conn, error) {
		here, there := pair(t)
		servers.Go(func() {
			defer there.Close()
			if s.server != nil {
				s.server(there)
				return
			}
			serve(t, there, r.root)
		})
		return here, nil
	}
	if s.rules == nil {
		s.rules = allowAll()
	}
	r.Gateway = proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		b = b.Identify(r.mint).Approve(s.rules, r.people)
		if s.build != nil {
			b = s.build(b)
		}
		return b.Listen("127.0.0.1:0", carrier{s.options, r.done, overSSH, s.ctx}, protocol.Target{Name: "host", Address: "127.0.0.1:1", Dial: dial})
	})
	return r
}

// pair returns two ends of a socket.
func pair(t testing.TB) (a, b *net.UnixConn) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	end := func(fd int) *net.UnixConn {
		f := os.NewFile(uintptr(fd), "pair")
		defer f.Close()
		c, err := net.FileConn(f)
		require.NoError(t, err)
		return c.(*net.UnixConn)
	}
	return end(fds[0]), end(fds[1])
}

// serve runs OpenSSH's server on conn until it leaves.
func serve(t testing.TB, conn *net.UnixConn, dir string) {
	f, err := conn.File()
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	cmd := exec.Command(serverProgram)
	cmd.Dir, cmd.Stdin, cmd.Stdout = dir, f, f
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	conn.Close()
	f.Close()
	_ = cmd.Wait()
}

// connect returns a client's connection behind the token.
func (r *rig) connect() net.Conn {
	r.t.Helper()
	c := r.Dial(r.t)
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	_, err := io.WriteString(c, r.mint.Token("agent")+"\n")
	require.NoError(r.t, err)
	return c
}

// client returns a client that speaks through the gateway.
func (r *rig) client(opts ...client.ClientOption) *client.Client {
	r.t.Helper()
	conn := r.connect()
	c, err := client.NewClientPipe(conn, conn, opts...)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	return c
}

// direct returns a client that speaks with OpenSSH's server itself.
func direct(t testing.TB, dir string) *client.Client {
	here, there := pair(t)
	var server sync.WaitGroup
	server.Go(func() { serve(t, there, dir) })
	c, err := client.NewClientPipe(here, here)
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		here.Close()
		server.Wait()
	})
	return c
}

// ended waits for what Relay returned.
func (r *rig) ended() error {
	r.t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(30 * time.Second):
		require.Fail(r.t, "the relay did not end")
		return nil
	}
}

// deep returns a new directory out of which a few steps up lead nowhere.
func deep(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "1", "2", "3", "4", "5", "root")
	require.NoError(t, os.MkdirAll(dir, 0o700))
	return dir
}
