package ssh_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/sshkeys"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// server is the private sshd of this package's tests.
var server *sshserver.Server

func TestMain(m *testing.M) {
	var err error
	if server, err = sshserver.Start(context.Background(), sshserver.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := server.Close(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// newKey makes a key pair.
func newKey(t testing.TB) (xssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	signer, err := xssh.NewSignerFromKey(key)
	require.NoError(t, err)
	return signer, key
}

// rig is a gateway in front of the server.
type rig struct {
	*proxytest.Gateway
	t       testing.TB
	token   string
	key     xssh.Signer // of "agent"
	host    xssh.Signer // the gateway's
	people  *proxytest.People
	dir     string // files of the clients
	config  string // an ssh_config whose host "gateway" is the gateway
	private ed25519.PrivateKey
}

// options are what a rig is built with.
type options struct {
	rules    []approve.Rule // none: everything is allowed
	masks    []mask.Rule
	config   func(*ssh.Config)
	targets  []protocol.Target // none: the server
	identity func(*rig) identity.Authenticator
	build    func(*proxy.Builder) *proxy.Builder
	embedded bool // a target in pure Go: sshd passes signals on only where it is not run by root
}

var allowEverything = []approve.Rule{{Name: "everything", Verdict: protocol.Allow, Effects: protocol.Everything}}

func start(t testing.TB, o options) *rig {
	t.Helper()
	r := &rig{t: t, people: proxytest.NewPeople("people"), dir: t.TempDir()}
	r.key, r.private = newKey(t)
	r.host, _ = newKey(t)
	mint := proxytest.NewMint()
	r.token = mint.Token("agent", "agents")
	keys, err := sshkeys.New("keys", sshkeys.Key{Name: "agent", Line: string(xssh.MarshalAuthorizedKey(r.key.PublicKey())), Groups: []string{"agents"}})
	require.NoError(t, err)
	who := identity.Any(mint, keys)
	if o.identity != nil {
		who = o.identity(r)
	}
	if o.rules == nil {
		o.rules = allowEverything
	}
	config := ssh.Config{
		Keys: []xssh.Signer{r.host}, HostKeys: ssh.HostKeys{Lines: []string{server.KnownHosts()}},
		Login: ssh.StaticLogin(ssh.Login{User: server.User(), Key: server.ClientKey()}), LoginTimeout: time.Minute, // machines of CI are slow
	}
	if o.embedded {
		e, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{})
		require.NoError(t, err)
		t.Cleanup(func() { e.Close() })
		config.HostKeys.Lines, config.Login = []string{e.KnownHosts()}, ssh.StaticLogin(ssh.Login{User: e.User(), Key: e.ClientKey()})
		o.targets = []protocol.Target{{Name: "box", Address: e.Addr()}}
	}
	if o.config != nil {
		o.config(&config)
	}
	if o.targets == nil {
		o.targets = []protocol.Target{{Name: "box", Address: server.Addr()}}
	}
	r.Gateway = proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		b = b.Identify(who).Approve(o.rules, r.people).Mask(o.masks...).Limits(proxy.Limits{Drain: -1}).
			Listen("127.0.0.1:0", ssh.New(config), o.targets[0], o.targets[1:]...)
		if o.build != nil {
			b = o.build(b)
		}
		return b
	})
	r.writeConfig()
	return r
}

// writeConfig writes what OpenSSH's clients need.
func (r *rig) writeConfig() {
	block, err := xssh.MarshalPrivateKey(r.private, "")
	require.NoError(r.t, err)
	host, port, err := net.SplitHostPort(r.Addr())
	require.NoError(r.t, err)
	r.write("key", string(pem.EncodeToMemory(block)))
	r.write("known_hosts", fmt.Sprintf("[%s]:%s %s", host, port, xssh.MarshalAuthorizedKey(r.host.PublicKey())))
	r.config = r.write("ssh_config", fmt.Sprintf(`Host gateway
  HostName %s
  Port %s
  User agent
  IdentityFile %s/key
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile %s/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
`, host, port, r.dir, r.dir))
}

// write writes a file of the clients and returns its path.
func (r *rig) write(name, content string) string {
	path := filepath.Join(r.dir, name)
	require.NoError(r.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// result is what a program printed and how it ended.
type result struct {
	stdout, stderr string
	code           int
}

// run runs a client program; "ssh", "scp" and "sftp" get the configuration.
func (r *rig) run(stdin string, program string, args ...string) result {
	r.t.Helper()
	if program == "ssh" || program == "scp" || program == "sftp" {
		args = append([]string{"-F", r.config}, args...)
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = r.dir
	cmd.Env = append(os.Environ(), "HOME="+r.dir, "GIT_SSH_COMMAND=ssh -F "+r.config, "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		require.NoError(r.t, err)
	}
	require.NoError(r.t, ctx.Err(), "%s %v hangs: %s", program, args, stderr.String())
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// ssh runs OpenSSH's client.
func (r *rig) ssh(args ...string) result {
	r.t.Helper()
	return r.run("", "ssh", append([]string{"gateway"}, args...)...)
}

// dial connects with x/crypto's client, by the token.
func (r *rig) dial(user string) (*xssh.Client, error) {
	return xssh.Dial("tcp", r.Addr(), &xssh.ClientConfig{
		User: user, Auth: []xssh.AuthMethod{xssh.Password(r.token)},
		HostKeyCallback: xssh.FixedHostKey(r.host.PublicKey()), Timeout: 10 * time.Second,
	})
}

// client is dial for tests in which it must work.
func (r *rig) client() *xssh.Client {
	r.t.Helper()
	c, err := r.dial("agent")
	require.NoError(r.t, err)
	r.t.Cleanup(func() { c.Close() })
	return c
}

// keysOf is an authenticator over keys by name.
func keysOf(t testing.TB, list map[string]xssh.PublicKey) identity.Authenticator {
	t.Helper()
	var keys []sshkeys.Key
	for name, key := range list {
		keys = append(keys, sshkeys.Key{Name: name, Line: string(xssh.MarshalAuthorizedKey(key))})
	}
	a, err := sshkeys.New("keys", keys...)
	require.NoError(t, err)
	return a
}

// dialer hands each connection to the target to conns too.
func dialer(conns chan<- net.Conn) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		c, err := d.DialContext(ctx, network, address)
		if err == nil {
			conns <- c
		}
		return c, err
	}
}

// exampleKey makes a key where there is no test to fail.
func exampleKey() xssh.Signer {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		panic(err)
	}
	signer, err := xssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return signer
}
