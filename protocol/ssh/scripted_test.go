package ssh_test

import (
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
)

// script is a target that does what a test says.
type script struct {
	// channel serves a channel; nil rejects all.
	channel func(xssh.NewChannel)
	// request answers a global request; nil refuses all.
	request func(*xssh.Request)
	// connected, where not nil, gets each connection.
	connected func(*xssh.ServerConn)
}

// startScripted is start with a script as the target.
func startScripted(t testing.TB, o options, s script) *rig {
	t.Helper()
	host, _ := newKey(t)
	config := &xssh.ServerConfig{PublicKeyCallback: func(xssh.ConnMetadata, xssh.PublicKey) (*xssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(host)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { s.serve(c, config, &work) })
		}
	})
	t.Cleanup(func() { l.Close(); work.Wait() }) // the gateway has stopped by then, and with it the connections
	return start(t, at(o, l.Addr().String(), host.PublicKey()))
}

// at puts a target with this address and key in the place of the server.
func at(o options, address string, key xssh.PublicKey) options {
	before := o.config
	o.targets = []protocol.Target{{Name: "box", Address: address}}
	o.config = func(c *ssh.Config) {
		c.HostKeys.Lines = []string{known(address, key)}
		if before != nil {
			before(c)
		}
	}
	return o
}

func (s script) serve(c net.Conn, config *xssh.ServerConfig, work *sync.WaitGroup) {
	defer c.Close()
	conn, channels, requests, err := xssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	work.Go(func() {
		for r := range requests {
			if s.request != nil {
				s.request(r)
			} else {
				_ = r.Reply(false, nil)
			}
		}
	})
	if s.connected != nil {
		s.connected(conn)
	}
	for n := range channels {
		if s.channel == nil {
			_ = n.Reject(xssh.Prohibited, "no")
			continue
		}
		work.Go(func() { s.channel(n) })
	}
}

// commands is a script's channel that accepts and has run called for what is
// to be started; the other requests succeed. When run returns the channel is closed.
func commands(run func(ch xssh.Channel, r *xssh.Request)) func(xssh.NewChannel) {
	return func(n xssh.NewChannel) {
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		defer ch.Close()
		for r := range requests {
			if r.Type == "exec" || r.Type == "shell" || r.Type == "subsystem" {
				go xssh.DiscardRequests(requests)
				run(ch, r)
				return
			}
			_ = r.Reply(true, nil)
		}
	}
}

// exits says how a command ended.
func exits(ch xssh.Channel, status uint32) {
	_, _ = ch.SendRequest("exit-status", false, xssh.Marshal(struct{ S uint32 }{status}))
}
