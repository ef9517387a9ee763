package ssh_test

import (
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/sshkeys"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// certificate makes a user certificate for "agent", signed by ca.
func certificate(t *testing.T, ca xssh.Signer, change func(*xssh.Certificate)) xssh.Signer {
	t.Helper()
	key, _ := newKey(t)
	c := &xssh.Certificate{
		Key: key.PublicKey(), CertType: xssh.UserCert, KeyId: "ci job 7", Serial: 7, ValidPrincipals: []string{"agent"},
		ValidAfter: uint64(time.Now().Add(-time.Minute).Unix()), ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		Permissions: xssh.Permissions{Extensions: map[string]string{"permit-pty": ""}},
	}
	if change != nil {
		change(c)
	}
	require.NoError(t, c.SignCert(rand.Reader, ca))
	signer, err := xssh.NewCertSigner(c, key)
	require.NoError(t, err)
	return signer
}

func TestUserCertificates(t *testing.T) {
	ca, _ := newKey(t)
	other, _ := newKey(t)
	r := start(t, options{config: func(c *ssh.Config) { c.Forward = true }, identity: func(*rig) identity.Authenticator {
		a, err := sshkeys.NewCA("ca", sshkeys.CAConfig{Authorities: []string{string(xssh.MarshalAuthorizedKey(ca.PublicKey()))}})
		require.NoError(t, err)
		return a
	}})
	dial := func(user string, key xssh.Signer) (*xssh.Client, error) {
		return xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
			User: user, Auth: []xssh.AuthMethod{xssh.PublicKeys(key)}, HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()), Timeout: 10 * time.Second,
		})
	}
	c, err := dial("agent%box", certificate(t, ca, nil))
	require.NoError(t, err)
	defer c.Close()
	s, err := c.NewSession()
	require.NoError(t, err)
	require.NoError(t, s.RequestPty("xterm", 24, 80, nil))
	require.NoError(t, s.Run("true"))
	_, err = c.Dial("tcp", server.Addr())
	require.ErrorContains(t, err, "the client's certificate permits no port forwarding")

	bare, err := dial("agent", certificate(t, ca, func(c *xssh.Certificate) { c.Extensions = nil }))
	require.NoError(t, err)
	defer bare.Close()
	s, err = bare.NewSession()
	require.NoError(t, err)
	require.Error(t, s.RequestPty("xterm", 24, 80, nil))
	require.NoError(t, s.Run("true"), "a command needs no terminal")

	for name, key := range map[string]xssh.Signer{
		"another authority": certificate(t, other, nil),
		"expired":           certificate(t, ca, func(c *xssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Second).Unix()) }),
		"another principal": certificate(t, ca, func(c *xssh.Certificate) { c.ValidPrincipals = []string{"root"} }),
		"from elsewhere": certificate(t, ca, func(c *xssh.Certificate) {
			c.CriticalOptions = map[string]string{"source-address": netip.MustParsePrefix("10.0.0.0/8").String()}
		}),
		"forced command":     certificate(t, ca, func(c *xssh.Certificate) { c.CriticalOptions = map[string]string{"force-command": "true"} }),
		"a host's":           certificate(t, ca, func(c *xssh.Certificate) { c.CertType = xssh.HostCert }),
		"the key without it": ca,
	} {
		_, err := dial("agent", key)
		assert.Error(t, err, name)
	}
	c, err = dial("agent", certificate(t, ca, func(c *xssh.Certificate) {
		c.CriticalOptions = map[string]string{"source-address": "127.0.0.0/8"}
	}))
	require.NoError(t, err, "from where it says")
	c.Close()
}

// A session ends when the certificate does.
func TestSessionEndsWithTheCertificate(t *testing.T) {
	t.Parallel()
	ca, _ := newKey(t)
	r := start(t, options{identity: func(*rig) identity.Authenticator {
		a, err := sshkeys.NewCA("ca", sshkeys.CAConfig{Authorities: []string{string(xssh.MarshalAuthorizedKey(ca.PublicKey()))}})
		require.NoError(t, err)
		return a
	}})
	key := certificate(t, ca, func(c *xssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(3 * time.Second).Unix()) })
	c, err := xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: "agent", Auth: []xssh.AuthMethod{xssh.PublicKeys(key)}, HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
	})
	require.NoError(t, err)
	defer c.Close()
	s, err := c.NewSession()
	require.NoError(t, err)
	out := &screen{}
	s.Stderr = out
	require.Error(t, s.Run("sleep 60"))
	assert.Contains(t, out.String(), "the credentials have expired; sign in again")
}

// The gateway's authority signs a certificate for each session, and the
// target's log says whose it was.
func TestLoginByAuthority(t *testing.T) {
	ca, _ := newKey(t)
	target, err := sshserver.Start(t.Context(), sshserver.Options{UserCAs: []xssh.PublicKey{ca.PublicKey()}})
	require.NoError(t, err)
	defer target.Close()
	r := start(t, options{
		targets: []protocol.Target{{Name: "box", Address: target.Addr()}},
		config: func(c *ssh.Config) {
			c.HostKeys.Lines = []string{target.KnownHosts()}
			c.Login = ssh.StaticLogin(ssh.Login{User: target.User(), Authority: ca})
		},
	})
	s, err := r.client().NewSession()
	require.NoError(t, err)
	require.NoError(t, s.Run("true"))
	session := r.Sessions()[0].ID
	require.Eventually(t, func() bool { return strings.Contains(target.Log(), session) }, 5*time.Second, 10*time.Millisecond, target.Log())
	assert.Contains(t, target.Log(), "agent")
}

func TestLoginByPassword(t *testing.T) {
	target, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{Password: "hunter2hunter2"})
	require.NoError(t, err)
	defer target.Close()
	r := start(t, options{
		targets: []protocol.Target{{Name: "box", Address: target.Addr()}},
		config: func(c *ssh.Config) {
			c.HostKeys.Lines = []string{target.KnownHosts()}
			c.Login = ssh.StaticLogin(ssh.Login{User: target.User(), Password: ssh.NewSecret("hunter2hunter2")})
		},
	})
	assert.Equal(t, "in\n", r.ssh("echo in").stdout)
	assert.NotContains(t, r.Log.String(), "hunter2")
	assert.False(t, r.Record.Holds([]byte("hunter2")))
}

func TestSettings(t *testing.T) {
	_, err := proxy.New("x").Listen("127.0.0.1:0", ssh.New(ssh.Config{MaxChannels: -1, MaxCommand: 1 << 20, Env: []string{"["}}), protocol.Target{Name: "a", Address: "b:22", Database: "d"}).Build()
	for _, words := range []string{
		"ssh.Config.Keys is empty", "ssh.Config.Login is missing", "ssh.Config.HostKeys is empty", "MaxChannels is -1", "MaxCommand is over 64 KiB",
		`Env: "[" is no pattern`, `target "a": Database means nothing to SSH`,
	} {
		assert.ErrorContains(t, err, words)
	}
	one, _ := newKey(t)
	two, _ := newKey(t)
	_, err = proxy.New("x").Listen("127.0.0.1:0", ssh.New(ssh.Config{Keys: []xssh.Signer{one, two}}), protocol.Target{Name: "a", Address: "b:22"}).Build()
	assert.ErrorContains(t, err, "ssh.Config.Keys[1]: there is another key of type ssh-ed25519")
	_, err = proxy.New("x").Listen("127.0.0.1:0", ssh.New(ssh.Config{HostKeys: ssh.HostKeys{Files: []string{"/does/not/exist"}}}), protocol.Target{Name: "a", Address: "b:22"}).Build()
	assert.ErrorContains(t, err, "/does/not/exist")
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

// However often a client guesses on one connection, it is turned away once.
func TestGuessing(t *testing.T) {
	r := start(t, options{})
	tries := 0
	_, err := xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: "agent", HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()),
		Auth: []xssh.AuthMethod{xssh.RetryableAuthMethod(xssh.PasswordCallback(func() (string, error) {
			tries++
			return fmt.Sprint("guess ", tries), nil
		}), 100)},
	})
	require.Error(t, err)
	assert.LessOrEqual(t, tries, 7)
	r.Record.WaitForKind(t, recorder.KindRefused, 1)
	time.Sleep(50 * time.Millisecond)
	refused := 0
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindRefused {
			refused++
		}
	}
	assert.Equal(t, 1, refused)
	assert.False(t, r.Record.Holds([]byte("guess ")))
	assert.NotContains(t, r.Log.String(), "guess ")
}
