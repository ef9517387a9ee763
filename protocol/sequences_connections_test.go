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
		var mu sync.Mutex
		session := func(token string) (*protocol.Session, error) {
			who, err := proven(ctx, token, g)
			if err != nil {
				return nil, err
			}
			return g.Open(ctx, who, protocol.Route{Join: who.Credential})
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
