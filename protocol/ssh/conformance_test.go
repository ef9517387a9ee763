package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
	"github.com/sallyport/sallyport/protocol/ssh"
)

const canary = "AKIAZ7QYXWVUTSRPONML"

func TestConformance(t *testing.T) {
	host, _ := newKey(t)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "secret"), []byte("key "+canary+" end\n"), 0o600))
	protocoltest.Run(t, protocoltest.Plugin{
		New: func() protocol.Protocol {
			return ssh.New(ssh.Config{
				Keys: []xssh.Signer{host}, HostKeys: ssh.HostKeys{Lines: []string{server.KnownHosts()}}, KeepAlive: -1,
				Login: ssh.StaticLogin(ssh.Login{User: server.User(), Key: server.ClientKey()}),
			})
		},
		Target:  func(testing.TB) protocol.Target { return protocol.Target{Name: "box", Address: server.Addr()} },
		Connect: connect(host.PublicKey()),
		Rules: []approve.Rule{
			{Name: "all", Verdict: protocol.Allow},
			{Name: "no-dd", Verdict: protocol.Deny, Objects: []string{"/forbidden"}},
			{Name: "ask-touch", Verdict: protocol.Ask, Objects: []string{"/dev/null/asked"}},
		},
		Read: "printf 'one\\ntwo\\n'", Write: "echo x >> " + filepath.Join(dir, "log"),
		Denied: "cat /forbidden", Asked: "ls -d /dev/null/asked || true",
		Large: "head -c 100000000 /dev/zero", LargeBytes: 100_000_000,
		Canary: []string{
			"cat " + filepath.Join(dir, "secret"), "cat " + filepath.Join(dir, "secret") + " >&2",
			"printf 'AKIAZ7QYX'; sleep 0.2; printf 'WVUTSRPONML\\n'",
		},
		Answers: true,
		Secret:  canary, Masks: []mask.Rule{mask.Secrets()},
	})
}

// client adapts x/crypto's client to the kit.
type client struct {
	c    *xssh.Client
	conn net.Conn
}

func connect(host xssh.PublicKey) func(context.Context, net.Conn, string, string) (protocoltest.Client, error) {
	return func(ctx context.Context, conn net.Conn, user, token string) (protocoltest.Client, error) {
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		c, channels, requests, err := xssh.NewClientConn(conn, "gateway:22", &xssh.ClientConfig{
			User: user, Auth: []xssh.AuthMethod{xssh.Password(token)}, HostKeyCallback: xssh.FixedHostKey(host),
		})
		if err != nil {
			return nil, err
		}
		if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err != nil { // answered once the gateway has logged in
			return nil, err
		}
		return client{xssh.NewClient(c, channels, requests), conn}, nil
	}
}

func (c client) run(ctx context.Context, op string, out io.Writer) error {
	s, err := c.c.NewSession()
	if err != nil {
		return err
	}
	defer s.Close()
	defer context.AfterFunc(ctx, func() { s.Close() })()
	var words bytes.Buffer
	s.Stdout, s.Stderr = out, &words
	err = s.Run(op)
	if err != nil {
		return fmt.Errorf("%w: %s", err, words.String())
	}
	if words.Len() > 0 {
		_, err = out.Write(words.Bytes())
	}
	return errors.Join(err, ctx.Err())
}

func (c client) Do(ctx context.Context, op string) ([]byte, error) {
	var b bytes.Buffer
	err := c.run(ctx, op, &b)
	return b.Bytes(), err
}

func (c client) Drain(ctx context.Context, op string) (int64, error) {
	var n counter
	err := c.run(ctx, op, &n)
	return int64(n), err
}

func (c client) Unknown(context.Context) error {
	_, _, err := c.c.OpenChannel("magic@example.com", nil)
	if refused, ok := errors.AsType[*xssh.OpenChannelError](err); !ok || refused.Reason != xssh.Prohibited {
		return fmt.Errorf("a channel of an unknown type: %w", err)
	}
	ok, _, err := c.c.SendRequest("magic@example.com", true, nil)
	if ok || err != nil {
		return fmt.Errorf("an unknown request: %v, %w", ok, err)
	}
	return nil
}

func (c client) Close() error { return c.conn.Close() }

type counter int64

func (n *counter) Write(p []byte) (int, error) {
	*n += counter(len(p))
	return len(p), nil
}
