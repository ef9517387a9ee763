package ssh_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/recorder"
)

// raw opens a session channel on which a test sends what it likes.
func raw(t testing.TB, c *xssh.Client) xssh.Channel {
	t.Helper()
	ch, requests, err := c.OpenChannel("session", nil)
	require.NoError(t, err)
	go xssh.DiscardRequests(requests)
	return ch
}

// told returns all that the gateway says on a channel; what it does not end
// is closed after a while.
func told(ch xssh.Channel) string {
	defer time.AfterFunc(5*time.Second, func() { ch.Close() }).Stop()
	b, _ := io.ReadAll(ch.Stderr())
	return string(b)
}

type (
	one struct{ A string }
	two struct{ A, B string }
	tty struct {
		Term       string
		C, R, W, H uint32
		Modes      string
	}
)

func ptyPayload(term, modes string) []byte { return xssh.Marshal(tty{term, 80, 24, 0, 0, modes}) }

// A terminal at the target would rewrite the packets behind the gateway's back:
// its erase character takes away what was judged.
func TestNoTerminalUnderSFTP(t *testing.T) {
	reached := make(chan string, 10)
	r := startScripted(t, options{}, script{channel: commands(func(ch xssh.Channel, q *xssh.Request) {
		reached <- q.Type
		_ = q.Reply(true, nil)
	})})
	for kind, payload := range map[string]string{"subsystem": "sftp", "exec": "/usr/lib/openssh/sftp-server"} {
		ch := raw(t, r.client())
		ok, err := ch.SendRequest("pty-req", true, ptyPayload("xterm", ""))
		require.NoError(t, err)
		require.True(t, ok)
		ok, err = ch.SendRequest(kind, true, xssh.Marshal(one{payload}))
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Contains(t, told(ch), "files are moved without a terminal")
	}
	assert.Empty(t, reached)
	for _, op := range r.Record.Operations() {
		assert.Equal(t, &protocol.Outcome{Result: protocol.Refused}, op.Outcome)
	}
}

// With a terminal a file copy is what a person sees: masked and recorded.
func TestCopyWithATerminalIsMasked(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}})
	file := r.write("secret", "key "+canary+" end\n")
	s, err := r.client().NewSession()
	require.NoError(t, err)
	require.NoError(t, s.RequestPty("xterm", 24, 80, xssh.TerminalModes{xssh.ECHO: 0, xssh.ICANON: 0}))
	s.Stdin = strings.NewReader("\x00\x00\x00\x00")
	out, _ := s.Output("scp -f " + file)
	assert.Contains(t, string(out), "key ")
	assert.NotContains(t, string(out), canary)
	assert.False(t, r.Record.Holds([]byte(canary)))
}

// chatter writes lines, n at once, to a channel's standard error until that fails.
func chatter(ch xssh.Channel, n int) {
	lines := bytes.Repeat([]byte("0123456789\n"), n)
	for {
		if _, err := ch.Stderr().Write(lines); err != nil {
			return
		}
	}
}

// What the gateway says stands between what the target says, whole.
func TestWordsBesideStandardError(t *testing.T) {
	r := startScripted(t, options{rules: []approve.Rule{
		{Name: "all", Verdict: protocol.Allow},
		{Name: "ask", Verdict: protocol.Ask, Verbs: []string{"sftp.mkdir"}, Timeout: 20 * time.Second},
	}}, script{channel: commands(func(ch xssh.Channel, q *xssh.Request) {
		_ = q.Reply(true, nil)
		go chatter(ch, 1)
		s, err := sftp.NewServer(ch)
		if err == nil {
			_ = s.Serve()
		}
	})})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	errs, err := s.StderrPipe()
	require.NoError(t, err)
	words := &screen{}
	go func() { _, _ = io.Copy(words, errs) }()
	in, err := s.StdinPipe()
	require.NoError(t, err)
	out, err := s.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.RequestSubsystem("sftp"))
	c, err := sftp.NewClientPipe(out, in)
	require.NoError(t, err)
	for range 10 {
		r.people.Deny("no")
		require.Error(t, c.Mkdir("/tmp/asked"))
	}
	c.Close()
	words.wait(t, "sallyport: waiting for people to approve this")
	whole(t, words.String())
}

// whole fails the test where the target's lines and the gateway's are mixed.
func whole(t *testing.T, words string) {
	t.Helper()
	rest := regexp.MustCompile(`sallyport: [^\n]*\n`).ReplaceAllString(words, "")
	require.True(t, strings.HasPrefix(strings.Repeat("0123456789\n", len(rest)/11+1), rest), "%.200q", words)
}

// Neither do they when the session ends while standard error is stuck.
func TestLastWordsBesideStandardError(t *testing.T) {
	r := startScripted(t, options{}, script{channel: commands(func(ch xssh.Channel, q *xssh.Request) {
		_ = q.Reply(true, nil)
		chatter(ch, 1000)
	})})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	errs, err := s.StderrPipe()
	require.NoError(t, err)
	_, err = s.SendRequest("exec", true, xssh.Marshal(one{"x"}))
	require.NoError(t, err)
	time.Sleep(time.Second) // the client's window is full by then
	go func() { r.End(r.Sessions()[0].ID, "enough") }()
	time.Sleep(20 * time.Millisecond)
	words, _ := io.ReadAll(errs)
	whole(t, string(words))
}

// Answers have no names: those of a channel come in the order of the requests.
func TestAnswersComeInOrder(t *testing.T) {
	r := start(t, options{rules: askAboutTouch})
	decide := make(chan struct{})
	r.people.Next(func(context.Context, approve.Request) (approve.Answer, error) {
		<-decide
		return approve.Answer{Approved: true}, nil
	})
	c := r.client()
	ch, twin := raw(t, c), raw(t, c)
	// x/crypto's client waits for an answer before it asks on; others do not.
	number := func(ch xssh.Channel) *uint32 {
		return (*uint32)(unsafe.Pointer(reflect.ValueOf(ch).Elem().FieldByName("remoteId").UnsafeAddr()))
	}
	*number(twin) = *number(ch)
	first := make(chan bool, 1)
	go func() {
		ok, _ := ch.SendRequest("exec", true, xssh.Marshal(one{"touch " + filepath.Join(r.dir, "f")}))
		first <- ok
	}()
	r.people.WaitAsked(t, 1)
	second := make(chan struct{})
	go func() {
		defer close(second)
		_, _ = twin.SendRequest("env", true, xssh.Marshal(two{"A", "b"}))
	}()
	select {
	case <-first:
		t.Error("the answer to the second request came first")
		close(decide)
	case <-time.After(200 * time.Millisecond):
		close(decide)
		assert.True(t, <-first)
	}
	c.Close()
	<-second
}

// Who is told no and neither asks nor leaves is not waited for.
func TestClientThatDoesNotHearNo(t *testing.T) {
	t.Parallel()
	host, _ := newKey(t)
	r := start(t, at(options{}, "127.0.0.1:1", host.PublicKey()))
	for name, ask := range map[string]func(xssh.Channel){
		"asks nothing":         func(xssh.Channel) {},
		"never closes":         func(ch xssh.Channel) { _, _ = ch.SendRequest("exec", true, xssh.Marshal(one{"true"})) },
		"asks for other thing": func(ch xssh.Channel) { _, _ = ch.SendRequest("env", true, xssh.Marshal(two{"A", "b"})) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := r.client()
			ask(raw(t, c))
			ended := make(chan struct{})
			go func() {
				_ = c.Wait()
				close(ended)
			}()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Error("it is still there")
			}
		})
	}
}

// A client cannot fill memory or record with what is refused.
func TestFloodOfRefusals(t *testing.T) {
	r := start(t, options{})
	c := r.client()
	for i := range 150 {
		_, _, err := c.OpenChannel(fmt.Sprint("magic", i), nil)
		require.Error(t, err)
	}
	refused, notes := 0, 0
	for _, e := range r.Record.Events() {
		switch {
		case e.Operation != nil:
			refused++
		case e.Note != nil && strings.Contains(e.Note.Text, "further"):
			notes++
		}
	}
	assert.Equal(t, 100, refused)
	assert.Equal(t, 1, notes, "the record says that there is more")
}

// No words of the target's are passed on unseen.
func TestSecretsInTheTargetsWords(t *testing.T) {
	long := strings.Repeat("x ", 95) + canary
	r := startScripted(t, options{config: forwarding, masks: []mask.Rule{mask.Secrets()}}, script{channel: func(n xssh.NewChannel) {
		if n.ChannelType() != "session" || bytes.Equal(n.ExtraData(), []byte("no")) {
			_ = n.Reject(xssh.Prohibited, long)
			return
		}
		commands(func(ch xssh.Channel, q *xssh.Request) {
			if bytes.Contains(q.Payload, []byte("refuse")) {
				_ = q.Reply(false, nil)
				return
			}
			_ = q.Reply(true, nil)
			_, _ = ch.SendRequest("exit-signal", false, xssh.Marshal(struct {
				Name string
				Core bool
				Text string
				Lang string
			}{"TERM", false, long, canary}))
		})(n)
	}})
	c := r.client()
	s, err := c.NewSession()
	require.NoError(t, err)
	var exit *xssh.ExitError
	require.ErrorAs(t, s.Run("x"), &exit)
	assert.Contains(t, exit.Msg(), "x *****")
	assert.NotContains(t, exit.Msg(), canary[:8])
	assert.Empty(t, exit.Lang())
	_, err = c.Dial("tcp", "10.0.0.1:1")
	require.ErrorContains(t, err, "x *****")
	require.NotContains(t, err.Error(), canary[:8])
	assert.False(t, r.Record.Holds([]byte(canary[:8])))
}

func TestSecretsInRefusedChannels(t *testing.T) {
	r := startScripted(t, options{masks: []mask.Rule{mask.Secrets()}}, script{channel: func(n xssh.NewChannel) {
		_ = n.Reject(xssh.ResourceShortage, "full: "+canary+"\x1b[2J")
	}})
	got := r.ssh("true")
	assert.Equal(t, 255, got.code)
	assert.Contains(t, got.stderr, "the target opened no channel: full: *****")
	assert.NotContains(t, got.stderr, "\x1b")
	assert.NotContains(t, got.stderr, canary)
	assert.False(t, r.Record.Holds([]byte(canary)))
	_, _, err := r.client().OpenChannel("magic "+canary, nil)
	require.Error(t, err)
	assert.False(t, r.Record.Holds([]byte(canary)))
}

// Secrets in what is asked for stand in no part of its head.
func TestSecretsInHeads(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}, config: func(c *ssh.Config) { c.Env = []string{"*"} }})
	c := r.client()
	dir := t.TempDir()
	for _, command := range []string{
		"touch " + filepath.Join(dir, canary), "curl -u a:" + canary + " https://127.0.0.1:1/" + canary, canary + " x", "echo ( " + canary, "cat <" + dir + "/" + canary,
		"ssh " + canary + "@127.0.0.1 -p 1", "bash -c 'cat " + canary + "'",
	} {
		s, err := c.NewSession()
		require.NoError(t, err)
		require.NoError(t, s.Setenv("A-"+canary, canary))
		_ = s.Run(command)
		assert.False(t, r.Record.Holds([]byte(canary)), command)
	}
	_, err := os.Stat(filepath.Join(dir, canary))
	assert.NoError(t, err, "the target got what the client sent")
	_ = c.Conn.Close()
}

// What becomes of a command is not known once it was sent.
func TestTargetThatIsLostAtEachStep(t *testing.T) {
	for name, tc := range map[string]struct {
		serve func(*xssh.ServerConn, xssh.NewChannel)
		want  protocol.Result
		words string
	}{
		"before the channel": {func(c *xssh.ServerConn, _ xssh.NewChannel) { c.Close() }, protocol.NotSent, "lost"},
		"before the answer": {func(c *xssh.ServerConn, n xssh.NewChannel) {
			commands(func(xssh.Channel, *xssh.Request) { c.Close() })(n)
		}, protocol.Unknown, "lost"},
		"channel closed before the answer": {func(c *xssh.ServerConn, n xssh.NewChannel) {
			commands(func(ch xssh.Channel, _ *xssh.Request) { ch.Close() })(n)
		}, protocol.Unknown, "the target"},
		"the command is refused": {func(c *xssh.ServerConn, n xssh.NewChannel) {
			commands(func(_ xssh.Channel, r *xssh.Request) { _ = r.Reply(false, nil) })(n)
		}, protocol.Failed, "the target refused the exec"},
		"no status": {func(c *xssh.ServerConn, n xssh.NewChannel) {
			commands(func(_ xssh.Channel, r *xssh.Request) { _ = r.Reply(true, nil) })(n)
		}, protocol.Unknown, "the target did not say how it ended"},
		"a status": {func(c *xssh.ServerConn, n xssh.NewChannel) {
			commands(func(ch xssh.Channel, r *xssh.Request) { _ = r.Reply(true, nil); exits(ch, 0) })(n)
		}, protocol.OK, ""},
	} {
		t.Run(name, func(t *testing.T) {
			conns := make(chan *xssh.ServerConn, 1)
			r := startScripted(t, options{}, script{
				connected: func(c *xssh.ServerConn) { conns <- c },
				channel:   func(n xssh.NewChannel) { tc.serve(<-conns, n) },
			})
			got := r.ssh("command")
			assert.Contains(t, got.stderr, tc.words)
			assert.Equal(t, tc.want, r.Record.Outcome(t, "command"), r.Record.String())
		})
	}
}

// A program that ends while a copy still sends leaves a digest of what it got.
func TestCopyThatTheTargetEnds(t *testing.T) {
	r := startScripted(t, options{}, script{channel: commands(func(ch xssh.Channel, q *xssh.Request) {
		_ = q.Reply(true, nil)
		_, _ = io.CopyN(io.Discard, ch, 100_000)
		exits(ch, 1)
	})})
	c := r.client()
	for range 10 {
		s, err := c.NewSession()
		require.NoError(t, err)
		in, err := s.StdinPipe()
		require.NoError(t, err)
		require.NoError(t, s.Start("scp -t /tmp/x"))
		block := content(1000)
		for err == nil {
			_, err = in.Write(block)
		}
		_ = s.Wait()
	}
	r.Record.WaitFor(t, func(events []recorder.Event) bool {
		digests := 0
		for _, e := range events {
			if e.Kind == recorder.KindAnnotation && strings.Contains(e.Note.Text, "to the target") {
				digests++
			}
		}
		return digests == 10
	})
}

// Also where a resize is what could not be recorded, the client hears why.
func TestLastWordsAfterAResize(t *testing.T) {
	r := start(t, options{})
	s, _, out := shell(t, r.client())
	time.Sleep(300 * time.Millisecond) // for the prompt
	r.Record.FailAfter(0)
	require.NoError(t, s.WindowChange(40, 120))
	require.Error(t, s.Wait())
	assert.Contains(t, out.String(), "the gateway cannot record")
}

// All that a terminal is asked for with is in the record, or refused.
func TestTerminalIsRecorded(t *testing.T) {
	r := start(t, options{})
	c := r.client()
	for _, bad := range []tty{{Term: strings.Repeat("x", 300)}, {Term: "x\x00y"}, {Term: "x\x1b[2J"}, {Term: "x", Modes: strings.Repeat("m", 5000)}} {
		ok, err := raw(t, c).SendRequest("pty-req", true, xssh.Marshal(bad))
		require.NoError(t, err)
		assert.False(t, ok, "%q", bad.Term)
	}
	ch := raw(t, c)
	ok, err := ch.SendRequest("pty-req", true, ptyPayload("xterm", "\x35\x00\x00\x00\x00\x00"))
	require.NoError(t, err)
	require.True(t, ok)
	_, err = ch.SendRequest("exec", true, xssh.Marshal(one{"echo in a terminal"}))
	require.NoError(t, err)
	assert.Contains(t, r.Record.Operation(t, "echo in a terminal").Params, protocol.Param{Name: "modes", Type: "pty", Raw: []byte("\x35\x00\x00\x00\x00\x00")})
}

// Addresses are judged as what they mean, and no other text goes with them.
func TestForwardAddresses(t *testing.T) {
	where := echo(t)
	r := start(t, options{config: forwarding, rules: []approve.Rule{
		{Name: "all", Verdict: protocol.Allow},
		{Name: "not here", Verdict: protocol.Deny, Objects: []string{"address:localhost:*", "address:127.0.0.1:*"}},
	}})
	c := r.client()
	_, port, _ := strings.Cut(where, ":")
	var n uint32
	_, err := fmt.Sscan(port, &n)
	require.NoError(t, err)
	for _, host := range []string{"127.0.0.1", "LOCALHOST", "localhost.", "::ffff:127.0.0.1", "127.0.0.1\x00", "127.1", "0x7f.1", "2130706433", "local\nhost", "[127.0.0.1]", "127.0.0.1 "} {
		_, _, err := c.OpenChannel("direct-tcpip", xssh.Marshal(struct {
			A string
			P uint32
			O string
			Q uint32
		}{host, n, "127.0.0.1", 1}))
		var refused *xssh.OpenChannelError
		if assert.ErrorAs(t, err, &refused, "%q", host) {
			assert.NotContains(t, refused.Message, "Connection refused", "%q was tried", host)
			assert.NotContains(t, refused.Message, "onnect failed", "%q was tried", host)
		}
	}
	_, _, err = c.OpenChannel("direct-tcpip", xssh.Marshal(struct {
		A string
		P uint32
		O string
		Q uint32
	}{"10.0.0.1", 1, strings.Repeat("x", 10_000), 1}))
	require.ErrorContains(t, err, "cannot be read")
}

// What a client wanted to set and may not is in the record.
func TestDroppedVariablesAreRecorded(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	require.Error(t, s.Setenv("LD_PRELOAD", "/evil.so"))
	require.NoError(t, s.Run("true"))
	assert.Contains(t, r.Record.Operation(t, "true").Params, protocol.Param{Name: "LD_PRELOAD", Type: "env, dropped"})
	assert.False(t, r.Record.Holds([]byte("evil.so")))
}

func TestOddCommands(t *testing.T) {
	r := start(t, options{rules: []approve.Rule{
		{Name: "all", Verdict: protocol.Allow},
		{Name: "no-shells", Verdict: protocol.Deny, Verbs: []string{"shell"}},
		{Name: "no code", Verdict: protocol.Deny, Effects: protocol.Code},
	}})
	c := r.client()
	for _, tc := range []struct{ kind, text string }{
		{"exec", ""}, {"exec", "echo a\x00; reboot"}, {"exec", "echo \xff"}, {"exec", "bash"}, {"exec", "bash -s"}, {"exec", "python3"}, {"exec", "sh -"},
		{"subsystem", "sftp\x00"}, {"subsystem", ""}, {"subsystem", "SFTP"}, {"subsystem", "netconf\n"},
	} {
		ch := raw(t, c)
		ok, err := ch.SendRequest(tc.kind, true, xssh.Marshal(one{tc.text}))
		require.NoError(t, err)
		require.True(t, ok, "%q", tc)
		assert.Contains(t, told(ch), "sallyport: denied", "%q", tc)
		ch.Close()
	}
	for _, op := range r.Record.Operations() {
		assert.Equal(t, &protocol.Outcome{Result: protocol.Refused}, op.Outcome, "%q", op.Text)
	}
}

// Requests that RFC 4254 does not foresee there, or that do not decode.
func TestOddRequests(t *testing.T) {
	type sent struct {
		kind    string
		payload string
	}
	var mu sync.Mutex
	var got []string
	r := startScripted(t, options{}, script{channel: func(n xssh.NewChannel) {
		mu.Lock()
		got = append(got, "open "+n.ChannelType())
		mu.Unlock()
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		defer ch.Close()
		for q := range requests {
			mu.Lock()
			got = append(got, q.Type)
			mu.Unlock()
			_ = q.Reply(true, nil)
			if q.Type == "exec" {
				go func() {
					b, _ := io.ReadAll(ch)
					_, _ = ch.Write(b)
					exits(ch, 0)
					ch.Close()
				}()
			}
		}
	}})
	ch := raw(t, r.client())
	for _, s := range []sent{
		{"exec", ""}, {"exec", "\x00\x00\x00\x09true"}, {"exec", "\x00\x00\x00\x04trueX"}, {"shell", "x"}, {"subsystem", "\xff\xff\xff\xff"}, {"env", "\x00"}, {"pty-req", "\x00"},
		{"window-change", "\x00"}, {"window-change", string(xssh.Marshal(struct{ A, B, C, D uint32 }{1, 1, 1, 1}))}, {"signal", "\x00"}, {"signal", string(xssh.Marshal(one{strings.Repeat("X", 65)}))},
		{"signal", string(xssh.Marshal(one{"T\x00\x1b"}))}, {"xon-xoff", "\x01"}, {"exit-status", "\x00\x00\x00\x00"}, {"exit-signal", ""}, {"x11-req", ""}, {"auth-agent-req@openssh.com", ""},
		{"magic", ""}, {"", ""}, {strings.Repeat("k", 30_000), ""}, {"break", "12345"}, {"eow@openssh.com", "12345"},
	} {
		ok, err := ch.SendRequest(s.kind, true, []byte(s.payload))
		require.NoError(t, err)
		assert.False(t, ok, "%.40q", s)
	}
	_, err := ch.Write([]byte("before "))
	require.NoError(t, err)
	_, err = ch.Stderr().Write([]byte("extended"))
	require.NoError(t, err)
	mu.Lock()
	assert.Empty(t, got, "nothing has reached the target")
	mu.Unlock()
	ok, err := ch.SendRequest("exec", true, xssh.Marshal(one{"cat"}))
	require.NoError(t, err)
	require.True(t, ok)
	for _, kind := range []string{"exec", "shell", "subsystem", "env", "pty-req", "x11-req"} {
		ok, err := ch.SendRequest(kind, true, xssh.Marshal(one{"true"}))
		require.NoError(t, err)
		assert.False(t, ok, kind)
	}
	_, err = ch.Write([]byte("after"))
	require.NoError(t, err)
	require.NoError(t, ch.CloseWrite())
	_, _ = ch.SendRequest("signal", false, xssh.Marshal(one{"HUP"}))
	out, err := io.ReadAll(ch)
	require.NoError(t, err)
	assert.Equal(t, "before after", string(out))
	op := r.Record.Operation(t, "cat")
	assert.Equal(t, "before after", strings.ReplaceAll(string(op.Input), "HUP", ""))
	assert.Equal(t, "before after", string(op.Output))
	mu.Lock()
	defer mu.Unlock()
	assert.Subset(t, []string{"open session", "exec", "signal"}, got)
}

// A name that is too long is nobody's.
func TestNamesOfClients(t *testing.T) {
	r := start(t, options{})
	for _, name := range []string{strings.Repeat("x", 100_000), strings.Repeat("%", 1000), "a\x00b", "a\x1b[2Jb", "a\nb"} {
		_, err := r.dial(name)
		assert.Error(t, err, "%.20q", name)
	}
	for _, name := range []string{"agent", "agent%box", "%box", "%", "", "a%b%box"} {
		c, err := r.dial(name)
		if assert.NoError(t, err, name) {
			s, err := c.NewSession()
			if assert.NoError(t, err) {
				assert.NoError(t, s.Run("true"), name)
			}
			c.Close()
		}
	}
	for _, e := range r.Record.Events() {
		if e.Opened != nil {
			assert.LessOrEqual(t, len(e.Opened.User), 255)
		}
		if e.Note != nil {
			assert.LessOrEqual(t, len(e.Note.Text), 1000)
			assert.NotContains(t, e.Note.Text, "\x1b")
		}
	}
	assert.NotContains(t, r.Log.String(), "\x1b")
	assert.Less(t, len(r.Log.String()), 100_000)
}

// The same port twice would leave the first listen without an end.
func TestListeningTwice(t *testing.T) {
	r := startScripted(t, options{config: forwarding}, script{request: func(q *xssh.Request) { _ = q.Reply(true, nil) }})
	c := r.client()
	listen := xssh.Marshal(struct {
		A string
		P uint32
	}{"127.0.0.1", 7777})
	ok, _, err := c.SendRequest("tcpip-forward", true, listen)
	require.NoError(t, err)
	require.True(t, ok)
	ok, _, err = c.SendRequest("tcpip-forward", true, listen)
	require.NoError(t, err)
	assert.False(t, ok)
	ok, _, err = c.SendRequest("cancel-tcpip-forward", true, listen)
	require.NoError(t, err)
	assert.True(t, ok)
	c.Close()
	for _, op := range r.Record.Operations() {
		assert.NotNil(t, op.Outcome, "%v", op)
	}
}

// Nothing of a login's or a configuration's secrets prints.
func TestSettingsDoNotPrint(t *testing.T) {
	key, private := newKey(t)
	login := ssh.Login{User: "u", Key: key, Authority: key, Password: ssh.NewSecret("hunter2hunter2")}
	config := ssh.Config{Keys: []xssh.Signer{key}, Login: ssh.StaticLogin(login)}
	for _, v := range []any{login, &login, config, &config, ssh.New(config)} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			assert.NotContains(t, text, "hunter2")
			for _, half := range [][]byte{private[:8], private.Seed()[:8]} {
				assert.NotContains(t, text, fmt.Sprintf("%x", half))
				assert.NotContains(t, text, strings.Trim(fmt.Sprint(half), "[]"))
			}
		}
	}
}
