package ssh_test

import (
	"context"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
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
