package protocol_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// onStream writes lines of one stream of a connection that has many.
type onStream struct {
	mu     *sync.Mutex
	w      io.Writer
	stream string
}

func (s onStream) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := fmt.Fprintf(s.w, "%s %s", s.stream, b)
	return len(b), err
}

// As on HTTP/2: each request proves who asks, streams overlap, and what ends
// one principal's session leaves the other's alone.
func TestSequenceTwoPrincipalsOnOneConnection(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		var mu, opening sync.Mutex
		sessions := map[string]*protocol.Session{}
		session := func(token string) (*protocol.Session, error) {
			opening.Lock()
			defer opening.Unlock()
			if s := sessions[token]; s != nil {
				return s, nil
			}
			who, err := proven(ctx, token, g)
			if err != nil {
				return nil, err
			}
			s, err := g.Open(ctx, who, protocol.Route{})
			if err == nil {
				sessions[token] = s
				context.AfterFunc(s.Context(), func() { _ = s.Close("ended") })
			}
			return s, err
		}
		request := func(stream, token, what string) {
			answers := onStream{&mu, c, stream}
			s, err := session(token)
			if err != nil {
				fmt.Fprintf(answers, "401\n")
				return
			}
			x, denied, err := begin(ctx, s, protocol.Operation{Verb: strings.Fields(what)[0], Text: what})
			if err != nil || denied != nil {
				fmt.Fprintf(answers, "403\n")
				return
			}
			target, err := dialed(ctx, s)
			if err != nil {
				return
			}
			x.To(answers)
			target.say("%s", what)
			_ = x.Finish(text("%s", target.hear()), done())
		}
		var streams sync.WaitGroup
		defer streams.Wait()
		for line := c.hear(); line != ""; line = c.hear() {
			w := words(line, 3)
			streams.Go(func() { request(w[0], w[1], w[2]) })
		}
		return nil
	}
	target := func(r *rig, p *peer) {
		line := p.hear()
		r.reached(line)
		p.say("200 %s", line)
	}
	r := start(t, speaker{speak}, target)
	alice, bob := r.mint.Token("alice"), r.mint.Token("bob")
	c := r.client()
	c.say("1 %s ask a", alice)
	question := r.people.WaitAsked(t, 1)[0]
	require.Equal(t, "alice", question.Principal.Subject)
	c.say("3 %s get b", bob)
	require.Equal(t, "3 200 get b", c.hear(), "bob does not wait for alice's approver")
	c.say("5 %s drop b", bob)
	require.Equal(t, "5 403", c.hear())
	c.say("7 stolen get b")
	require.Equal(t, "7 401", c.hear())

	require.True(t, r.End(question.Session, "enough"))
	require.Equal(t, "1 403", c.hear())
	c.say("9 %s get c", bob)
	require.Equal(t, "9 200 get c", c.hear(), "bob goes on")
	require.NoError(t, c.Close())
	r.stopped()
	require.Equal(t, []string{"alice", "bob"}, r.opened())
	require.NotEqual(t, r.Record.Operation(t, "get b").Session, question.Session)
}

// A CancelRequest comes on a connection of its own, with a key for a proof; it
// is an operation of the session that it is for.
func TestSequenceCancelRequest(t *testing.T) {
	speak := func(ctx context.Context, c *peer, g *protocol.Gate) error {
		first := c.hear()
		if key, ok := strings.CutPrefix(first, "cancel "); ok {
			_ = g.Control(ctx, []byte(key)) // the client learns nothing
			return nil
		}
		who, err := proven(ctx, first, g)
		if err != nil {
			return err
		}
		s, err := g.Open(ctx, who, protocol.Route{Client: c})
		if err != nil {
			return err
		}
		target, err := dialed(ctx, s)
		if err != nil {
			return err
		}
		s.HandleControl([]byte("key"), func(ctx context.Context) error {
			x, _, err := begin(ctx, s, protocol.Operation{Verb: "cancel", Text: "cancel what runs"})
			if err != nil {
				return err
			}
			other, err := dialed(ctx, s)
			if err != nil {
				return errors.Join(err, x.End(protocol.Outcome{Result: protocol.NotSent}))
			}
			other.say("cancel what runs")
			return x.End(done())
		})
		x, _, err := begin(ctx, s, protocol.Operation{Verb: "query", Text: "sleep"})
		if err != nil {
			return err
		}
		target.say("sleep")
		return x.Finish(text("%s", target.hear()), protocol.Outcome{Result: protocol.Failed, Code: "57014"})
	}
	asleep, wake := make(chan struct{}), make(chan struct{})
	target := func(r *rig, p *peer) {
		line := p.hear()
		r.reached(line)
		if line == "sleep" {
			close(asleep)
			<-wake
			p.say("canceled")
			return
		}
		close(wake)
	}
	r := start(t, speaker{speak}, target)
	c := r.agent("agent")
	<-asleep
	for _, key := range []string{"yek", "key"} {
		other := r.client()
		other.say("cancel %s", key)
		require.Empty(t, other.hear(), "no answer, right or wrong")
	}
	require.Equal(t, "canceled", c.hear())
	r.stopped()
	require.Equal(t, []string{"agent"}, r.opened(), "the key opened no session")
	cancel, query := r.Record.Operation(t, "cancel"), r.Record.Operation(t, "sleep")
	require.Equal(t, query.Session, cancel.Session)
	require.Equal(t, "57014", query.Outcome.Code)
}

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
