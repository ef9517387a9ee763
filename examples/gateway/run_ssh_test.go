//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/internal/sshserver/sshservertest"
	"github.com/sallyport/sallyport/recorder"
)

// startSSHBed starts a gateway from a file for SSH alone, in front of a
// private sshd that trusts the gateway's authority.
func startSSHBed(t *testing.T) (*bed, *sshserver.Server) {
	dir, err := os.MkdirTemp("", "gw") // paths of sockets must be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	b := &bed{t: t, dir: dir, admin: filepath.Join(dir, "admin.sock"), token: identity.NewToken(), log: &output{}}
	b.administer()
	for _, name := range []string{"host_key", "authority", "coder", "new", "people_ca"} {
		pair(t, dir, name)
	}
	authority, _, _, _, err := xssh.ParseAuthorizedKey([]byte(b.read("authority.pub")))
	require.NoError(t, err)
	server := sshservertest.Run(t, sshserver.Options{UserCAs: []xssh.PublicKey{authority}})
	write(t, dir, "known_hosts", server.KnownHosts())
	hash, err := identity.HashToken(b.token)
	require.NoError(t, err)
	write(t, dir, "tokens.yaml", fmt.Sprintf("tokens:\n  - {name: coder, hash: %q, groups: [agents]}\n", hash))
	write(t, dir, "askpass", "#!/bin/sh\necho "+b.token+"\n")
	require.NoError(t, os.Chmod(filepath.Join(dir, "askpass"), 0o700))
	b.keys("coder", "")
	b.file = write(t, dir, "g.yaml", fmt.Sprintf(`name: g
admin: {listen: %s}
identity: {tokens: {file: tokens.yaml}, ssh: {file: ssh-keys.yaml}}
targets:
  - {name: web1, address: %q, login: {user: %s, authority: authority}}
  - {name: web2, address: %q, login: {user: nobody, key: coder}}
listeners:
  - {protocol: ssh, address: "127.0.0.1:0", targets: [web1, web2]}
rules:
  - {name: no shells, verdict: deny, verbs: [shell], reason: "give the command to ssh"}
  - {name: reading, verdict: allow, groups: [agents], effects: [read]}
masks: {detectors: [secrets]}
record: {dir: journal}
ssh:
  host_keys: [host_key]
  known_hosts: [known_hosts]
  env: [LANG, SALLYPORT_*]
`, b.admin, server.Addr(), server.User(), server.Addr()))
	b.run()
	return b, server
}

func (b *bed) read(name string) string {
	text, err := os.ReadFile(filepath.Join(b.dir, name))
	require.NoError(b.t, err)
	return strings.TrimSpace(string(text))
}

// keys lists one key and the authority of people, of which one key id is
// revoked where it is not empty.
func (b *bed) keys(name, revoked string) {
	text := fmt.Sprintf("keys:\n  - {name: coder, key: %q, groups: [agents]}\nauthorities:\n  - issuer: people\n    keys: [%q]\n    groups: [agents]\n", b.read(name+".pub"), b.read("people_ca.pub"))
	if revoked != "" {
		text += "    revoked: {key_ids: [" + revoked + "]}\n"
	}
	write(b.t, b.dir, "ssh-keys.yaml", text)
}

// ssh runs OpenSSH's client through the gateway.
func (b *bed) ssh(user string, args ...string) (stdout, stderr string, status int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	write(b.t, b.dir, "clients_known_hosts", "[127.0.0.1]:"+b.port+" "+b.read("host_key.pub")+"\n")
	cmd := exec.CommandContext(ctx, "ssh", append([]string{"-F", "none", "-p", b.port, "-l", user, "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes",
		"-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=clients_known_hosts", "-o", "NumberOfPasswordPrompts=1", "127.0.0.1"}, args...)...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "SSH_ASKPASS="+filepath.Join(b.dir, "askpass"), "SSH_ASKPASS_REQUIRE=force", "SALLYPORT_GREETING=hello", "LC_OTHER=x")
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err := cmd.Run()
	require.NoError(b.t, ctx.Err(), "ssh %v hangs", args)
	if cmd.ProcessState == nil {
		require.NoError(b.t, err)
	}
	return out.String(), complaints.String(), cmd.ProcessState.ExitCode()
}

func TestFromFileToSSH(t *testing.T) {
	b, server := startSSHBed(t)
	require.NoError(t, os.WriteFile(filepath.Join(server.Dir(), "settings"), []byte("name=shop\naws_key=AKIAZ7QYXWVUTSRPONML\n"), 0o600))
	reload := func() { require.NoError(t, reloadBed(b)) }
	works := func(user string, args ...string) {
		t.Helper()
		stdout, stderr, status := b.ssh(user, append(args, "echo works")...)
		assert.Equal(t, "works\n", stdout, stderr)
		assert.Zero(t, status)
	}
	refused := func(user string, args ...string) {
		t.Helper()
		_, stderr, status := b.ssh(user, append(args, "echo works")...)
		assert.Equal(t, 255, status)
		assert.Contains(t, stderr, "Permission denied")
	}
	noKeys := []string{"-o", "PubkeyAuthentication=no"}
	byKey := func(name string) []string { return []string{"-i", name, "-o", "BatchMode=yes"} }

	t.Run("by token", func(t *testing.T) {
		works("coder%web1", noKeys...)
		refused("stranger%web1", noKeys...)
		_, stderr, status := b.ssh("coder", append(noKeys, "echo works")...)
		assert.NotZero(t, status)
		assert.Contains(t, stderr, "web1", "it says which targets there are")
		_, stderr, status = b.ssh("coder%web2", append(noKeys, "echo works")...)
		assert.Equal(t, 255, status)
		assert.Contains(t, stderr, `cannot log in to target "web2"`)
	})
	t.Run("what rules, masks and settings say", func(t *testing.T) {
		stdout, stderr, status := b.ssh("coder%web1", append(byKey("coder"), "cat settings")...)
		assert.Equal(t, "name=shop\naws_key=********************\n", stdout, stderr)
		assert.Zero(t, status)
		for _, command := range []string{"rm settings", "bash"} {
			_, stderr, status = b.ssh("coder%web1", append(byKey("coder"), command)...)
			assert.Equal(t, 126, status)
			assert.Contains(t, stderr, "sallyport: denied")
		}
		assert.FileExists(t, filepath.Join(server.Dir(), "settings"))
		stdout, stderr, _ = b.ssh("coder%web1", append(byKey("coder"), "-o", "SendEnv=SALLYPORT_GREETING LC_OTHER", "printenv SALLYPORT_GREETING LC_OTHER")...)
		assert.Equal(t, "hello\n", stdout, stderr)
		_, stderr, _ = b.ssh("coder%web1", append(byKey("coder"), "-W", "10.0.0.1:22")...)
		assert.Contains(t, stderr, "port forwarding is off on this gateway")
	})
	t.Run("keys follow a reload", func(t *testing.T) {
		works("coder%web1", byKey("coder")...)
		refused("coder%web1", byKey("new")...)
		b.keys("new", "")
		refused("coder%web1", byKey("new")...)
		reload()
		works("coder%web1", byKey("new")...)
		refused("coder%web1", byKey("coder")...)
		works("coder%web1", noKeys...)
	})
	t.Run("certificates, and their revocation, follow a reload", func(t *testing.T) {
		out, err := exec.Command("ssh-keygen", "-q", "-s", filepath.Join(b.dir, "people_ca"), "-I", "laptop", "-n", "ada", "-V", "+5m", filepath.Join(b.dir, "coder.pub")).CombinedOutput()
		require.NoError(t, err, "%s", out)
		works("ada%web1", byKey("coder")...)
		refused("bob%web1", byKey("coder")...)
		b.keys("new", "laptop")
		reload()
		refused("ada%web1", byKey("coder")...)
	})
	t.Run("a bad file changes nothing", func(t *testing.T) {
		write(t, b.dir, "ssh-keys.yaml", "keys:\n  - {name: coder, key: nonsense}\n")
		require.ErrorContains(t, reloadBed(b), "ssh-keys.yaml:2: keys[0].key: it is not a line of authorized_keys")
		works("coder%web1", byKey("new")...)
	})
	t.Run("the record and the target's log have it", func(t *testing.T) {
		assert.Contains(t, server.Log(), `ID "session=g-`)
		assert.Contains(t, server.Log(), `principal=people|ada`)
		record, err := recorder.Open(filepath.Join(b.dir, "journal"))
		require.NoError(t, err)
		var events strings.Builder
		require.NoError(t, recorder.Export(&events, record.All(0)))
		for _, want := range []string{"cat settings", `"rule":"no shells"`, `"kind":"refused"`, `"kind":"policy changed"`, "10.0.0.1:22"} {
			assert.Contains(t, events.String(), want)
		}
		for _, secret := range []string{b.token, "AKIAZ7QYXWVUTSRPONML"} {
			assert.NotContains(t, events.String(), secret)
		}
	})
	assert.NotContains(t, b.log.String(), b.token)
}

// reloadBed reloads by the admin interface and returns what is wrong.
func reloadBed(b *bed) error {
	status, body := b.ask("POST", "/reload")
	if status != http.StatusNoContent {
		return fmt.Errorf("%d: %s", status, body)
	}
	return nil
}
