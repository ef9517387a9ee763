//go:build unix

package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/internal/sshserver/sshservertest"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// clients are OpenSSH's, in a directory of their own.
type clients struct {
	t    *testing.T
	dir  string
	args []string // how to reach the gateway
}

func newClients(t *testing.T) *clients { return &clients{t: t, dir: t.TempDir()} }

// keygen makes a key pair and returns what the .pub file says.
func (c *clients) keygen(name string) string {
	c.t.Helper()
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(c.dir, name)).CombinedOutput()
	require.NoError(c.t, err, "%s", out)
	return c.read(name + ".pub")
}

func (c *clients) read(name string) string {
	c.t.Helper()
	b, err := os.ReadFile(filepath.Join(c.dir, name))
	require.NoError(c.t, err)
	return string(b)
}

func (c *clients) write(name, content string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600))
}

// reach says where the gateway is, and by which host key it is known.
func (c *clients) reach(address, hostKey string, options ...string) {
	host, port, _ := strings.Cut(address, ":")
	c.write("gateway_known_hosts", "["+host+"]:"+port+" "+hostKey)
	c.args = []string{"-F", "none", "-o", "Port=" + port, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=gateway_known_hosts"}
	for _, o := range options {
		c.args = append(c.args, "-o", o)
	}
}

// run runs a client and returns what it printed, and its exit status.
func (c *clients) run(program string, args ...string) (stdout, stderr string, status int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append(c.args, args...)...)
	var out, complaints bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.dir, &out, &complaints
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+filepath.Join(c.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force")
	err := cmd.Run()
	require.NoError(c.t, ctx.Err(), "%s %v hangs", program, args)
	if cmd.ProcessState == nil {
		require.NoError(c.t, err)
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

// The example is run as its comment says, and OpenSSH's clients go through it
// to OpenSSH's server, which trusts the gateway's authority alone.
func TestGateway(t *testing.T) {
	c := newClients(t)
	hostKey := c.keygen("host_key")
	authority, _, _, _, err := xssh.ParseAuthorizedKey([]byte(c.keygen("authority")))
	require.NoError(t, err)
	c.keygen("agent")
	server := sshservertest.Run(t, sshserver.Options{
		UserCAs: []xssh.PublicKey{authority},
		Config:  []string{"AuthorizedKeysFile none", "PasswordAuthentication no", "KbdInteractiveAuthentication no"}, // as docs/ssh.md closes the direct way
	})
	_, err = xssh.Dial("tcp", server.Addr(), &xssh.ClientConfig{
		User: server.User(), Auth: []xssh.AuthMethod{xssh.PublicKeys(server.ClientKey())}, HostKeyCallback: xssh.FixedHostKey(server.HostKey()),
	})
	require.ErrorContains(t, err, "unable to authenticate", "nobody else's key logs in")
	c.write("known_hosts", server.KnownHosts())
	token := identity.NewToken()
	c.write("askpass", "#!/bin/sh\necho "+token+"\n")
	require.NoError(t, os.Chmod(filepath.Join(c.dir, "askpass"), 0o700))

	binary := filepath.Join(t.TempDir(), "gateway")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	log := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(log)
	require.NoError(t, err)
	defer file.Close()
	gateway := exec.Command(binary)
	gateway.Dir = c.dir
	gateway.Env = append(os.Environ(), "TARGET="+server.Addr(), "TARGET_USER="+server.User(), "AGENT_TOKEN="+token, "LISTEN=127.0.0.1:0")
	gateway.Stdout, gateway.Stderr = file, file
	require.NoError(t, gateway.Start())
	logged := func() string {
		b, err := os.ReadFile(log)
		require.NoError(t, err)
		return string(b)
	}
	t.Cleanup(func() {
		require.NoError(t, gateway.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, gateway.Wait(), "it ends in order")
		assert.DirExists(t, filepath.Join(c.dir, "journal"))
		assert.NotContains(t, logged(), token)
		if t.Failed() {
			t.Log(logged())
		}
	})
	listens := regexp.MustCompile(`gateway listens.* address=(\S+)`)
	require.Eventually(t, func() bool { return listens.MatchString(logged()) }, time.Minute, 10*time.Millisecond, "it does not listen")
	address := listens.FindStringSubmatch(logged())[1]

	for how, options := range map[string][]string{
		"by key":   {"IdentityFile=agent", "BatchMode=yes"},
		"by token": {"PubkeyAuthentication=no", "NumberOfPasswordPrompts=1"},
	} {
		t.Run(how, func(t *testing.T) {
			c.reach(address, hostKey, options...)
			stdout, stderr, status := c.run("ssh", "agent@127.0.0.1", "echo works")
			assert.Equal(t, "works\n", stdout, stderr)
			assert.Zero(t, status)
			_, stderr, status = c.run("ssh", "stranger@127.0.0.1", "echo works")
			assert.Equal(t, 255, status)
			assert.Contains(t, stderr, "Permission denied")
		})
	}
	assert.Contains(t, server.Log(), `ID "session=agents-`, "the host's own log has the session and the principal")
}

// What the rules say, to OpenSSH's clients and to the people who are asked.
func TestExecAndNotShells(t *testing.T) {
	c := newClients(t)
	server := sshservertest.Run(t)
	_, _, _ = c.keygen("host_key"), c.keygen("agent"), c.keygen("stranger")
	hostKey, err := ssh.ReadKey(filepath.Join(c.dir, "host_key"))
	require.NoError(t, err)
	mint := proxytest.NewMint()
	token := mint.Token("agent")
	c.write("askpass", "#!/bin/sh\necho "+token+"\n")
	require.NoError(t, os.Chmod(filepath.Join(c.dir, "askpass"), 0o700))
	people := proxytest.NewPeople("people")
	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint).Approve(rules(), people).Limits(proxy.Limits{Drain: -1}).
			Listen("127.0.0.1:0", ssh.New(ssh.Config{
				Keys: []xssh.Signer{hostKey}, HostKeys: ssh.HostKeys{Lines: []string{server.KnownHosts()}},
				Login: ssh.StaticLogin(ssh.Login{User: server.User(), Key: server.ClientKey()}),
			}), protocol.Target{Name: "web1", Address: server.Addr()})
	})
	c.reach(gw.Addr(), c.read("host_key.pub"), "PubkeyAuthentication=no", "NumberOfPasswordPrompts=1")
	there := server.Dir()

	t.Run("reading is allowed", func(t *testing.T) {
		require.NoError(t, os.WriteFile(filepath.Join(there, "notes"), []byte("buy tea\n"), 0o600))
		stdout, stderr, status := c.run("ssh", "agent@127.0.0.1", "cat notes")
		assert.Equal(t, "buy tea\n", stdout, stderr)
		assert.Zero(t, status)
		_, stderr, status = c.run("scp", "-q", "agent@127.0.0.1:notes", "notes")
		require.Zero(t, status, stderr)
		assert.Equal(t, "buy tea\n", c.read("notes"))
		assert.Empty(t, people.Asked())
	})
	t.Run("a shell is denied", func(t *testing.T) {
		for _, args := range [][]string{{}, {"-tt"}, {"-tt", "bash"}} {
			_, stderr, status := c.run("ssh", append([]string{"agent@127.0.0.1"}, args...)...)
			assert.Equal(t, 126, status)
			assert.Contains(t, stderr, `denied by rule "agents get exec, not shells": give the command to ssh`)
		}
	})
	t.Run("removing is asked about, and denied", func(t *testing.T) {
		people.Deny("they are still needed")
		_, stderr, status := c.run("ssh", "agent@127.0.0.1", "rm notes")
		assert.Equal(t, 126, status)
		assert.Contains(t, stderr, "waiting for people to approve this")
		assert.Contains(t, stderr, "they are still needed")
		assert.FileExists(t, filepath.Join(there, "notes"))
	})
	t.Run("removing is asked about, and approved", func(t *testing.T) {
		people.Approve()
		_, stderr, status := c.run("ssh", "agent@127.0.0.1", "rm -f notes")
		assert.Zero(t, status, stderr)
		assert.NoFileExists(t, filepath.Join(there, "notes"))
		assert.Equal(t, protocol.OK, gw.Record.Outcome(t, "rm -f notes"))
	})
	t.Run("an upload is asked about", func(t *testing.T) {
		people.Approve().Approve() // scp creates the file, and sets its size in the end
		c.write("new", "content")
		_, stderr, status := c.run("scp", "-q", "new", "agent@127.0.0.1:new")
		require.Zero(t, status, stderr)
		b, err := os.ReadFile(filepath.Join(there, "new"))
		require.NoError(t, err)
		assert.Equal(t, "content", string(b))
	})
}

func TestItIsShort(t *testing.T) {
	code, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.Less(t, strings.Count(string(code), "\n"), 80, "the example promises to be short")
}
