package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/protocoltest"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"

func TestConformance(t *testing.T) {
	protocoltest.Run(t, protocoltest.Plugin{
		New:     func() protocol.Protocol { return Redis{} },
		Target:  startTarget,
		Connect: connect,
		Rules:   rules(),
		Read:    "GET greeting", Write: "SET counter 1", Denied: "DEL greeting", Asked: "FLUSHALL",
		Large: "GET large", LargeBytes: 80 << 20,
		Unknown: []byte("*2\r\n$9\r\nFROBNICAT\r\n$4\r\nthis\r\n"),
		Canary:  []string{"GET key", "LRANGE list 0 -1", "TYPE key", "INCR key", "ECHO " + secret, "GET straddle"},
		Secret:  secret, Masks: []mask.Rule{mask.Secrets()},
	})
}

func rules() []approve.Rule {
	return []approve.Rule{
		{Name: "all", Verdict: protocol.Allow},
		{Name: "no-deletes", Verbs: []string{"del"}, Verdict: protocol.Deny, Reason: "keys expire by themselves"},
		{Name: "ask-to-flush", Verbs: []string{"flushall"}, Verdict: protocol.Ask},
	}
}

// startTarget starts the example's own server with something in it.
func startTarget(t testing.TB) protocol.Target {
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	s.values["greeting"] = "hello"
	s.values["key"] = "the key is " + secret + " and secret"
	s.values["straddle"] = strings.Repeat("- ", (chunk-10)/2) + " " + secret + strings.Repeat(" -", chunk)
	s.lists["list"] = []string{"a", "", "key " + secret, "b"}
	s.filled["large"] = 80 << 20
	return protocol.Target{Name: "cache", Address: s.address(), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
}

// client is a small Redis client, for the kit and for the tests here.
type client struct {
	conn net.Conn
	in   *bufio.Reader
}

func connect(ctx context.Context, conn net.Conn, user, token string) (protocoltest.Client, error) {
	c := &client{conn, bufio.NewReader(conn)}
	v, err := c.do(ctx, "AUTH", user, token)
	if err == nil && string(v) != "OK" {
		err = fmt.Errorf("AUTH is answered by %q", v)
	}
	return c, err
}

func (c *client) Do(ctx context.Context, op string) ([]byte, error) {
	return c.do(ctx, strings.Fields(op)...)
}

func (c *client) do(ctx context.Context, words ...string) ([]byte, error) {
	defer c.until(ctx)()
	if err := c.send(words...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	_, err := c.receive(&b)
	return b.Bytes(), err
}

func (c *client) Drain(ctx context.Context, op string) (int64, error) {
	defer c.until(ctx)()
	if err := c.send(strings.Fields(op)...); err != nil {
		return 0, err
	}
	return c.receive(io.Discard)
}

func (c *client) Pipeline(ctx context.Context, ops []string) []protocoltest.Result {
	defer c.until(ctx)()
	for _, op := range ops {
		if err := c.send(strings.Fields(op)...); err != nil {
			return nil
		}
	}
	var results []protocoltest.Result
	for range ops {
		var b bytes.Buffer
		_, err := c.receive(&b)
		results = append(results, protocoltest.Result{Value: b.Bytes(), Err: err})
	}
	return results
}

func (c *client) Close() error { return c.conn.Close() }

// until makes reads and writes fail when ctx ends.
func (c *client) until(ctx context.Context) func() bool {
	return context.AfterFunc(ctx, func() { c.conn.Close() })
}

func (c *client) send(words ...string) error {
	var cmd command
	for _, w := range words {
		cmd.words = append(cmd.words, []byte(w))
	}
	_, err := c.conn.Write(cmd.encode(nil))
	return err
}

// receive reads one reply and writes its values to w, with a space between
// those of an array.
func (c *client) receive(w io.Writer) (int64, error) {
	line, err := readLine(c.in)
	if err != nil {
		return 0, err
	}
	text := string(line[1:])
	switch line[0] {
	case '-':
		return 0, errors.New(text)
	case '$':
		if text == "-1" {
			return 0, nil
		}
		n, err := parseCount([]byte(text), maxDrain)
		if err != nil {
			return 0, err
		}
		got, err := io.CopyN(w, c.in, n)
		if err == nil {
			err = readEnd(c.in)
		}
		return got, err
	case '*':
		n, err := parseCount([]byte(text), maxItems)
		if err != nil {
			return 0, err
		}
		var total int64
		for range n {
			got, err := c.receive(w)
			if err != nil {
				return total, err
			}
			total += got
			fmt.Fprint(w, " ")
		}
		return total, nil
	}
	n, err := io.WriteString(w, text)
	return int64(n), err
}

// gateway starts a gateway in front of a server and returns a client's way in.
func gateway(t *testing.T, more ...func(*proxy.Builder) *proxy.Builder) (*proxytest.Gateway, func() *client) {
	mint := proxytest.NewMint()
	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		b = b.Identify(mint).Approve(rules(), proxytest.NewPeople("people")).Listen("127.0.0.1:0", Redis{}, startTarget(t))
		for _, f := range more {
			b = f(b)
		}
		return b
	})
	token := mint.Token("agent")
	return gw, func() *client {
		c, err := connect(t.Context(), gw.Dial(t), "agent", token)
		require.NoError(t, err)
		return c.(*client)
	}
}

func TestWhatIsNotSupportedSaysWhatToDo(t *testing.T) {
	gw, dial := gateway(t)
	c := dial()
	for op, want := range map[string]string{
		"MULTI":                 "commands that are atomic by themselves",
		"SUBSCRIBE news":        "poll with LRANGE",
		"MONITOR":               "look into the gateway's record",
		"FROBNICATE":            "does not know the command",
		"DEL greeting":          `denied by rule "no-deletes": keys expire by themselves`,
		"HELLO 3":               "not possible within a session",
		"SELECT 3":              "not possible within a session",
		"AUTH mallory p4ssw0rd": "not possible within a session",
	} {
		_, err := c.Do(t.Context(), op)
		require.ErrorContains(t, err, want, op)
	}
	v, err := c.Do(t.Context(), "GET greeting")
	require.NoError(t, err)
	assert.Equal(t, "hello", string(v))
	assert.Equal(t, protocol.Refused, gw.Record.Outcome(t, "MULTI"))
	assert.False(t, gw.Record.Holds([]byte("p4ssw0rd")), "what AUTH carries is not recorded")
	v, err = c.Do(t.Context(), "QUIT")
	require.NoError(t, err)
	assert.Equal(t, "OK", string(v))
	_, err = c.Do(t.Context(), "PING")
	require.Error(t, err)
}

func TestEffectsOfCommands(t *testing.T) {
	for text, want := range map[string]protocol.Effects{
		"GET k":           protocol.Read,
		"SET k get":       protocol.Write,
		"SET k v EX 9":    protocol.Write,
		"SET k v nx Get":  protocol.Read | protocol.Write,
		"INCRBY k 0":      protocol.Read | protocol.Write,
		"EXPIRE k -1":     protocol.Write | protocol.Destroy,
		"DEL a b":         protocol.Destroy,
		"EVAL return 1 0": protocol.Everything,
		"PING":            0,
	} {
		c := &command{}
		for _, w := range strings.Fields(text) {
			c.words = append(c.words, []byte(w))
		}
		c.name = strings.ToLower(string(c.words[0]))
		assert.Equal(t, want, c.operation(nil).Effects, text)
	}
	c := &command{name: "mset", words: [][]byte{[]byte("MSET"), []byte("a"), []byte("1"), []byte("b c"), []byte("2")}}
	op := c.operation(nil)
	assert.Equal(t, `MSET a 1 "b c" 2`, op.Text)
	require.Len(t, op.Objects, 2)
	assert.Equal(t, "b c", op.Objects[1].Name)
}

// The example runs, masks and records as it says.
func TestMainRuns(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	dir, done := t.TempDir(), make(chan error, 1)
	go func() {
		err := run(ctx, in, io.Discard, "127.0.0.1:0", dir)
		in.CloseWithError(err) // or a run that fails would be waited for
		done <- err
	}()
	said := make([]byte, 4096)
	n, err := out.Read(said)
	require.NoError(t, err)
	m := regexp.MustCompile(`redis://agent:(\S+)@(\S+)`).FindSubmatch(said[:n])
	require.NotNil(t, m, "%s", said[:n])
	conn, err := net.Dial("tcp", string(m[2]))
	require.NoError(t, err)
	defer conn.Close()
	c, err := connect(ctx, conn, "agent", string(m[1]))
	require.NoError(t, err)
	for op, want := range map[string]string{"GET greeting": "hello", "GET deploy-key": strings.Repeat("*", 40), "SET cache:page hello": "OK"} {
		v, err := c.Do(ctx, op)
		require.NoError(t, err, op)
		assert.Equal(t, want, string(v), op)
	}
	_, err = c.Do(ctx, "SET greeting goodbye")
	require.ErrorContains(t, err, "no rule allows write")
	go func() { _, _ = io.Copy(io.Discard, out) }()
	stop()
	require.NoError(t, <-done)
	record, err := recorder.Open(dir, Renderer{})
	require.NoError(t, err)
	verbs := ""
	for e, err := range record.All(0) {
		require.NoError(t, err)
		assert.NotContains(t, string(e.Payload), "ghp_")
		if e.Operation != nil {
			verbs += e.Operation.Verb + " " + e.Decision.Verdict.String() + ", "
		}
	}
	assert.Equal(t, 3, strings.Count(verbs, "allow"), verbs)
	assert.Equal(t, 1, strings.Count(verbs, "set deny"), verbs)
}

func TestOversizedCommandIsDrainedAndRefused(t *testing.T) {
	gw, dial := gateway(t)
	c := dial()
	_, err := c.do(t.Context(), "SET", "big", strings.Repeat("x", 1<<20))
	require.ErrorContains(t, err, "the command has 1048582 bytes, which is more than this gateway judges")
	v, err := c.Do(t.Context(), "GET big")
	require.NoError(t, err, "the stream is in step")
	assert.Empty(t, v)
	op := gw.Record.Operation(t, "SET big")
	assert.Equal(t, protocol.Everything, op.Effects)
	assert.NotEmpty(t, op.Remark)
}

func TestSecretsInCommandsAreNotRecorded(t *testing.T) {
	gw, dial := gateway(t, func(b *proxy.Builder) *proxy.Builder { return b.Mask(mask.Secrets()) })
	c := dial()
	_, err := c.Do(t.Context(), "SET counter "+secret)
	require.NoError(t, err)
	gw.Record.Operation(t, "SET counter")
	assert.False(t, gw.Record.Holds([]byte(secret)))
}

func TestGarbageIsAnsweredOnce(t *testing.T) {
	gw, dial := gateway(t)
	for _, garbage := range []string{"GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\x02\x00\x01\r\n", "*-1\r\n", "*99999999\r\n", "*1\r\n$999999999999\r\n", "*1\r\n+PING\r\n", strings.Repeat("x", 100_000)} {
		conn := gw.Dial(t)
		go func() { _, _ = conn.Write([]byte(garbage)) }()
		b, _ := io.ReadAll(conn)
		assert.True(t, len(b) == 0 || b[0] == '-', "%q", b)
	}
	c := dial()
	_, err := c.conn.Write([]byte("*1\r\n$1\r\nxyz\r\n"))
	require.NoError(t, err)
	_, err = c.receive(io.Discard)
	require.ErrorContains(t, err, "protocol error: a string is longer than it said")
	_, err = c.receive(io.Discard)
	require.ErrorIs(t, err, io.EOF)
}

func TestMasksByColumnFailTheOpening(t *testing.T) {
	mint := proxytest.NewMint()
	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint).AllowAll().Mask(mask.Columns("customers.ssn", mask.Full())).Listen("127.0.0.1:0", Redis{}, startTarget(t))
	})
	_, err := connect(t.Context(), gw.Dial(t), "agent", mint.Token("agent"))
	require.ErrorContains(t, err, "keys have no columns")
}

func TestManyClientsAtOnce(t *testing.T) {
	mint := proxytest.NewMint()
	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint).Approve(rules(), proxytest.NewPeople("people")).Listen("127.0.0.1:0", Redis{}, startTarget(t))
	})
	token := mint.Token("agent")
	errs := make(chan error)
	for range 1000 {
		go func() {
			conn, err := net.Dial("tcp", gw.Addr())
			if err != nil {
				errs <- err
				return
			}
			defer conn.Close()
			c, err := connect(t.Context(), conn, "agent", token)
			if err == nil {
				_, err = c.Do(t.Context(), "GET greeting")
			}
			errs <- err
		}()
	}
	for range 1000 {
		require.NoError(t, <-errs)
	}
}

func TestRenderer(t *testing.T) {
	var b bytes.Buffer
	require.NoError(t, Renderer{}.Render(&b, "reply", nil, []byte("*3\r\n$5\r\nhello\r\n$-1\r\n:7\r\n+OK\r\n-ERR no\r\n$9\r\nhalf")))
	assert.Equal(t, "3 values:\nhello\n(nothing)\n:7\nOK\n-ERR no\nvalue of 9 bytes:\nhalf\n", b.String())
	require.Error(t, Renderer{}.Render(&b, "rows", nil, nil))
}

func FuzzReadCommand(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"))
	f.Add([]byte("*1\r\n$70000\r\n"))
	f.Add([]byte("GET / HTTP/1.0\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := readCommand(bufio.NewReader(bytes.NewReader(b)))
		if err != nil || c.long {
			return
		}
		again, err := readCommand(bufio.NewReader(bytes.NewReader(c.encode(nil))))
		require.NoError(t, err)
		require.Equal(t, c.words, again.words)
		c.operation(nil)
	})
}

func FuzzReply(f *testing.F) {
	f.Add([]byte("*2\r\n$3\r\nGET\r\n:1\r\n"))
	f.Add([]byte("$-1\r\n"))
	f.Add([]byte("-ERR what\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := reply{in: bufio.NewReader(bytes.NewReader(b)), emit: func(protocol.Part) error { return nil }}
		if r.relay() == nil && len(r.out) > 0 {
			require.True(t, bytes.HasPrefix(b, r.out), "without masks it is relayed as it came")
		}
		_ = Renderer{}.Render(io.Discard, "reply", nil, b)
	})
}
