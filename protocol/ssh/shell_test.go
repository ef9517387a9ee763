package ssh_test

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/recorder"
)

// screen keeps what a terminal shows.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *screen) wait(t *testing.T, words string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(s.String(), words) }, 20*time.Second, 5*time.Millisecond, "waits for %q in %q", words, s)
}

// shell opens a shell with a terminal of 80x24.
func shell(t *testing.T, c *xssh.Client) (*xssh.Session, io.WriteCloser, *screen) {
	t.Helper()
	s, err := c.NewSession()
	require.NoError(t, err)
	require.NoError(t, s.RequestPty("xterm", 24, 80, xssh.TerminalModes{xssh.ECHO: 1}))
	out := &screen{}
	s.Stdout, s.Stderr = out, out
	in, err := s.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, s.Shell())
	return s, in, out
}

func TestShellWithTerminal(t *testing.T) {
	r := start(t, options{})
	s, in, out := shell(t, r.client())
	type_ := func(line string) {
		_, err := io.WriteString(in, line+"\r")
		require.NoError(t, err)
	}
	type_("PS1='> '; stty size; echo 1$((1))1")
	out.wait(t, "24 80")
	out.wait(t, "111")
	require.NoError(t, s.WindowChange(40, 120))
	// A change of the window may come to the target behind what is typed after it.
	asked := 0
	for ; !strings.Contains(out.String(), "40 120"); asked++ {
		require.Less(t, asked, 100, "%q", out.String())
		type_("stty size")
		time.Sleep(100 * time.Millisecond)
	}
	type_("echo 2$((2))2")
	out.wait(t, "222")
	type_("exit 7")
	var exit *xssh.ExitError
	require.ErrorAs(t, s.Wait(), &exit)
	assert.Equal(t, 7, exit.ExitStatus())

	op := r.Record.Operation(t, "login shell")
	assert.Equal(t, "shell", op.Verb)
	assert.Equal(t, protocol.Everything, op.Effects)
	assert.Equal(t, []protocol.Param{
		{Name: "TERM", Type: "pty", Value: "xterm"}, {Name: "columns", Type: "pty", Value: "80"}, {Name: "rows", Type: "pty", Value: "24"},
		{Name: "modes", Type: "pty", Raw: []byte("\x35\x00\x00\x00\x01\x00")},
	}, op.Params)
	assert.Equal(t, out.String(), string(op.Output), "the record has what the client saw")
	var typed int64
	resized := false
	for _, e := range r.Record.Events() {
		if e.Part == nil || e.Kind != recorder.KindInput {
			continue
		}
		switch e.Part.Kind {
		case "stdin":
			assert.True(t, e.Part.Withheld, "what is typed may be a password")
			assert.Empty(t, e.Payload)
			typed += e.Part.Length
		case "window-change":
			resized = true
			assert.Equal(t, "120x40", string(e.Payload))
		}
	}
	assert.True(t, resized)
	assert.EqualValues(t, len("PS1='> '; stty size; echo 1$((1))1\r"+"echo 2$((2))2\r"+"exit 7\r")+asked*len("stty size\r"), typed)
}

func TestRawInputIsAnOption(t *testing.T) {
	r := start(t, options{config: func(c *ssh.Config) { c.RawInput = true }})
	s, in, _ := shell(t, r.client())
	_, err := io.WriteString(in, "exit 0\r")
	require.NoError(t, err)
	require.NoError(t, s.Wait())
	assert.Contains(t, string(r.Record.Operation(t, "login shell").Input), "exit 0\r")
}

func TestShellWithoutTerminal(t *testing.T) {
	r := start(t, options{})
	got := r.run("echo from $0; exit 4\n", "ssh", "gateway")
	assert.Equal(t, 4, got.code, got.stderr)
	assert.Contains(t, got.stdout, "from ")
	assert.Equal(t, "echo from $0; exit 4\n", string(r.Record.Operation(t, "login shell").Input))
}

func TestSignal(t *testing.T) {
	r := start(t, options{embedded: true})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	out := &screen{}
	s.Stdout = out
	require.NoError(t, s.Start("echo ready; exec sleep 60"))
	out.wait(t, "ready")
	require.NoError(t, s.Signal(xssh.SIGTERM))
	var exit *xssh.ExitError
	require.ErrorAs(t, s.Wait(), &exit)
	assert.Equal(t, "TERM", exit.Signal())
	op := r.Record.Operation(t, "echo ready; exec sleep 60")
	assert.Equal(t, protocol.Failed, op.Outcome.Result)
	assert.Equal(t, "SIGTERM", op.Outcome.Code)
	assert.Contains(t, string(op.Input), "TERM")
}

func TestEnvironment(t *testing.T) {
	r := start(t, options{config: func(c *ssh.Config) { c.Env = []string{"LANG", "SALLYPORT_*"} }})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	require.NoError(t, s.Setenv("SALLYPORT_X", "one two"))
	require.Error(t, s.Setenv("LD_PRELOAD", "evil.so"), "not among those that clients may set")
	out, err := s.Output("echo $SALLYPORT_X")
	require.NoError(t, err)
	assert.Equal(t, "one two\n", string(out))
	assert.Equal(t, []protocol.Param{{Name: "SALLYPORT_X", Type: "env", Value: "one two"}, {Name: "LD_PRELOAD", Type: "env, dropped"}}, r.Record.Operation(t, "echo $SALLYPORT_X").Params)
}

func TestManyChannelsAtOnce(t *testing.T) {
	r := start(t, options{})
	c := r.client()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			s, err := c.NewSession()
			if !assert.NoError(t, err) {
				return
			}
			defer s.Close()
			out, err := s.CombinedOutput("read x; echo got $x")
			_ = i
			assert.NoError(t, err)
			assert.Equal(t, "got\n", string(out))
		})
	}
	all.Wait()
}
