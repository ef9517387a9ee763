package main

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/internal/sshserver"
)

// A yardstick that loses something measures nothing.
func TestRelay(t *testing.T) {
	server, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{})
	require.NoError(t, err)
	defer server.Close()
	r := &relay{target: server.Addr(), buffer: 100, server: &ssh.ServerConfig{NoClientAuth: true}, client: &ssh.ClientConfig{
		User: server.User(), Auth: []ssh.AuthMethod{ssh.PublicKeys(server.ClientKey())}, HostKeyCallback: ssh.FixedHostKey(server.HostKey()),
	}}
	r.server.AddHostKey(server.ClientKey())
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			r.serve(conn)
		}
	}()
	client, err := ssh.Dial("tcp", l.Addr().String(), &ssh.ClientConfig{HostKeyCallback: ssh.FixedHostKey(server.ClientKey().PublicKey())})
	require.NoError(t, err)
	defer client.Close()

	long := strings.Repeat("0123456789", 100_000)
	session, err := client.NewSession()
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	session.Stdin, session.Stdout, session.Stderr = strings.NewReader(long), &stdout, &stderr
	err = session.Run("tee /dev/stderr; exit 7")
	require.ErrorContains(t, err, "status 7")
	require.Equal(t, long, stdout.String())
	require.Equal(t, long, stderr.String())

	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Go(func() {
			for range 10 {
				s, err := client.NewSession()
				if err == nil {
					err = s.Run("true")
				}
				if err != nil {
					errs[i] = err
				}
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	_, _, err = client.OpenChannel("unknown", nil)
	var refused *ssh.OpenChannelError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, ssh.UnknownChannelType, refused.Reason)
}
