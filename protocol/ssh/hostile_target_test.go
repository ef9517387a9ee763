package ssh_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

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
	t.Parallel()
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

// What a target says when it hangs up stands in the log, cut to size and
// without the password, should it repeat that.
func TestWordsOfATargetThatHangsUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	var served sync.WaitGroup
	served.Go(func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		body := append([]byte{1}, xssh.Marshal(struct { // SSH_MSG_DISCONNECT
			Reason         uint32
			Text, Language string
		}{11, "hunter2hunter2 \x1b[2J" + strings.Repeat("x", 20_000), ""})...)
		pad := 8 - (5+len(body))%8 + 8
		packet := binary.BigEndian.AppendUint32(nil, uint32(1+len(body)+pad))
		packet = append(append(append(packet, byte(pad)), body...), make([]byte, pad)...)
		_, _ = io.WriteString(c, "SSH-2.0-x\r\n")
		_, _ = c.Write(packet)
		_, _ = io.Copy(io.Discard, c)
	})
	host, _ := newKey(t)
	r := start(t, at(options{config: func(c *ssh.Config) {
		c.Login = ssh.StaticLogin(ssh.Login{User: "u", Password: ssh.NewSecret("hunter2hunter2")})
	}}, l.Addr().String(), host.PublicKey()))
	got := r.ssh("true")
	assert.Contains(t, got.stderr, `the gateway cannot log in to target "box"`)
	require.True(t, r.Log.Contains("cannot connect to the target", "[secret]"), r.Log.String())
	assert.NotContains(t, r.Log.String(), "hunter2")
	assert.NotContains(t, r.Log.String(), "\x1b")
	assert.Less(t, len(r.Log.String()), 10_000)
	served.Wait()
}
