package sftp_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"
)

// acceptSSH serves SSH on a connection and returns the channel of the first
// session; nil where there is none.
func acceptSSH(conn net.Conn) ssh.Channel {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return nil
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return nil
	}
	go ssh.DiscardRequests(requests)
	ch, ok := <-channels
	if !ok {
		return nil
	}
	c, requests, err := ch.Accept()
	if err != nil {
		return nil
	}
	go ssh.DiscardRequests(requests)
	go func() {
		for ch := range channels {
			_ = ch.Reject(ssh.Prohibited, "one is enough")
		}
	}()
	return c
}

// tryDialSSH opens a session over a connection.
func tryDialSSH(conn net.Conn) (ssh.Channel, error) {
	config := &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()} // a key of a moment ago
	there, channels, requests, err := ssh.NewClientConn(conn, "target", config)
	if err != nil {
		return nil, err
	}
	c, more, err := ssh.NewClient(there, channels, requests).OpenChannel("session", nil)
	if err != nil {
		return nil, err
	}
	go ssh.DiscardRequests(more)
	return c, nil
}

func dialSSH(t testing.TB, conn net.Conn) ssh.Channel {
	t.Helper()
	c, err := tryDialSSH(conn)
	require.NoError(t, err)
	return c
}

// newClient speaks SFTP on a connection, within SSH where it is.
func newClient(t testing.TB, conn net.Conn, overSSH bool) *client.Client {
	_ = conn.SetDeadline(time.Time{})
	var ch io.ReadWriteCloser = conn
	if overSSH {
		ch = dialSSH(t, conn)
	}
	c, err := client.NewClientPipe(ch, ch, client.UseConcurrentWrites(true))
	require.NoError(t, err)
	t.Cleanup(func() {
		c.Close()
		conn.Close()
	})
	return c
}

// target runs OpenSSH's sftp-server on a connection, within SSH where it is.
func target(t testing.TB, conn *net.UnixConn, dir string, overSSH bool) {
	if !overSSH {
		serve(t, conn, dir)
		return
	}
	ch := acceptSSH(conn)
	if ch == nil {
		return
	}
	here, there := pair(t)
	var server sync.WaitGroup
	server.Go(func() { serve(t, there, dir) })
	copyBoth(ch, here)
	here.Close()
	server.Wait()
}

// copyBoth is the barest relay: two io.Copy.
func copyBoth(a, b halfCloser) {
	var up sync.WaitGroup
	up.Go(func() {
		_, _ = io.Copy(struct{ io.Writer }{b}, struct{ io.Reader }{a})
		_ = b.CloseWrite()
	})
	_, _ = io.Copy(struct{ io.Writer }{a}, struct{ io.Reader }{b})
	a.Close()
	up.Wait()
}

type halfCloser interface {
	io.ReadWriteCloser
	CloseWrite() error
}
