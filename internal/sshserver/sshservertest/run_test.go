//go:build unix

package sshservertest_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/internal/sshserver/sshservertest"
)

func TestMain(m *testing.M) {
	if os.Getenv("SSHSERVERTEST_CHILD") != "" {
		child()
	}
	goleak.VerifyTestMain(m)
}

// child starts a server with a process in it, says where it is, and hangs until
// it is killed.
func child() {
	s, err := sshserver.Start(context.Background(), sshserver.Options{})
	if err != nil {
		panic(err)
	}
	out, err := exec.Command("ssh", "-F", s.ClientConfigFile(), "target", "sleep 1000 >/dev/null 2>&1 & echo $!").Output()
	if err != nil {
		panic(fmt.Sprint(err, s.Log()))
	}
	if _, err := fmt.Printf("%d %s %s\n", s.Pid(), strings.TrimSpace(string(out)), s.Dir()); err != nil {
		panic(err)
	}
	time.Sleep(time.Hour)
}

func gone(pid string) bool {
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	return err != nil || bytes.Contains(status, []byte("State:\tZ"))
}

// run runs a client and returns what it wrote.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%v: %s", cmd.Args, out)
	return string(out)
}

func dial(t *testing.T, addr, user, known string, auth ...ssh.AuthMethod) (*ssh.Client, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(known), 0o600))
	check, err := knownhosts.New(file)
	require.NoError(t, err)
	c, err := ssh.Dial("tcp", addr, &ssh.ClientConfig{User: user, Auth: auth, HostKeyCallback: check})
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func TestOpenSSHClients(t *testing.T) {
	s := sshservertest.Run(t)
	require.Equal(t, s.Dir()+"\n", run(t, sshservertest.Command(t, s, "ssh", "target", "echo $HOME")))
	require.Equal(t, "x y\n", run(t, sshservertest.Command(t, s, "ssh", "-o", "SetEnv=SALLYPORT_A=x LC_B=y OTHER=z", "target", "echo $SALLYPORT_A $LC_B $OTHER")))

	shell := sshservertest.Command(t, s, "ssh", "-tt", "target")
	shell.Stdin = strings.NewReader("tty; exit 3\n")
	out, err := shell.CombinedOutput()
	require.Error(t, err)
	require.Equal(t, 3, shell.ProcessState.ExitCode(), "%s", out)
	require.Contains(t, string(out), "/dev/pts/")

	content := strings.Repeat("0123456789abcdef", 10000)
	for _, args := range [][]string{{"-O"}, {"-s"}} {
		put := sshservertest.Command(t, s, "scp", append(args, "-q", "up", "target:"+filepath.Join(s.Dir(), "file"))...)
		require.NoError(t, os.WriteFile(filepath.Join(put.Dir, "up"), []byte(content), 0o600))
		run(t, put)
		got, err := os.ReadFile(filepath.Join(s.Dir(), "file"))
		require.NoError(t, err)
		require.Equal(t, content, string(got))
		require.NoError(t, os.Remove(filepath.Join(s.Dir(), "file")))
	}
	batch := sshservertest.Command(t, s, "sftp", "-q", "-b", "-", "target")
	require.NoError(t, os.WriteFile(filepath.Join(batch.Dir, "up"), []byte(content), 0o600))
	batch.Stdin = strings.NewReader("put up there\nrename there here\nget here down\n")
	run(t, batch)
	got, err := os.ReadFile(filepath.Join(batch.Dir, "down"))
	require.NoError(t, err)
	require.Equal(t, content, string(got))
	require.FileExists(t, filepath.Join(s.Dir(), "here"), "sftp starts in the server's directory")
	require.Contains(t, s.Log(), "Accepted publickey for "+s.User())
}

func TestWhoMayLogIn(t *testing.T) {
	another, ca, stranger := newSigner(t), newSigner(t), newSigner(t)
	s := sshservertest.Run(t, sshserver.Options{AuthorizedKeys: []ssh.PublicKey{another.PublicKey()}, UserCAs: []ssh.PublicKey{ca.PublicKey()}})
	certified := func(ca ssh.Signer, principal string) ssh.Signer {
		key := newSigner(t)
		cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.UserCert, KeyId: "test-id", ValidPrincipals: []string{principal}, ValidBefore: ssh.CertTimeInfinity}
		require.NoError(t, cert.SignCert(rand.Reader, ca))
		signer, err := ssh.NewCertSigner(cert, key)
		require.NoError(t, err)
		return signer
	}
	for name, tt := range map[string]struct {
		signer ssh.Signer
		good   bool
	}{
		"its own": {s.ClientKey(), true}, "another": {another, true}, "certificate": {certified(ca, s.User()), true},
		"stranger": {stranger, false}, "of nobody": {certified(ca, "nobody"), false}, "of a stranger": {certified(stranger, s.User()), false},
	} {
		c, err := dial(t, s.Addr(), s.User(), s.KnownHosts(), ssh.PublicKeys(tt.signer))
		if !tt.good {
			assert.ErrorContains(t, err, "unable to authenticate", name)
			continue
		}
		require.NoError(t, err, name)
		session, err := c.NewSession()
		require.NoError(t, err)
		out, err := session.Output("id -un")
		require.NoError(t, err)
		assert.Equal(t, s.User()+"\n", string(out))
	}
	assert.Contains(t, s.Log(), "ID test-id")

	s = sshservertest.Run(t, sshserver.Options{UserCAs: []ssh.PublicKey{ca.PublicKey()}, UserPrincipals: []string{"agents"}})
	_, err := dial(t, s.Addr(), s.User(), s.KnownHosts(), ssh.PublicKeys(certified(ca, "agents")))
	require.NoError(t, err)
	_, err = dial(t, s.Addr(), s.User(), s.KnownHosts(), ssh.PublicKeys(certified(ca, s.User())))
	require.Error(t, err)
}

func newSigner(t *testing.T) ssh.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	s, err := ssh.NewSignerFromSigner(key)
	require.NoError(t, err)
	return s
}

func TestHostKeysAndCertificates(t *testing.T) {
	a, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	b, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	ca := newSigner(t)
	s := sshservertest.Run(t, sshserver.Options{HostKeys: []crypto.Signer{a, b}, HostCA: ca, Config: []string{"LogLevel DEBUG1"}})
	require.Equal(t, ssh.KeyAlgoECDSA256, s.HostKey().Type())
	lines := strings.Split(strings.TrimSpace(s.KnownHosts()), "\n")
	require.Len(t, lines, 3)
	_, err = dial(t, s.Addr(), s.User(), lines[2], ssh.PublicKeys(s.ClientKey()))
	require.NoError(t, err, "by the certificate alone")
	require.Contains(t, s.Log(), "debug1")

	s = sshservertest.Run(t, sshserver.Options{HostCA: ca, HostCertificate: func(c *ssh.Certificate) { c.ValidPrincipals = []string{"elsewhere"} }})
	_, err = dial(t, s.Addr(), s.User(), strings.Split(s.KnownHosts(), "\n")[1], ssh.PublicKeys(s.ClientKey()))
	require.ErrorContains(t, err, "elsewhere")
}

// What was started over a connection goes with the server, also what has left
// its session and forgotten its environment, or its parent.
func TestNothingIsLeftBehind(t *testing.T) {
	s := sshservertest.Run(t)
	hang := func(command string) {
		cmd := sshservertest.Command(t, s, "ssh", "target", command)
		require.NoError(t, cmd.Start())
		t.Cleanup(func() { _ = cmd.Wait() })
	}
	pids := filepath.Join(s.Dir(), "pids")
	hang("echo $$ >>" + pids + "; exec env -i sleep 1000")
	hang("setsid env -i sleep 1000 & echo $! >>" + pids + "; wait")
	run(t, sshservertest.Command(t, s, "ssh", "target", "nohup setsid sleep 1000 >/dev/null 2>&1 & echo $! >>"+pids))
	var list []string
	require.Eventually(t, func() bool {
		b, _ := os.ReadFile(pids)
		list = strings.Fields(string(b))
		return len(list) == 3
	}, 10*time.Second, 10*time.Millisecond)
	for _, pid := range list {
		require.False(t, gone(pid))
	}
	base, pid := filepath.Dir(s.Dir()), s.Pid()
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	for _, pid := range append(list, strconv.Itoa(pid)) {
		require.True(t, gone(pid), pid)
	}
	require.NoDirExists(t, base)
}

func TestServerGoesWithItsProcess(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SSHSERVERTEST_CHILD=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var server, session, dir string
	_, err = fmt.Fscan(out, &server, &session, &dir)
	require.NoError(t, err)
	require.False(t, gone(server))
	require.False(t, gone(session))
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	require.Eventually(t, func() bool {
		_, err := os.Stat(filepath.Dir(dir))
		return gone(server) && gone(session) && os.IsNotExist(err)
	}, 10*time.Second, 10*time.Millisecond)
}

func TestTwoAtOnce(t *testing.T) {
	a, b := sshservertest.Run(t), sshservertest.Run(t)
	require.NotEqual(t, a.Addr(), b.Addr())
	_, err := dial(t, a.Addr(), a.User(), b.KnownHosts(), ssh.PublicKeys(a.ClientKey()))
	require.Error(t, err, "another host key")
	_, err = dial(t, b.Addr(), b.User(), b.KnownHosts(), ssh.PublicKeys(a.ClientKey()))
	require.Error(t, err, "another client key")
}

func TestBadOptions(t *testing.T) {
	for want, o := range map[string]sshserver.Options{
		"newline":            {Config: []string{"a\nb"}},
		"without HostCA":     {HostCertificate: func(*ssh.Certificate) {}},
		"sshd ended at once": {Config: []string{"NoSuchSetting yes"}},
	} {
		_, err := sshserver.Start(t.Context(), o)
		require.ErrorContains(t, err, want)
	}
}

func embedded(t *testing.T, o sshserver.EmbeddedOptions) *sshserver.Embedded {
	t.Helper()
	e, err := sshserver.StartEmbedded(o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}

func TestEmbedded(t *testing.T) {
	e := embedded(t, sshserver.EmbeddedOptions{Password: "open sesame"})
	for name, tt := range map[string]struct {
		user string
		auth ssh.AuthMethod
		good bool
	}{
		"key":                {e.User(), ssh.PublicKeys(e.ClientKey()), true},
		"password":           {e.User(), ssh.Password("open sesame"), true},
		"other key":          {e.User(), ssh.PublicKeys(newSigner(t)), false},
		"other password":     {e.User(), ssh.Password("open"), false},
		"no password":        {e.User(), ssh.Password(""), false},
		"key of nobody":      {"root", ssh.PublicKeys(e.ClientKey()), false},
		"password of nobody": {"root", ssh.Password("open sesame"), false},
	} {
		_, err := dial(t, e.Addr(), tt.user, e.KnownHosts(), tt.auth)
		assert.Equal(t, tt.good, err == nil, "%s: %v", name, err)
	}
	_, err := dial(t, embedded(t, sshserver.EmbeddedOptions{}).Addr(), e.User(), e.KnownHosts(), ssh.Password(""))
	require.Error(t, err)

	c, err := dial(t, e.Addr(), e.User(), e.KnownHosts(), ssh.PublicKeys(e.ClientKey()))
	require.NoError(t, err)
	session := func() *ssh.Session {
		s, err := c.NewSession()
		require.NoError(t, err)
		return s
	}
	s := session()
	require.NoError(t, s.Setenv("SALLYPORT_X", "given"))
	require.Error(t, s.Setenv("LD_PRELOAD", "x"))
	require.Error(t, s.RequestPty("xterm", 24, 80, nil))
	var stderr bytes.Buffer
	s.Stderr, s.Stdin = &stderr, strings.NewReader("through")
	out, err := s.Output("pwd; echo $HOME $SALLYPORT_X; cat; echo wrong >&2; exit 7")
	require.Equal(t, e.Dir()+"\n"+e.Dir()+" given\nthrough", string(out))
	require.Equal(t, "wrong\n", stderr.String())
	var exit *ssh.ExitError
	require.ErrorAs(t, err, &exit)
	require.Equal(t, 7, exit.ExitStatus())
	require.ErrorAs(t, session().Run("kill -TERM $$"), &exit)
	require.Equal(t, "TERM", exit.Signal())

	s = session()
	require.NoError(t, s.Start("sleep 1000"))
	require.NoError(t, s.Signal(ssh.SIGKILL))
	require.ErrorAs(t, s.Wait(), &exit)
	require.Equal(t, "KILL", exit.Signal())

	s = session()
	s.Stdin = strings.NewReader("echo in the shell\n")
	var shell bytes.Buffer
	s.Stdout = &shell
	require.NoError(t, s.Shell())
	require.NoError(t, s.Wait())
	require.Equal(t, "in the shell\n", shell.String())

	files, err := sftp.NewClient(c)
	require.NoError(t, err)
	f, err := files.Create("notes")
	require.NoError(t, err)
	_, err = f.Write([]byte("kept"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	got, err := session().Output("cat notes")
	require.NoError(t, err)
	require.Equal(t, "kept", string(got))
	require.NoError(t, files.Close())

	_, err = c.Dial("tcp", e.Addr())
	require.Error(t, err, "it forwards nothing")
	_, err = c.Listen("tcp", "127.0.0.1:0")
	require.Error(t, err)
}

func TestEmbeddedStaysOnLoopbackAndLeavesNothing(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:22"} {
		_, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{Addr: addr})
		require.ErrorContains(t, err, "loopback", addr)
	}
	e := embedded(t, sshserver.EmbeddedOptions{})
	c, err := dial(t, e.Addr(), e.User(), e.KnownHosts(), ssh.PublicKeys(e.ClientKey()))
	require.NoError(t, err)
	s, err := c.NewSession()
	require.NoError(t, err)
	pid, err := s.Output("nohup setsid sleep 1000 >/dev/null 2>&1 & echo $!")
	require.NoError(t, err)
	s, err = c.NewSession()
	require.NoError(t, err)
	require.NoError(t, s.Start("trap '' HUP; sleep 1000"))
	require.False(t, gone(strings.TrimSpace(string(pid))))
	require.NoError(t, e.Close())
	require.NoError(t, e.Close())
	require.True(t, gone(strings.TrimSpace(string(pid))))
	require.NoDirExists(t, e.Dir())
}
