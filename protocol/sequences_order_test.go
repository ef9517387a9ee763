package protocol_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// A batch is admitted at its Flush; what comes behind it and is denied must
// fail the transaction at the target, and the denial must be heard in its
// place. The target's own error is that place.
func TestSequencePipelineWithFlushAndDenial(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		type owed struct {
			x      *protocol.Exchange
			denial string
		}
		queue := make(chan owed, 10)
		var back sync.WaitGroup
		defer back.Wait()
		back.Go(func() { // target to client, in order
			for o := range queue {
				answer, outcome := target.hear(), done()
				if strings.HasPrefix(answer, "error") {
					outcome.Result = protocol.Failed
				}
				if o.denial != "" {
					answer = o.denial
				}
				_ = o.x.Finish(text("%s", answer), outcome)
			}
		})
		defer close(queue)
		send := func(line, denial string, op protocol.Operation) (*protocol.Denied, error) {
			x, denied, err := begin(ctx, s, op)
			if x != nil {
				queue <- owed{x, denial}
				target.say("%s", line)
			}
			return denied, err
		}
		for line := c.hear(); line != ""; line = c.hear() {
			denied, err := send(line, "", protocol.Operation{Verb: strings.Fields(line)[0], Text: line})
			if denied != nil {
				poison := protocol.Operation{Verb: "fail transaction", Text: "!" + denied.ID, Origin: protocol.OriginGateway}
				_, err = send(poison.Text, denied.Error(), poison)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	first := make(chan struct{})
	target := func(r *rig, p *peer) {
		failed := false
		for line := p.hear(); line != ""; line = p.hear() {
			r.reached(line)
			if line == "insert a" {
				<-first // its answer is outstanding while the next is denied
			}
			failed = failed || line[0] == '!'
			if failed {
				p.say("error")
			} else {
				p.say("ok %s", line)
			}
		}
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("agent")
	c.say("insert a") // Flush
	c.say("drop b")
	denied := r.Record.Operation(t, "drop b")
	require.Equal(t, protocol.Refused, denied.Outcome.Result)
	close(first)
	require.Equal(t, "ok insert a", c.hear())
	require.Contains(t, c.hear(), fmt.Sprintf(`denied by rule "no-drops": nobody drops here (operation %s.%d)`, denied.Session, denied.ID))
	c.say("commit")
	require.Equal(t, "error", c.hear(), "the commit keeps nothing")
	require.NoError(t, c.Close())
	r.stopped()
	require.Equal(t, []string{"operation", "end"}, r.kinds(denied))
	require.Equal(t, protocol.OriginGateway, r.Record.Operation(t, "!").Origin)
}

// COPY IN: a head, parts, and a seal before what makes the parts count.
func TestSequenceCopyIn(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		s, err := byToken(ctx, c, g)
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		head := c.hear()
		x, _, err := begin(ctx, s, protocol.Operation{Verb: "copy in", Text: head, Effects: protocol.Write})
		if err != nil {
			return err
		}
		target.say("%s", head)
		if err := x.Emit(text("%s", target.hear())); err != nil {
			return err
		}
		for line := c.hear(); line != ""; line = c.hear() {
			if err := x.Input(text("%s", line)); err != nil {
				return err
			}
			if line == `\.` {
				if err := x.Seal(); err != nil {
					return err
				}
			}
			target.say("%s", line)
			if line == `\.` {
				break
			}
		}
		return x.Finish(text("%s", target.hear()), protocol.Outcome{Result: protocol.OK, Units: 2})
	}
	target := func(r *rig, p *peer) {
		rows := 0
		for line := p.hear(); line != ""; line = p.hear() {
			r.reached(line)
			switch {
			case strings.HasPrefix(line, "copy"):
				p.say("go on")
			case line == `\.`:
				if !r.sealed() {
					r.t.Error("the end of the data came before the seal")
				}
				p.say("copied %d", rows)
			default:
				rows++
			}
		}
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("agent")
	c.say("copy t from stdin")
	require.Equal(t, "go on", c.hear())
	c.say("one")
	c.say("two")
	c.say(`\.`)
	require.Equal(t, "copied 2", c.hear())
	r.stopped()
	op := r.Record.Operation(t, "copy")
	require.Equal(t, "one\ntwo\n\\.\n", string(op.Input))
	require.Equal(t, int64(2), op.Outcome.Units)
	require.Equal(t, []string{"operation", "output", "input", "input", "input", "note", "end"}, r.kinds(op))
}
