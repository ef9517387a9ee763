package protocol_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// An MCP tool call waits for a person, streams progress, and makes its server
// ask something of the client: an operation of the target's origin, judged
// like any other.
func TestSequenceToolCall(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		line := c.hear()
		w := words(line, 3)
		list, err := s.Begin(ctx, func(p protocol.Pending) {
			_ = s.Emit(text("progress: %s waits for %v", p.Rule, p.Asked))
		}, protocol.Operation{
			Verb: w[0], Text: line, Effects: protocol.Everything, // what a tool does is not known
			Objects: []protocol.Object{{Kind: "tool", Name: w[1], Effects: protocol.Everything}},
			Params:  []protocol.Param{{Name: "arguments", Type: "json", Value: w[2]}},
		})
		if err != nil {
			return err
		}
		call := list[0]
		target.say("%s", line)
		for {
			line := target.hear()
			w := words(line, 2)
			switch w[0] {
			case "progress":
				err = call.Emit(text("%s", line))
			case "sampling", "drop": // requests of the server's
				ask, denied, other := begin(ctx, s, protocol.Operation{Verb: w[0], Text: line, Origin: protocol.OriginTarget, Parent: call.ID()})
				if err = other; denied != nil {
					target.say("error: %s", denied.Decision.Reason)
				} else if err == nil {
					if err = ask.Emit(text("%s", line)); err == nil {
						answer := c.hear()
						if err = ask.Input(text("%s", answer)); err == nil {
							target.say("%s", answer)
							err = ask.End(done())
						}
					}
				}
			case "result":
				data := []byte(line + "\n")
				hidden := s.Masks().Redact(data)
				return call.Finish(protocol.Part{Kind: "result", Data: data, Masked: hidden}, done())
			default:
				return errors.New("the server is gone")
			}
			if err != nil {
				return err
			}
		}
	}
	const secret = "key-123456"
	target := func(r *rig, p *peer) {
		r.reached(p.hear())
		p.say("progress 1 of 2")
		p.say("sampling what is this?")
		answer := p.hear()
		r.reached(answer)
		p.say("drop the client's files")
		p.say("result %s, %s, %s", answer, p.hear(), secret)
	}
	r := start(t, speaker{speak}, target, func(b *proxy.Builder) *proxy.Builder {
		return b.Mask(mask.Pattern("keys", `key-[0-9]+`))
	})
	r.people.Approve()
	c := r.agent("agent")
	c.say(`tools/call deploy {"where":"prod"}`)
	require.Equal(t, "progress: asks waits for [people]", c.hear())
	require.Equal(t, "progress 1 of 2", c.hear())
	require.Equal(t, "sampling what is this?", c.hear())
	c.say("a deployment")
	require.Equal(t, "result a deployment, error: nobody drops here, **********", c.hear())
	r.stopped()
	call, ask, denied := r.Record.Operation(t, "deploy"), r.Record.Operation(t, "sampling"), r.Record.Operation(t, "files")
	require.Equal(t, []string{"operation", "decision", "output", "end"}, r.kinds(call))
	require.Equal(t, []string{"operation", "output", "input", "end"}, r.kinds(ask))
	require.Equal(t, protocol.OriginTarget, ask.Origin)
	require.Equal(t, call.ID, ask.Parent)
	require.Equal(t, protocol.Refused, denied.Outcome.Result)
	require.False(t, r.Record.Holds([]byte(secret)))
}

// connector stands beside a target that the gateway cannot reach: it has
// dialed out to the gateway and carries the gateway's connections back.
type connector struct {
	asked chan net.Conn
	gone  chan struct{}
}

// dial is a target's dialer: it hands the connector one end of a stream.
func (c connector) dial(ctx context.Context, _, address string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case c.asked <- there:
		return here, nil
	case <-c.gone:
		return nil, fmt.Errorf("no connector carries %s", address)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c connector) carry(serve func(*peer)) {
	for {
		select {
		case conn := <-c.asked:
			serve(newPeer(conn))
			conn.Close()
		case <-c.gone:
			return
		}
	}
}

// To the contract a connector is a target's dialer: sessions, judging and the
// record are as they are elsewhere, and so is its absence.
func TestSequenceConnector(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		for line := c.hear(); line != ""; line = c.hear() {
			p, err := dialed(ctx, s)
			if err != nil {
				c.say("%s", protocol.Public(err))
				_ = s.Close(protocol.Public(err))
				return err
			}
			x, _, err := begin(ctx, s, protocol.Operation{Verb: "get", Text: line})
			if err != nil {
				return err
			}
			p.say("%s", line)
			if err := x.Finish(text("%s", p.hear()), done()); err != nil {
				return err
			}
		}
		return nil
	}
	beside := connector{make(chan net.Conn), make(chan struct{})}
	r := &rig{t: t, ln: newPipes(), mint: proxytest.NewMint(), people: proxytest.NewPeople("people")}
	r.run(speaker{speak}, beside.dial)
	var carrying sync.WaitGroup
	t.Cleanup(carrying.Wait)
	carrying.Go(func() {
		beside.carry(func(p *peer) {
			line := p.hear()
			r.reached(line)
			p.say("here is %s", line)
		})
	})
	c := r.agent("agent")
	c.say("get 1")
	require.Equal(t, "here is get 1", c.hear())
	c.say("get 2")
	require.Equal(t, "here is get 2", c.hear())
	close(beside.gone)
	c.say("get 3")
	require.Equal(t, `target "target" cannot be reached`, c.hear())
	r.stopped()
	require.Len(t, r.Record.Operations(), 2, "what cannot be sent was never begun")
}
