package ssh

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
)

const maxListens = 16 // ports that a client has the target listen on

// forwarding returns why the client may not forward ports, or nothing.
func (c *connection) forwarding() string {
	switch {
	case !c.config.Forward:
		return "port forwarding is off on this gateway; " + insteadOfForwarding
	case !c.permits.forward:
		return "the client's certificate permits no port forwarding"
	}
	return ""
}

// forwardConnect serves a connection that the client has the target make (ssh
// -L, -W, -D; RFC 4254, section 7.2).
func (c *connection) forwardConnect(n xssh.NewChannel) {
	var m forwardOpen
	if xssh.Unmarshal(n.ExtraData(), &m) != nil || !m.readable() {
		_ = n.Reject(xssh.ConnectionFailed, "the request cannot be read")
		return
	}
	where, ok := judged(m.Address, m.Port)
	if !ok {
		_ = n.Reject(xssh.Prohibited, c.refuse("forward.connect", where, "this is neither an IP address nor a name"))
		return
	}
	if why := c.forwarding(); why != "" {
		_ = n.Reject(xssh.Prohibited, c.refuse("forward.connect", where, why))
		return
	}
	list, err := c.s.Begin(c.ctx, nil, c.forward("forward.connect", where, &m))
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		_ = n.Reject(xssh.Prohibited, denied.Error())
		return
	}
	if err != nil {
		_ = n.Reject(xssh.ConnectionFailed, protocol.Public(err))
		c.fail(err)
		return
	}
	x := list[0]
	to, requests, err := c.target.OpenChannel("direct-tcpip", n.ExtraData())
	if err != nil {
		words := "the connection to the target is lost"
		if refused, ok := errors.AsType[*xssh.OpenChannelError](err); ok {
			words = c.plain(refused.Message, 200)
		}
		_ = x.End(protocol.Outcome{Result: protocol.Failed, Text: words})
		_ = n.Reject(xssh.ConnectionFailed, words)
		return
	}
	defer to.Close()
	client, wants, err := n.Accept()
	if err != nil {
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Text: "the client left"})
		return
	}
	c.relay(x, client, wants, to, requests)
}

// forwardEffects is what may happen at the other end of a forwarded connection:
// anything, but there and nowhere else, so that rules can tell addresses apart.
const forwardEffects = protocol.Everything &^ (protocol.Code | protocol.Opaque)

// forward makes the head of a forwarded connection, or of a listen where
// there is none yet.
func (c *connection) forward(verb, where string, m *forwardOpen) protocol.Operation {
	op := protocol.Operation{
		Verb: verb, Text: where, Effects: forwardEffects,
		Objects: []protocol.Object{{Kind: "address", Name: where, Effects: forwardEffects}},
	}
	if m != nil {
		op.Params = []protocol.Param{{Name: "from", Value: net.JoinHostPort(m.Origin, strconv.FormatUint(uint64(m.OriginPort), 10))}}
	}
	c.hide(&op)
	return op
}

// readable reports whether m is what it says, and no more.
func (m *forwardOpen) readable() bool {
	return m.Port <= 65535 && m.OriginPort <= 65535 && len(m.Address) <= 255 && len(m.Origin) <= 255 && graphic(m.Origin)
}

// judged returns how rules see an address: IP addresses in their usual form,
// names in lower case and without a dot at the end, an empty address, which
// means all, as 0.0.0.0. What resolvers read as an address in other forms
// (127.1, 0x7f000001) is not taken: rules could not tell what it means.
func judged(host string, port uint32) (where string, ok bool) {
	name := strings.ToLower(strings.TrimSuffix(host, "."))
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "" || host == "*":
		name, ok = "0.0.0.0", true
	case err == nil:
		name, ok = ip.Unmap().String(), graphic(host)
	default:
		last := name[strings.LastIndexByte(name, '.')+1:]
		ok = last != "" && (last[0] < '0' || last[0] > '9') &&
			strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == ""
	}
	return net.JoinHostPort(name, strconv.FormatUint(uint64(port), 10)), ok
}

// relay carries a forwarded connection until both sides have ended it.
func (c *connection) relay(x *protocol.Exchange, client xssh.Channel, wants <-chan *xssh.Request, to xssh.Channel, requests <-chan *xssh.Request) {
	defer client.Close()
	defer to.Close()
	defer context.AfterFunc(c.ctx, func() { client.Close(); to.Close() })()
	c.work.Go(func() { xssh.DiscardRequests(wants) })
	c.work.Go(func() { xssh.DiscardRequests(requests) })
	x.To(client)
	in, out := budget{left: c.config.ForwardBytes}, budget{left: c.config.ForwardBytes}
	var broken atomic.Pointer[protocol.Denied]
	stop := func(err error) {
		if denied, ok := errors.AsType[*protocol.Denied](err); ok {
			broken.Store(denied)
		}
		client.Close()
		to.Close()
	}
	var both sync.WaitGroup
	both.Go(func() {
		err := pump(client, func(p []byte) error {
			c.heard(&c.heardClient)
			if err := in.each("in", p, x.Input); err != nil {
				return err
			}
			_, err := to.Write(p)
			return err
		})
		if err != nil {
			stop(err)
			return
		}
		_ = to.CloseWrite()
	})
	both.Go(func() {
		err := pump(to, func(p []byte) error {
			c.heard(&c.heardTarget)
			return out.each("out", p, x.Emit)
		})
		if err != nil {
			stop(err)
			return
		}
		_ = client.CloseWrite()
	})
	both.Wait()
	o := protocol.Outcome{Result: protocol.OK, Text: strconv.FormatInt(in.passed, 10) + " bytes in, " + strconv.FormatInt(out.passed, 10) + " bytes out", Units: in.passed + out.passed}
	if denied := broken.Load(); denied != nil {
		o.Result, o.Text = protocol.Aborted, denied.Error()
	} else if c.ctx.Err() != nil {
		o.Result = protocol.Unknown
	}
	if err := x.End(o); err != nil {
		c.fail(err)
	}
}

// budget bounds how much of a stream is recorded with its content.
type budget struct{ left, passed int64 }

// each hands p on as parts: what is within the budget, and the rest withheld.
func (b *budget) each(kind string, p []byte, take func(protocol.Part) error) error {
	b.passed += int64(len(p))
	if open := p[:min(int64(len(p)), max(b.left, 0))]; len(open) > 0 {
		b.left -= int64(len(open))
		if err := take(protocol.Part{Kind: kind, Data: open}); err != nil {
			return err
		}
		p = p[len(open):]
	}
	if len(p) == 0 {
		return nil
	}
	return take(protocol.Part{Kind: kind, Data: p, Withheld: true})
}

// listens are the ports on which the target listens for the client.
type listens struct {
	mu   sync.Mutex
	open map[listenRequest]*protocol.Exchange
}

// listen has the target listen on a port (ssh -R; RFC 4254, section 7.1).
func (c *connection) listen(r *xssh.Request) {
	var m listenRequest
	if xssh.Unmarshal(r.Payload, &m) != nil || m.Port > 65535 || len(m.Address) > 255 {
		_ = r.Reply(false, nil)
		return
	}
	where, ok := judged(m.Address, m.Port)
	why := c.forwarding()
	if !ok {
		why = "this is neither an IP address nor a name"
	}
	if why != "" {
		c.refuse("forward.listen", where, why)
		_ = r.Reply(false, nil)
		return
	}
	c.listens.mu.Lock()
	full := len(c.listens.open) >= maxListens || c.listens.open[m] != nil
	c.listens.mu.Unlock()
	if full {
		_ = r.Reply(false, nil)
		return
	}
	// A person may be asked: the requests behind this one wait, as their
	// answers have no names and must come in order.
	list, err := c.s.Begin(c.ctx, nil, c.forward("forward.listen", where, nil))
	if err != nil {
		_ = r.Reply(false, nil)
		if _, ok := errors.AsType[*protocol.Denied](err); !ok {
			c.fail(err)
		}
		return
	}
	x := list[0]
	ok, reply, err := c.target.SendRequest("tcpip-forward", true, r.Payload)
	if err != nil || !ok {
		_ = x.End(protocol.Outcome{Result: protocol.Failed, Text: "the target does not listen there"})
		_ = r.Reply(false, nil)
		return
	}
	var chosen listenReply
	if m.Port == 0 {
		if xssh.Unmarshal(reply, &chosen) != nil {
			_ = x.End(protocol.Outcome{Result: protocol.Failed, Text: "the target did not say on which port it listens"})
			_ = r.Reply(false, nil)
			return
		}
		m.Port = chosen.Port
		_ = x.Annotate(protocol.Annotation{Kind: "port", Text: strconv.FormatUint(uint64(m.Port), 10)})
	}
	c.listens.mu.Lock()
	if c.listens.open == nil {
		c.listens.open = map[listenRequest]*protocol.Exchange{}
	}
	taken := c.listens.open[m] != nil
	if !taken {
		c.listens.open[m] = x
	}
	c.listens.mu.Unlock()
	if taken {
		_ = x.End(protocol.Outcome{Result: protocol.Failed, Text: "the target listens there already"})
		_ = r.Reply(false, nil)
		return
	}
	_ = r.Reply(true, reply)
}

// unlisten ends a listen.
func (c *connection) unlisten(r *xssh.Request) {
	var m listenRequest
	if xssh.Unmarshal(r.Payload, &m) != nil {
		_ = r.Reply(false, nil)
		return
	}
	c.listens.mu.Lock()
	x := c.listens.open[m]
	delete(c.listens.open, m)
	c.listens.mu.Unlock()
	if x == nil {
		_ = r.Reply(false, nil)
		return
	}
	ok, _, err := c.target.SendRequest("cancel-tcpip-forward", true, r.Payload)
	ok = ok && err == nil
	o := protocol.Outcome{Result: protocol.OK}
	if !ok {
		o = protocol.Outcome{Result: protocol.Failed, Text: "the target did not stop listening"}
	}
	_ = x.End(o)
	_ = r.Reply(ok, nil)
}

// forwardAccept serves a connection that somebody made to a port on which the
// target listens for the client: an operation of the target's origin.
func (c *connection) forwardAccept(n xssh.NewChannel) {
	var m forwardOpen
	if xssh.Unmarshal(n.ExtraData(), &m) != nil || !m.readable() {
		_ = n.Reject(xssh.ConnectionFailed, "the request cannot be read")
		return
	}
	c.listens.mu.Lock()
	parent := c.listens.open[listenRequest{m.Address, m.Port}]
	c.listens.mu.Unlock()
	if parent == nil {
		c.refuse("channel", "from the target: forwarded-tcpip", "nobody asked the target to listen there")
		_ = n.Reject(xssh.Prohibited, "not asked for")
		return
	}
	where, _ := judged(m.Address, m.Port) // as it was asked for
	op := c.forward("forward.accept", where, &m)
	op.Origin, op.Parent = protocol.OriginTarget, parent.ID()
	list, err := c.s.Begin(c.ctx, nil, op)
	if err != nil {
		_ = n.Reject(xssh.Prohibited, "not permitted")
		if _, ok := errors.AsType[*protocol.Denied](err); !ok {
			c.fail(err)
		}
		return
	}
	x := list[0]
	client, wants, err := c.client.OpenChannel("forwarded-tcpip", n.ExtraData())
	if err != nil {
		_ = x.End(protocol.Outcome{Result: protocol.NotSent, Text: "the client did not take the connection"})
		_ = n.Reject(xssh.ConnectionFailed, "the client does not take it")
		return
	}
	from, requests, err := n.Accept()
	if err != nil {
		client.Close()
		_ = x.End(protocol.Outcome{Result: protocol.Unknown, Text: "the target left"})
		return
	}
	c.relay(x, client, wants, from, requests)
}
