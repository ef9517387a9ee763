package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol/ssh"
)

// sshMinimal is the least that a gateway for SSH alone needs, line by line.
const sshMinimal = `name: g
identity: {ssh: {file: ssh-keys.yaml}}
targets:
  - {name: web1, address: "web1:22", login: {user: deploy, authority: authority}}
listeners:
  - {protocol: ssh, address: "0.0.0.0:2222", targets: [web1]}
rules:
  - {name: all, verdict: allow}
record: {dir: journal}
ssh: {host_keys: [host_key], known_hosts: [known_hosts]}
`

// pair makes a key pair as ssh-keygen does and returns the public line.
func pair(t *testing.T, dir, name string) string {
	t.Helper()
	public, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	block, err := xssh.MarshalPrivateKey(key, name)
	require.NoError(t, err)
	write(t, dir, name, string(pem.EncodeToMemory(block)))
	k, err := xssh.NewPublicKey(public)
	require.NoError(t, err)
	line := strings.TrimSpace(string(xssh.MarshalAuthorizedKey(k)))
	write(t, dir, name+".pub", line+"\n")
	return line
}

// sshFiles makes what sshMinimal names.
func sshFiles(t *testing.T) (dir, key string) {
	dir = t.TempDir()
	key = pair(t, dir, "coder")
	pair(t, dir, "authority")
	write(t, dir, "known_hosts", "web1 "+pair(t, dir, "host_key")+"\n")
	write(t, dir, "ssh-keys.yaml", "keys: []\n")
	return dir, key
}

func TestMinimalSSH(t *testing.T) {
	dir, _ := sshFiles(t)
	s, err := load(write(t, dir, "g.yaml", sshMinimal), true)
	require.NoError(t, err)
	assert.Equal(t, "keys", s.Identity.SSH.Issuer)
	assert.Len(t, s.hostKeys, 1)
	assert.Equal(t, []string{filepath.Join(dir, "known_hosts")}, s.SSH.KnownHosts, "paths are seen from the file's directory")
	assert.Len(t, s.ssh.lists, 1, "the last key can be taken out of the list while the gateway runs")

	for _, name := range []string{"host_key", "authority"} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	_, err = load(filepath.Join(dir, "g.yaml"), false)
	require.NoError(t, err, "without secrets their files need not be there")
	write(t, dir, "g.yaml", strings.Replace(sshMinimal, "authority: authority", "password: 'env:SALLYPORT_NO_SUCH'", 1))
	_, err = load(filepath.Join(dir, "g.yaml"), false)
	require.NoError(t, err)
}

// What the file says reaches the plugin.
func TestSSHSettings(t *testing.T) {
	dir, _ := sshFiles(t)
	s, err := load(write(t, dir, "g.yaml", strings.Replace(sshMinimal, "known_hosts: [known_hosts]", `known_hosts: [known_hosts], known_host_lines: ["# none"],
  env: [A, B*], forward: true, forward_bytes: 1KiB, raw_input: true, max_command: 2KiB, max_channels: 3, login_timeout: 4s, keep_alive: -1s`, 1)), true)
	require.NoError(t, err)
	c := s.sshSettings()
	require.NotNil(t, c.Login)
	assert.Nil(t, c.FileBytes)
	c.Login = nil
	assert.Equal(t, ssh.Config{
		Keys: s.hostKeys, HostKeys: ssh.HostKeys{Files: []string{filepath.Join(dir, "known_hosts")}, Lines: []string{"# none"}},
		Env: []string{"A", "B*"}, Forward: true, ForwardBytes: 1 << 10, RawInput: true, MaxCommand: 2 << 10, MaxChannels: 3,
		LoginTimeout: 4 * time.Second, KeepAlive: -time.Second,
	}, c)
}

func TestSSHFileBytes(t *testing.T) {
	dir, _ := sshFiles(t)
	s, err := load(write(t, dir, "g.yaml", strings.Replace(sshMinimal, "{host_keys", "{file_bytes: 64KiB, host_keys", 1)), true)
	require.NoError(t, err)
	assert.EqualValues(t, 64<<10, s.sshSettings().FileBytes("/a", true))
}

// complaints checks that err holds all of want, and nothing else.
func complaints(t *testing.T, err error, want []string) {
	t.Helper()
	require.Error(t, err)
	for _, w := range want {
		assert.ErrorContains(t, err, w)
	}
	for line := range strings.Lines(err.Error()) {
		assert.True(t, slices.ContainsFunc(want, func(w string) bool { return strings.Contains(line, w) }), "one complaint too many: %s", line)
	}
}

// Each file is sshMinimal with some text replaced; want are all the complaints.
func TestBadSSHFiles(t *testing.T) {
	for name, c := range map[string]struct {
		replace, by string
		want        []string
	}{
		"protocol":        {"protocol: ssh", "protocol: telnet", []string{`g.yaml:6: listeners[0].protocol: "telnet" is none of postgres, ssh, aws`}},
		"no section":      {"ssh: {host_keys: [host_key], known_hosts: [known_hosts]}\n", "", []string{"g.yaml:1: ssh.host_keys: is missing: clients know the gateway by it; ssh-keygen", "g.yaml:1: ssh.known_hosts: is missing: the gateway must know"}},
		"no host key":     {"host_keys: [host_key]", "host_keys: [other]", []string{"g.yaml:10: ssh.host_keys[0]: ", `other: there is no such file; ssh-keygen -q -t ed25519 -N "" -f `}},
		"bad host key":    {"host_keys: [host_key]", "host_keys: [host_key.pub]", []string{"g.yaml:10: ssh.host_keys[0]: ", "host_key.pub holds no private key"}},
		"same type":       {"host_keys: [host_key]", "host_keys: [host_key, coder]", []string{"g.yaml:10: ssh.host_keys[1]: another one is of type ssh-ed25519 too"}},
		"no known hosts":  {"known_hosts: [known_hosts]", "known_hosts: [other]", []string{"g.yaml:10: ssh.known_hosts[0]: ", "no such file"}},
		"bad known hosts": {"known_hosts: [known_hosts]", "known_hosts: [bad_hosts]", []string{"g.yaml:10: ssh.known_hosts[0]: ", "bad_hosts:2: "}},
		"bad known line":  {"known_hosts: [known_hosts]", "known_host_lines: [web1 ssh-ed25519]", []string{"g.yaml:10: ssh.known_host_lines[0]: "}},
		"bounds": {"known_hosts: [known_hosts]", "known_hosts: [known_hosts], env: ['a[', ''], max_command: 65KiB, max_channels: -1, login_timeout: -1s, forward_bytes: -1",
			[]string{`g.yaml:10: ssh.env[0]: "a[" is neither a name`, "g.yaml:10: ssh.env[1]: ", "g.yaml:10: ssh.max_command: is over 64KiB", "g.yaml:10: ssh.max_channels: cannot be negative", "g.yaml:10: ssh.login_timeout: cannot be negative", "g.yaml:10: ssh.forward_bytes: must be a size"}},
		"nothing to log in":  {", authority: authority", "", []string{"g.yaml:4: targets[0].login: says nothing to log in with; give authority, key or password"}},
		"two ways to log in": {"authority: authority", "authority: authority, key: coder", []string{"g.yaml:4: targets[0].login: says more than one way"}},
		"no key to log in":   {"authority: authority", "key: nowhere", []string{"g.yaml:4: targets[0].login.key: ", "nowhere: no such file"}},
		"public to log in":   {"authority: authority", "key: coder.pub", []string{"g.yaml:4: targets[0].login.key: ", "coder.pub holds no private key"}},
		"no user":            {"user: deploy, ", "", []string{"g.yaml:4: targets[0].login.user: is missing"}},
		"password":           {"authority: authority", "password: 'env:SALLYPORT_NO_SUCH'", []string{"g.yaml:4: targets[0].login.password: the environment variable SALLYPORT_NO_SUCH is not set"}},
		"password itself":    {"authority: authority", "password: hunter2", []string{"g.yaml:4: targets[0].login.password: must say where the secret is"}},
		"of PostgreSQL":      {"login: {user", "database: x, tls: {mode: disable}, login: {cert: y, user", []string{"g.yaml:4: targets[0].database: means nothing to SSH", "g.yaml:4: targets[0].tls: is not how SSH is secured", "g.yaml:4: targets[0].login.cert: is for PostgreSQL"}},
		"scheme":             {"targets: [web1]", "scheme: token, targets: [web1]", []string{"g.yaml:6: listeners[0].protocol: ssh has neither scheme nor require_tls"}},
		"both protocols":     {"rules:\n", "  - {address: \"127.0.0.1:0\", targets: [web1]}\nrules:\n", []string{`g.yaml:7: listeners[1].targets[0]: target "web1" is behind a listener of ssh already`}},
		"no file":            {"{ssh: {file: ssh-keys.yaml}}", "{ssh: {}}", []string{"g.yaml:2: identity.ssh.file: is missing"}},
		"no such file":       {"ssh-keys.yaml", "other.yaml", []string{"other.yaml: no such file"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir, _ := sshFiles(t)
			write(t, dir, "bad_hosts", "# comment\nweb1 ssh-ed25519 nonsense\n")
			require.Contains(t, sshMinimal, c.replace)
			_, err := load(write(t, dir, "g.yaml", strings.Replace(sshMinimal, c.replace, c.by, 1)), true)
			complaints(t, err, c.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestSSHKeys(t *testing.T) {
	dir, key := sshFiles(t)
	ca := pair(t, dir, "ca")
	m, problems := readSSHMembers("keys", write(t, dir, "k.yaml", `keys:
  - {name: coder, key: "`+key+`", subject: s, groups: [agents], attributes: {team: search}, on_behalf_of: ada, expires: 2099-01-01T00:00:00Z, from: [10.0.0.0/8]}
  - {name: other, key: "`+key+` with a comment"}
authorities:
  - {issuer: ca, keys: ["`+ca+`"], groups: [agents], revoked: {serials: [18446744073709551615], key_ids: [k], fingerprints: ["`+fingerprint(key)+`"]}}
`))
	require.Empty(t, problems)
	require.Len(t, m.lists, 2)
	require.Len(t, m.keys, 2)
	signer := func(name string) xssh.Signer {
		s, err := ssh.ReadKey(filepath.Join(dir, name))
		require.NoError(t, err)
		return s
	}
	pair(t, dir, "laptop")
	v, err := m.lists[1].Verifier(t.Context(), identity.SchemeSSHKey, "coder")
	require.NoError(t, err)
	holder := func(key string, serial uint64, id string) (identity.Proven, error) {
		cert := &xssh.Certificate{
			CertType: xssh.UserCert, Key: signer(key).PublicKey(), Serial: serial, KeyId: id,
			ValidPrincipals: []string{"coder"}, ValidBefore: xssh.CertTimeInfinity,
		}
		require.NoError(t, cert.SignCert(rand.Reader, signer("ca")))
		return v.(identity.KeyVerifier).Holder(t.Context(), cert.Marshal(), netip.Addr{})
	}
	p, err := holder("laptop", 1, "good")
	require.NoError(t, err)
	assert.Equal(t, "ca|coder", p.Principal.ID())
	assert.Equal(t, []string{"agents"}, p.Principal.Groups)
	for _, revoked := range []struct {
		key    string
		serial uint64
		id     string
	}{{"coder", 1, "good"}, {"laptop", math.MaxUint64, "good"}, {"laptop", 1, "k"}} {
		_, err := holder(revoked.key, revoked.serial, revoked.id)
		assert.ErrorContains(t, err, "revoked", "%v", revoked)
	}
	k := m.keys[0]
	assert.Equal(t, []any{"coder", "s", []string{"agents"}, map[string]string{"team": "search"}, "ada", "10.0.0.0/8", 2099},
		[]any{k.Name, k.Subject, k.Groups, k.Attributes, k.OnBehalfOf, k.From[0].String(), k.Expires.Year()})
	_, err = identity.Any(m.lists...).Verifier(t.Context(), identity.SchemeSSHKey, "coder")
	require.NoError(t, err)
}

func TestBadSSHKeys(t *testing.T) {
	dir, key := sshFiles(t)
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"not YAML":   {"keys: [", []string{"k.yaml:1: not YAML"}},
		"no name":    {"keys:\n- {key: '" + key + "'}", []string{"k.yaml:2: keys[0].name: is missing"}},
		"no key":     {"keys:\n- {name: a}", []string{"k.yaml:2: keys[0].key: is missing: the line of the .pub file"}},
		"bad key":    {"keys:\n- {name: a, key: ssh-ed25519 x}", []string{"k.yaml:2: keys[0].key: it is not a line of authorized_keys"}},
		"options":    {"keys:\n- {name: a, key: 'no-pty " + key + "'}", []string{"k.yaml:2: keys[0].key: options of authorized_keys are not read"}},
		"twice":      {"keys:\n- {name: a, key: '" + key + "'}\n- {name: a, key: '" + key + " x'}", []string{`k.yaml:3: keys[1].key: "a" has this key already`}},
		"from":       {"keys:\n- {name: a, key: '" + key + "', from: [10.0.0.1/8, here]}", []string{"k.yaml:2: keys[0].from[0]: must be a network", "k.yaml:2: keys[0].from[1]: must be a network"}},
		"expires":    {"keys:\n- {name: a, key: '" + key + "', expires: soon}", []string{"k.yaml:2: keys[0].expires: must be a time"}},
		"no issuer":  {"authorities:\n- {keys: ['" + key + "']}", []string{"k.yaml:2: authorities[0].issuer: is missing"}},
		"one issuer": {"authorities:\n- {issuer: keys, keys: ['" + key + "']}", []string{`k.yaml:2: authorities[0].issuer: "keys" is there already`}},
		"no keys":    {"authorities:\n- {issuer: a}", []string{"k.yaml:2: authorities[0].keys: is missing"}},
		"bad CA":     {"authorities:\n- {issuer: a, keys: [x]}", []string{"k.yaml:2: authorities[0].keys[0]: it is not a line of authorized_keys"}},
		"revoked": {"authorities:\n- issuer: a\n  keys: ['" + key + "']\n  revoked:\n    serials: [-1]\n    fingerprints: [MD5:1]",
			[]string{"k.yaml:5: authorities[0].revoked.serials[0]: must be a serial number", `k.yaml:6: authorities[0].revoked.fingerprints[0]: "MD5:1" is not a fingerprint`}},
	} {
		t.Run(name, func(t *testing.T) {
			write(t, dir, "k.yaml", c.text)
			_, err := load(write(t, dir, "g.yaml", strings.Replace(sshMinimal, "ssh-keys.yaml", "k.yaml", 1)), true)
			complaints(t, err, c.want)
		})
	}
}

// Whatever stands in the file, it is read or complained about.
func FuzzSSHKeys(f *testing.F) {
	f.Add("keys: [{name: a, key: ssh-ed25519 AAAA, from: [10.0.0.0/8], expires: 2027-01-31T18:00:00Z}]\nauthorities: [{issuer: i, keys: [x], revoked: {serials: [1], fingerprints: [a]}}]")
	f.Add("keys:\n- name: \"\\u202e\"\n  key: |\n    a\n    b\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, problems := readSSHMembers("keys", write(t, t.TempDir(), "k.yaml", text))
		if len(problems) == 0 && len(m.lists) == 0 {
			t.Fatal("neither members nor problems")
		}
	})
}
