package protocol_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// MySQL's long data has no answer and means nothing before its execute: it
// waits there, up to a cap, and belongs to the head. Beyond the cap it is
// drained, and the execute is refused.
func TestSequenceLongData(t *testing.T) {
	const limit = 64
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		var held []byte
		over := false
		for {
			line := c.hear()
			w := words(line, 2)
			switch w[0] {
			case "long-data":
				if over = over || len(held)+len(w[1]) > limit; !over {
					held = append(held, w[1]...)
				}
				continue
			case "execute":
				op := protocol.Operation{Verb: "execute", Text: line, Params: []protocol.Param{{Name: "?1", Type: "blob", Value: string(held)}}}
				if over {
					op.Params, op.Refuse = nil, "the parameter is larger than 64 bytes"
				}
				x, denied, err := begin(ctx, s, op)
				switch {
				case err != nil:
					return err
				case denied != nil:
					err = s.Emit(text("error: %s", denied.Decision.Reason))
				default:
					target.say("long-data %s", held)
					target.say("%s", line)
					err = x.Finish(text("%s", target.hear()), done())
				}
				if err != nil {
					return err
				}
				held, over = held[:0], false
			default:
				return nil
			}
		}
	}
	target := func(r *rig, p *peer) {
		for line := p.hear(); line != ""; line = p.hear() {
			w := words(line, 2)
			if w[0] == "execute" {
				p.say("ok")
				continue
			}
			params := r.Record.Operations()[0].Params
			assert.Equal(r.t, []protocol.Param{{Name: "?1", Type: "blob", Value: w[1]}}, params, "judged and recorded before")
		}
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("agent")
	c.say("long-data half")
	c.say("long-data other-half")
	c.say("execute 1")
	require.Equal(t, "ok", c.hear())
	for range 1000 {
		c.say("long-data too-much")
	}
	c.say("execute 2")
	require.Equal(t, "error: the parameter is larger than 64 bytes", c.hear())
	r.stopped()
	require.Equal(t, "halfother-half", r.Record.Operation(t, "execute 1").Params[0].Value)
	require.Equal(t, protocol.Refused, r.Record.Outcome(t, "execute 2"))
}

// COM_CHANGE_USER is a new session on the same connection: with a proof, a
// connection to the target and a record of its own.
func TestSequenceChangeUser(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		for {
			w := words(c.hear(), 2)
			switch w[0] {
			case "change-user":
				who, err := proven(ctx, w[1], g)
				if err != nil {
					c.say("refused") // and nothing of the old session is left to the client
					return nil
				}
				if err := s.Close("the client changed its user"); err != nil {
					return err
				}
				if s, err = g.Open(ctx, who, protocol.Route{Client: c}); err != nil {
					return err
				}
				if target, err = dialed(ctx, s); err != nil {
					return err
				}
				c.say("changed")
			case "query":
				x, _, err := begin(ctx, s, protocol.Operation{Verb: "query", Text: w[1]})
				if err != nil {
					return err
				}
				target.say("%s", w[1])
				if err := x.Finish(text("%s", target.hear()), done()); err != nil {
					return err
				}
			default:
				return nil
			}
		}
	}
	target := func(r *rig, p *peer) {
		for n := 1; ; n++ {
			line := p.hear()
			if line == "" {
				return
			}
			r.reached(line)
			p.say("%s is number %d here", line, n)
		}
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("alice")
	ask := func(format string, args ...any) string {
		c.say(format, args...)
		return c.hear()
	}
	require.Equal(t, "a is number 1 here", ask("query a"))
	require.Equal(t, "changed", ask("change-user %s", r.mint.Token("bob")))
	require.Equal(t, "b is number 1 here", ask("query b"), "nothing of alice's connection is bob's")
	require.Equal(t, "refused", ask("change-user stolen"))
	r.stopped()
	require.Equal(t, []string{"alice", "bob"}, r.opened())
	a, b := r.Record.Operation(t, "a"), r.Record.Operation(t, "b")
	require.NotEqual(t, a.Session, b.Session)
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindSessionClosed && e.Session == a.Session {
			require.Equal(t, "the client changed its user", e.Outcome.Text, fmt.Sprint(e))
		}
	}
}
