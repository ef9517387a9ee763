package ssh_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

var askAboutTouch = []approve.Rule{
	{Name: "all", Verdict: protocol.Allow},
	{Name: "ask", Verdict: protocol.Ask, Objects: []string{"command:touch"}, Timeout: 20 * time.Second},
}

func TestAsked(t *testing.T) {
	r := start(t, options{rules: askAboutTouch})
	file := filepath.Join(t.TempDir(), "f")
	r.people.Answer(false, "not now")
	got := r.ssh("touch " + file)
	assert.Equal(t, 126, got.code)
	assert.Contains(t, got.stderr, "sallyport: waiting for people to approve this (rule \"ask\", operation ")
	assert.Contains(t, got.stderr, "not now")
	assert.NoFileExists(t, file)
	r.people.Approve()
	got = r.ssh("touch " + file)
	assert.Zero(t, got.code, got.stderr)
	assert.FileExists(t, file)
}

// Who leaves withdraws the question.
func TestLeavingWhileItIsAsked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "f")
	for name, leave := range map[string]func(*xssh.Client, *xssh.Session){
		"closes the channel":    func(_ *xssh.Client, s *xssh.Session) { s.Close() },
		"closes the connection": func(c *xssh.Client, _ *xssh.Session) { c.Close() },
		"sends a signal":        func(_ *xssh.Client, s *xssh.Session) { _ = s.Signal(xssh.SIGINT) },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, options{rules: askAboutTouch})
			c := r.client()
			s, err := c.NewSession()
			require.NoError(t, err)
			go func() { _ = s.Run("touch " + file) }() // the answer comes when it is decided
			r.people.WaitAsked(t, 1)
			leave(c, s)
			r.people.WaitWithdrawn(t, 1)
			require.Eventually(t, func() bool {
				o := outcome(r, "touch "+file)
				return o != nil && o.Result == protocol.Refused
			}, 10*time.Second, 5*time.Millisecond)
			assert.NoFileExists(t, file)
		})
	}
}

// outcome is how an operation ended; nil while it has not.
func outcome(r *rig, text string) *protocol.Outcome {
	var session string
	var id protocol.ExchangeID
	for _, e := range r.Record.Events() {
		switch {
		case e.Operation != nil && e.Operation.Text == text:
			session, id = e.Session, e.Exchange
		case id != 0 && e.Exchange == id && e.Session == session && e.Outcome != nil:
			return e.Outcome
		}
	}
	return nil
}

func TestOperatorEndsTheSession(t *testing.T) {
	r := start(t, options{})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	out := &screen{}
	s.Stdout, s.Stderr = out, out
	require.NoError(t, s.Start("echo ready; exec sleep 60"))
	out.wait(t, "ready")
	began := time.Now()
	require.True(t, r.End(r.Sessions()[0].ID, "enough"))
	var exit *xssh.ExitError
	require.ErrorAs(t, s.Wait(), &exit)
	assert.Equal(t, 255, exit.ExitStatus())
	assert.Less(t, time.Since(began), time.Second)
	out.wait(t, "sallyport: ")
	assert.Contains(t, out.String(), "enough")
}

func TestRecordFails(t *testing.T) {
	r := start(t, options{})
	file := filepath.Join(t.TempDir(), "f")
	c := r.client()
	s, err := c.NewSession()
	require.NoError(t, err)
	out := &screen{}
	s.Stdout, s.Stderr = out, out
	in, err := s.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, s.Start("read x; echo $x > "+file))
	r.Record.FailAfter(0)
	_, err = io.WriteString(in, "too late\n")
	require.NoError(t, err)
	require.Error(t, s.Wait())
	assert.Contains(t, out.String(), "the gateway cannot record, so it carries nothing on")
	time.Sleep(50 * time.Millisecond)
	if b, err := os.ReadFile(file); err == nil {
		assert.Equal(t, "\n", string(b), "the input did not arrive; that it ended may have")
	}
}

func TestTargetIsLost(t *testing.T) {
	conns := make(chan net.Conn, 1)
	r := start(t, options{targets: []protocol.Target{{Name: "box", Address: server.Addr(), Dial: dialer(conns)}}})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	out := &screen{}
	s.Stdout, s.Stderr = out, out
	require.NoError(t, s.Start("echo ready; exec sleep 60"))
	out.wait(t, "ready")
	(<-conns).Close()
	require.Error(t, s.Wait())
	assert.Contains(t, out.String(), "the connection to the target is lost")
	require.Eventually(t, func() bool {
		o := outcome(r, "echo ready; exec sleep 60")
		return o != nil && o.Result == protocol.Unknown
	}, 10*time.Second, 5*time.Millisecond)
}

func TestRekeying(t *testing.T) {
	r := start(t, options{})
	got := r.ssh("-o", "RekeyLimit=1M", "head -c 8000000 /dev/zero | tr '\\0' x")
	assert.Zero(t, got.code, got.stderr)
	assert.Len(t, got.stdout, 8_000_000)
	assert.Empty(t, strings.Trim(got.stdout, "x"))
}

func TestNoMoreBytesThanARuleAllows(t *testing.T) {
	r := start(t, options{rules: []approve.Rule{{Name: "small", Verdict: protocol.Allow, MaxBytes: 100_000}}})
	got := r.ssh("head -c 90000 /dev/zero")
	assert.Equal(t, 90_000, len(got.stdout), got.stderr)
	got = r.ssh("head -c 9000000 /dev/zero")
	assert.Equal(t, 126, got.code)
	assert.LessOrEqual(t, len(got.stdout), 100_000)
	assert.Contains(t, got.stderr, `denied by rule "small": it has more than the 100000 bytes that are allowed`)
	assert.Equal(t, protocol.Aborted, r.Record.Operation(t, "head -c 9000000 /dev/zero").Outcome.Result)
	file := filepath.Join(t.TempDir(), "f")
	got = r.run(strings.Repeat("x", 200_000), "ssh", "gateway", "cat > "+file)
	assert.Equal(t, 126, got.code)
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.LessOrEqual(t, info.Size(), int64(100_000))
	assert.Zero(t, r.ssh("true").code)
}

// The client hears of it at once, also where the program goes on.
func TestBoundOfAProgramThatGoesOn(t *testing.T) {
	r := start(t, options{rules: []approve.Rule{{Name: "small", Verdict: protocol.Allow, MaxBytes: 100_000}}})
	began := time.Now()
	got := r.ssh("trap '' PIPE HUP; head -c 9000000 /dev/zero; sleep 30")
	assert.Less(t, time.Since(began), 10*time.Second)
	assert.Equal(t, 126, got.code)
	assert.Contains(t, got.stderr, `denied by rule "small"`)
	assert.Equal(t, protocol.Aborted, r.Record.Outcome(t, "sleep 30"))
}

func TestClientThatNeverReads(t *testing.T) {
	t.Parallel()
	r := start(t, options{build: func(b *proxy.Builder) *proxy.Builder {
		return b.Limits(proxy.Limits{Drain: -1, Stall: time.Second})
	}})
	ch, requests, err := r.client().OpenChannel("session", nil)
	require.NoError(t, err)
	go xssh.DiscardRequests(requests)
	_, err = ch.SendRequest("exec", true, xssh.Marshal(struct{ C string }{"head -c 1000000000 /dev/zero"}))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 15*time.Second, 10*time.Millisecond, "it is ended")
	assert.True(t, r.Log.Contains("did not take what was sent"), r.Log.String())
	op := r.Record.Operation(t, "head -c 1000000000 /dev/zero")
	assert.Less(t, len(op.Output), 8<<20, "no more was taken from the target than fits in windows")
}

// The operator can end a session while a person is asked; nobody is asked then.
func TestOperatorEndsWhatIsAsked(t *testing.T) {
	r := start(t, options{rules: askAboutTouch})
	ch := raw(t, r.client())
	file := filepath.Join(t.TempDir(), "f")
	go func() { _, _ = ch.SendRequest("exec", true, xssh.Marshal(one{"touch " + file})) }()
	r.people.WaitAsked(t, 1)
	began := time.Now()
	require.True(t, r.End(r.Sessions()[0].ID, "enough"))
	assert.Contains(t, told(ch), "enough")
	r.people.WaitWithdrawn(t, 1)
	require.Eventually(t, func() bool { return len(r.Sessions()) == 0 }, 10*time.Second, time.Millisecond)
	assert.Less(t, time.Since(began), time.Second)
	assert.NotEqual(t, protocol.OK, r.Record.Outcome(t, "touch "+file))
	assert.NoFileExists(t, file)
}

// Also where a resize is what could not be recorded, the client hears why.
func TestLastWordsAfterAResize(t *testing.T) {
	t.Parallel()
	r := start(t, options{})
	s, _, out := shell(t, r.client())
	time.Sleep(300 * time.Millisecond) // for the prompt
	r.Record.FailAfter(0)
	require.NoError(t, s.WindowChange(40, 120))
	require.Error(t, s.Wait())
	assert.Contains(t, out.String(), "the gateway cannot record")
}
