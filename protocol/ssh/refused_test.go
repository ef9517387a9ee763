package ssh_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
)

// What the gateway refuses is refused natively, with instructions, and stands
// in the record; the session goes on.
func TestWhatIsNotCarried(t *testing.T) {
	r := start(t, options{})
	ask := func(open string, payload any, words string) {
		t.Helper()
		c := r.client()
		_, _, err := c.OpenChannel(open, xssh.Marshal(payload))
		var refused *xssh.OpenChannelError
		require.ErrorAs(t, err, &refused, open)
		assert.Contains(t, refused.Message, words, open)
		s, err := c.NewSession()
		require.NoError(t, err)
		require.NoError(t, s.Run("true"), "the session goes on")
	}
	direct := struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}{"10.0.0.1", 22, "127.0.0.1", 1}
	ask("direct-tcpip", direct, "port forwarding is off on this gateway; to reach another host behind this gateway connect to it as user%target, without -J")
	ask("direct-streamlocal@openssh.com", struct{ Path, Reserved string }{"/run/docker.sock", ""}, "Unix sockets")
	ask("tun@openssh.com", struct{ Mode, Unit uint32 }{1, 0}, "network tunnels")
	ask("x11", struct {
		Origin string
		Port   uint32
	}{"a", 1}, "does not know channels of this type")
	ask("magic@example.com", struct{ A uint32 }{1}, "does not know channels of this type")
	for verb, text := range map[string]string{"forward.connect": "10.0.0.1:22", "channel": "tun@openssh.com"} {
		op := r.Record.Operation(t, text)
		assert.Equal(t, verb, op.Verb)
		assert.Equal(t, protocol.Refused, op.Outcome.Result)
	}
}

func TestOpenSSHIsToldWhatToDoInstead(t *testing.T) {
	r := start(t, options{})
	got := r.run("", "ssh", "-W", "10.0.0.1:22", "gateway")
	assert.NotZero(t, got.code)
	assert.Contains(t, got.stderr, "connect to it as user%target")
	got = r.run("", "ssh", "-A", "-X", "-o", "ForwardX11=yes", "gateway", "echo $SSH_AUTH_SOCK$DISPLAY.")
	assert.Equal(t, ".\n", got.stdout, got.stderr)
	got = r.run("", "ssh", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "gateway", "true")
	assert.NotZero(t, got.code)
}

func TestNoMoreSessions(t *testing.T) {
	r := start(t, options{})
	c := r.client()
	_, _, err := c.SendRequest("no-more-sessions@openssh.com", false, nil)
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := c.NewSession(); return err != nil }, 5*time.Second, 10*time.Millisecond)
}

func TestFloodOfChannels(t *testing.T) {
	r := start(t, options{config: func(c *ssh.Config) { c.MaxChannels = 5 }})
	c := r.client()
	var open []xssh.Channel
	refused := 0
	for range 50 {
		ch, requests, err := c.OpenChannel("session", nil)
		if err != nil {
			assert.ErrorContains(t, err, "too many channels")
			refused++
			continue
		}
		go xssh.DiscardRequests(requests)
		open = append(open, ch)
	}
	assert.Len(t, open, 5)
	assert.Equal(t, 45, refused)
	for _, ch := range open {
		ch.Close()
	}
	require.Eventually(t, func() bool {
		s, err := c.NewSession()
		if err != nil {
			return false
		}
		return s.Run("true") == nil
	}, 10*time.Second, 10*time.Millisecond, "there is room again")
}

func TestCredentials(t *testing.T) {
	r := start(t, options{})
	_, err := xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: "agent", Auth: []xssh.AuthMethod{xssh.Password("wrong")}, HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
	})
	require.ErrorContains(t, err, "unable to authenticate")
	other, _ := newKey(t)
	_, err = xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: "agent", Auth: []xssh.AuthMethod{xssh.PublicKeys(other)}, HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
	})
	require.ErrorContains(t, err, "unable to authenticate")
	assert.True(t, r.Log.Contains("agent", identity.ErrRefused.Error()), r.Log.String())
	c, err := xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: "agent", HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
		Auth: []xssh.AuthMethod{xssh.KeyboardInteractive(func(_, _ string, questions []string, echos []bool) ([]string, error) {
			assert.Equal(t, []bool{false}, echos)
			return []string{r.token}, nil
		})},
	})
	require.NoError(t, err)
	c.Close()
	assert.NotContains(t, r.Log.String(), r.token)
	assert.False(t, r.Record.Holds([]byte(r.token)))
}

// A client may ask about keys that it does not have. Who it is says the key
// that signed.
func TestTheKeyThatSignedCounts(t *testing.T) {
	mine, _ := newKey(t)
	var admins xssh.PublicKey
	r := start(t, options{identity: func(r *rig) identity.Authenticator {
		admins = r.key.PublicKey() // of whom the client knows only the public key
		return keysOf(t, map[string]xssh.PublicKey{"admin": admins, "mallory": mine.PublicKey()})
	}})
	c, err := xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: "mallory", HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
		Auth: []xssh.AuthMethod{xssh.PublicKeysCallback(func() ([]xssh.Signer, error) {
			return []xssh.Signer{mine, pretender{admins}}, nil
		})},
	})
	require.NoError(t, err)
	defer c.Close()
	require.Eventually(t, func() bool { return len(r.Sessions()) == 1 }, 10*time.Second, time.Millisecond)
	require.Equal(t, "mallory", r.Sessions()[0].Principal)
}

// pretender has a public key and cannot sign.
type pretender struct{ key xssh.PublicKey }

func (p pretender) PublicKey() xssh.PublicKey { return p.key }
func (p pretender) Sign(io.Reader, []byte) (*xssh.Signature, error) {
	return &xssh.Signature{Format: p.key.Type(), Blob: make([]byte, 64)}, nil
}

func TestTargetThatCannotBeReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	dead := l.Addr().String()
	l.Close()
	key, _ := newKey(t)
	for name, tc := range map[string]struct {
		change func(*options)
		words  string
	}{
		"down": {func(o *options) {
			o.targets = []protocol.Target{{Name: "box", Address: dead}}
			o.config = func(c *ssh.Config) { c.HostKeys.Lines = []string{known(dead, key.PublicKey())} }
		}, `target "box" cannot be reached`},
		"another host key": {func(o *options) {
			o.config = func(c *ssh.Config) { c.HostKeys.Lines = []string{known(server.Addr(), key.PublicKey())} }
		}, `the host key of target "box" is not the one that the gateway knows`},
		"no host key": {func(o *options) {
			o.config = func(c *ssh.Config) { c.HostKeys.Lines = []string{known("elsewhere:22", key.PublicKey())} }
		}, `the gateway knows no host key of target "box"`},
		"wrong credential": {func(o *options) {
			o.config = func(c *ssh.Config) { c.Login = ssh.StaticLogin(ssh.Login{User: server.User(), Key: key}) }
		}, `the gateway cannot log in to target "box"`},
	} {
		t.Run(name, func(t *testing.T) {
			o := options{}
			tc.change(&o)
			r := start(t, o)
			got := r.ssh("true")
			assert.Equal(t, 255, got.code)
			assert.Contains(t, got.stderr, "sallyport: "+tc.words)
			assert.NotEmpty(t, r.Log.String())
		})
	}
}

func known(address string, key xssh.PublicKey) string {
	host, port, _ := net.SplitHostPort(address)
	return "[" + host + "]:" + port + " " + string(xssh.MarshalAuthorizedKey(key))
}

func TestRouting(t *testing.T) {
	second, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{AuthorizedKeys: []xssh.PublicKey{server.ClientKey().PublicKey()}})
	require.NoError(t, err)
	defer second.Close()
	r := start(t, options{
		targets: []protocol.Target{{Name: "one", Address: server.Addr()}, {Name: "two", Address: second.Addr()}},
		config: func(c *ssh.Config) {
			c.HostKeys.Lines = append(c.HostKeys.Lines, second.KnownHosts())
			c.Login = ssh.StaticLogin(ssh.Login{User: sshserver.EmbeddedUser, Key: server.ClientKey()})
		},
		rules: []approve.Rule{{Name: "all", Verdict: protocol.Allow}},
	})
	assert.Equal(t, "hello\n", r.run("", "ssh", "-l", "agent%two", "gateway", "echo hello").stdout)
	got := r.run("", "ssh", "gateway", "true")
	assert.Equal(t, 255, got.code)
	assert.Contains(t, got.stderr, "name one of one, two")
	assert.Contains(t, r.run("", "ssh", "-l", "agent%three", "gateway", "true").stderr, `no target "three"`)
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
