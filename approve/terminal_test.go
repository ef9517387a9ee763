package approve

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

func TestTerminalAnswers(t *testing.T) {
	for typed, want := range map[string]bool{
		"y\n": true, "YES\r\n": true, " y \n": true, "y": true, "\n": false, "n\n": false, "yess\n": false, "yes please\n": false,
		strings.Repeat("x", 5000) + "\n": false, strings.Repeat(" ", 2000) + "y\n": false,
	} {
		var out bytes.Buffer
		a, err := Terminal(strings.NewReader(typed), &out).Ask(t.Context(), request())
		require.NoError(t, err)
		assert.Equal(t, Answer{Digest: "d1", Approved: want, By: "terminal"}, a, "%.20q", typed)
	}
	_, err := Terminal(strings.NewReader(""), io.Discard).Ask(t.Context(), request())
	require.ErrorIs(t, err, io.EOF)
	_, err = Terminal(strings.NewReader("y\n"), brokenWriter{}).Ask(t.Context(), request())
	require.ErrorContains(t, err, "write the question")
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no terminal") }

func TestTerminalShowsAllThatMatters(t *testing.T) {
	q := request()
	q.Principal.OnBehalfOf = "ann"
	q.Operation.Params = []protocol.Param{
		{Name: "$1", Type: "text", Value: "x"}, {Name: "$2", Null: true}, {Name: "$3", Value: "***", Masked: true}, {Name: "$4", Raw: []byte{0, 255}},
	}
	q.Operation.Remark = "does not parse"
	var out bytes.Buffer
	_, err := Terminal(strings.NewReader("n\n"), &out).Ask(t.Context(), q)
	require.NoError(t, err)
	for _, want := range []string{
		"operation  s1/4\n", "who        coder\n", "identity   https://id.example|42\n", "for        ann\n", "target     shop\n", "verb       drop table\n",
		"effects    destroy\n", "rule       drops\n", "reason     it destroys\n", "remark     does not parse\n", "touches    table orders: destroy (name as the client wrote it)\n",
		"    | DROP TABLE orders\n", "parameter  $1 (text) = x\n", "$2 is NULL\n", "$3 = *** (masked)\n", "$4 = 0x00ff\n", "until      ", "Allow it? [y/N] ",
	} {
		assert.Contains(t, out.String(), want)
	}
}

// What a hostile client puts into any text must neither command the terminal
// nor look like something else, nor like a line of ours.
func TestTerminalEscapesHostileText(t *testing.T) {
	const evil = "a\x1b]52;c;ZXZpbA==\x07b\u202egnp.exe\u200b\u2066\ufeff\x00\x9b31m\r\u0085\u2028\U000e0041\xff\n  who        root\n\tx"
	q := Request{
		ID: evil, Digest: "d", Target: evil, Rule: evil, Reason: evil,
		Principal: identity.Principal{Issuer: evil, Subject: evil, Name: evil, OnBehalfOf: evil},
		Operation: &protocol.Operation{
			Verb: evil, Text: evil, Remark: evil, Effects: protocol.Read, Objects: []protocol.Object{{Kind: evil, Name: evil}},
			Params: []protocol.Param{{Name: evil, Type: evil, Value: evil}, {Name: evil, Type: evil, Null: true}, {Name: evil, Raw: []byte(evil)}},
		},
	}
	var out bytes.Buffer
	_, err := Terminal(strings.NewReader("n\n"), &out).Ask(t.Context(), q)
	require.NoError(t, err)
	for _, r := range out.String() {
		require.True(t, r == '\n' || r == '\t' || unicode.IsPrint(r), "%U is shown", r)
	}
	assert.Equal(t, 1, strings.Count(out.String(), "\n  who  "), "no text can pass for a line of ours:\n%s", out.String())
	assert.Contains(t, out.String(), "\n    |   who        root\n", "lines of the text are marked as such")
	assert.Contains(t, out.String(), `\x1b]52;c;`)
	assert.Contains(t, out.String(), `\u202egnp.exe\u200b`)
}

// screen is a buffer that tests may read while it is written.
type screen struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestTerminalAsksOneAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typed := io.Pipe()
		defer in.Close()
		var out screen
		term := Terminal(in, &out)
		answers := make(chan Answer, 2)
		for range 2 {
			go func() {
				a, err := term.Ask(t.Context(), request())
				assert.NoError(t, err)
				answers <- a
			}()
		}
		synctest.Wait()
		assert.Equal(t, 1, strings.Count(out.String(), "Allow it?"))
		typed.Write([]byte("y\n"))
		assert.True(t, (<-answers).Approved)
		synctest.Wait()
		assert.Equal(t, 2, strings.Count(out.String(), "Allow it?"))
		typed.Write([]byte("n\n"))
		assert.False(t, (<-answers).Approved)
	})
}

// The "y" that comes too late for one question must not approve the next.
func TestLateLineDoesNotAnswerTheNextQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typed := io.Pipe()
		defer in.Close()
		var out screen
		term := Terminal(in, &out)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := term.Ask(ctx, request())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		done := make(chan Answer, 1)
		go func() {
			a, err := term.Ask(t.Context(), request())
			assert.NoError(t, err)
			done <- a
		}()
		synctest.Wait()
		typed.Write([]byte("y\n"))
		synctest.Wait()
		require.Empty(t, done)
		assert.Contains(t, out.String(), "may have been for the question before")
		typed.Write([]byte("y\n"))
		assert.True(t, (<-done).Approved)

		waiting, stop := context.WithCancel(t.Context())
		stop()
		_, err = term.Ask(waiting, request())
		require.ErrorIs(t, err, context.Canceled)
	})
}

// Where the reader has deadlines, a question that times out leaves nothing
// behind, and half a line typed for it does not begin the next answer.
func TestTerminalWithDeadlines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, typed := net.Pipe()
		defer typed.Close()
		defer in.Close()
		term := Terminal(in, io.Discard)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go typed.Write([]byte("y"))
		_, err := term.Ask(ctx, request())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		go typed.Write([]byte("n\n"))
		a, err := term.Ask(t.Context(), request())
		require.NoError(t, err)
		assert.False(t, a.Approved)
		go typed.Write([]byte("y\n"))
		a, err = term.Ask(t.Context(), request())
		require.NoError(t, err)
		assert.True(t, a.Approved)
	})
}
