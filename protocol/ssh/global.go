package ssh

import (
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
)

// clientRequests answers what the client asks of the connection as a whole.
func (c *connection) clientRequests(requests <-chan *xssh.Request) {
	for r := range requests {
		c.heard(&c.heardClient)
		switch r.Type {
		case "no-more-sessions@openssh.com":
			c.lastSession.Store(true)
			_ = r.Reply(true, nil)
		case "tcpip-forward":
			c.listen(r)
		case "cancel-tcpip-forward":
			c.unlisten(r)
		case "streamlocal-forward@openssh.com", "cancel-streamlocal-forward@openssh.com":
			c.refuse("forward", r.Type, "forwarding of Unix sockets is not possible through this gateway; "+insteadOfForwarding)
			_ = r.Reply(false, nil)
		default: // keepalive@openssh.com wants an answer of either kind
			_ = r.Reply(false, nil)
		}
	}
}

// targetRequests answers what the target asks of the connection. Its host keys
// are between it and the gateway (hostkeys-00@openssh.com): the client knows
// the gateway's.
func (c *connection) targetRequests() {
	for r := range c.target.requests {
		c.heard(&c.heardTarget)
		_ = r.Reply(false, nil)
	}
}

// targetChannels serves the channels that the target opens.
func (c *connection) targetChannels() {
	for n := range c.target.channels {
		c.heard(&c.heardTarget)
		if n.ChannelType() != "forwarded-tcpip" {
			c.refuse("channel", "from the target: "+n.ChannelType(), "the target may open no channel of this type")
			_ = n.Reject(xssh.Prohibited, "not permitted")
			continue
		}
		if int(c.channels.Add(1)) > c.config.MaxChannels {
			c.channels.Add(-1)
			_ = n.Reject(xssh.ResourceShortage, "too many channels are open")
			continue
		}
		c.work.Go(func() {
			defer c.channels.Add(-1)
			c.forwardAccept(n)
		})
	}
}

// keepAlive asks silent peers whether they are there.
func (c *connection) keepAlive() {
	c.heard(&c.heardClient)
	c.heard(&c.heardTarget)
	tick := time.NewTicker(c.config.KeepAlive)
	defer tick.Stop()
	for _, peer := range []struct {
		name string
		xssh.Conn
		heard *atomic.Int64
	}{{"client", c.client, &c.heardClient}, {"target", c.target, &c.heardTarget}} {
		c.work.Go(func() { c.probe(peer.name, peer.Conn, peer.heard) })
	}
	for {
		select {
		case <-c.ctx.Done():
			return
		case now := <-tick.C:
			limit := 3 * c.config.KeepAlive
			for name, heard := range map[string]*atomic.Int64{"client": &c.heardClient, "target": &c.heardTarget} {
				if now.Sub(time.Unix(0, heard.Load())) > limit {
					c.fail(&protocol.Failure{Public: "the " + name + " does not answer any more", Err: protocol.ErrLimit})
				}
			}
		}
	}
}

// probe asks one peer, again and again; an answer of either kind will do.
func (c *connection) probe(_ string, peer xssh.Conn, heard *atomic.Int64) {
	for {
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(c.config.KeepAlive):
		}
		if _, _, err := peer.SendRequest("keepalive@openssh.com", true, nil); err != nil {
			return
		}
		c.heard(heard)
	}
}
