package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Plugin is the SSH protocol; [New] makes it. It is safe for concurrent use
// and may serve several listeners.
type Plugin struct{ config Config }

var (
	_ protocol.Protocol  = (*Plugin)(nil)
	_ protocol.Validator = (*Plugin)(nil)
)

// New returns the plugin. Mistakes in c are reported when the gateway is built.
func New(c Config) *Plugin { return &Plugin{c.withDefaults()} }

// Format implements fmt.Formatter, see [Config.Format].
func (p *Plugin) Format(f fmt.State, verb rune) { p.config.Format(f, verb) }

// Name returns "ssh".
func (p *Plugin) Name() string { return "ssh" }

// Validate implements protocol.Validator.
func (p *Plugin) Validate(targets []protocol.Target) error {
	errs := []error{p.config.validate()}
	for _, t := range targets {
		if t.Database != "" {
			errs = append(errs, fmt.Errorf("target %q: Database means nothing to SSH; leave it empty", t.Name))
		}
	}
	if _, err := p.hostKeys(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Serve implements protocol.Protocol.
func (p *Plugin) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	a := &authentication{ctx: ctx, gate: g, client: client}
	conn, channels, requests, err := xssh.NewServerConn(client, a.config(p.config.Keys))
	if err != nil {
		err = a.why(err)
		g.Refused(a.name, err)
		return err
	}
	defer conn.Close()
	who, ok := conn.Permissions.ExtraData[provenKey{}].(identity.Proven)
	if !ok {
		return errors.New("authenticated without a principal")
	}
	name, target := splitUser(conn.User())
	s, err := g.Open(ctx, who, protocol.Route{
		Target: target, User: name, Details: map[string]string{"client_version": protocol.Visible(string(conn.ClientVersion()))},
	})
	if err != nil {
		g.Refused(name, err)
		sayNo(conn, channels, requests, protocol.Public(err))
		return err
	}
	to, err := p.connect(s)
	if err != nil {
		s.Logger().Error("cannot connect to the target", "error", err)
		sayNo(conn, channels, requests, protocol.Public(err))
		_ = s.Close(protocol.Public(err))
		return err
	}
	c := newConnection(p.config, s, who, conn, to)
	return c.run(channels, requests)
}

// goodbye is the patience with a client that is told no.
const goodbye = 5 * time.Second

// sayNo tells a client that is authenticated, but will not be served, why: on
// standard error of the first command that it asks for. Who asks for none, or
// does not leave then, is not waited for.
func sayNo(conn *xssh.ServerConn, channels <-chan xssh.NewChannel, requests <-chan *xssh.Request, words string) {
	defer conn.Close()
	defer time.AfterFunc(goodbye, func() { conn.Close() }).Stop()
	go xssh.DiscardRequests(requests)
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(xssh.ConnectionFailed, words)
			continue
		}
		channel, wants, err := n.Accept()
		if err != nil {
			return
		}
		for r := range wants {
			if !starts(r.Type) {
				_ = r.Reply(r.Type == "env" || r.Type == "pty-req", nil)
				continue
			}
			_ = r.Reply(true, nil)
			turnAway(channel, words, exitGateway)
			for range wants { // until the client has closed its side: what was said is read then
			}
			return
		}
	}
}
