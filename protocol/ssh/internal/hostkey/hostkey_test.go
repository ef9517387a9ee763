package hostkey_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/internal/sshserver/sshservertest"
	"github.com/sallyport/sallyport/protocol/ssh/internal/hostkey"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func signer(t testing.TB, key crypto.Signer, err error) ssh.Signer {
	t.Helper()
	require.NoError(t, err)
	s, err := ssh.NewSignerFromSigner(key)
	require.NoError(t, err)
	return s
}

func newEd25519(t testing.TB) ssh.Signer {
	_, key, err := ed25519.GenerateKey(nil)
	return signer(t, key, err)
}

func newECDSA(t testing.TB) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}

func newRSA(t testing.TB, bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	require.NoError(t, err)
	return key
}

func text(key ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))) }

func checker(t testing.TB, c hostkey.Config) *hostkey.Checker {
	t.Helper()
	k, err := hostkey.New(c)
	require.NoError(t, err)
	return k
}

func verify(t testing.TB, k *hostkey.Checker, address string, key ssh.PublicKey) error {
	t.Helper()
	cb, _, err := k.For(address)
	require.NoError(t, err)
	err = cb("another.name:22", &net.TCPAddr{}, key)
	if err != nil {
		assert.NotContains(t, err.Error(), "\n")
		assert.Less(t, len(err.Error()), 1500)
	}
	return err
}

func write(t testing.TB, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
	return file
}

// What a name is known by: here and to OpenSSH.
func TestNamesAreReadAsOpenSSHReadsThem(t *testing.T) {
	key := newEd25519(t).PublicKey()
	for _, tt := range []struct {
		names string
		name  string // as ssh-keygen -F takes it
		want  bool
	}{
		{"db.example.com", "db.example.com", true},
		{"db.example.com", "db.example.org", false},
		{"DB.example.com", "db.example.com", true},
		{"db", "DB", true},
		{"a,db,c", "db", true},
		{"db*", "db7", true},
		{"*.example.com", "a.b.example.com", true},
		{"*.example.com", "example.com", false},
		{"d?", "db", true},
		{"d?", "d", false},
		{"*,!db", "db", false},
		{"!db,*", "web", true},
		{"!db", "web", false},
		{"[db]:2222", "[db]:2222", true},
		{"[db]:2222", "[db]:2223", false},
		{"[db]:2222", "db", false},
		{"[*]:2222", "[db]:2222", true},
		{"*", "[db]:2222", true},
		{"192.0.2.*", "192.0.2.7", true},
		{"2001:db8::1", "2001:db8::1", true},
		{"[2001:db8::1]:2222", "[2001:db8::1]:2222", true},
		{"*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false},
		{knownhosts.HashHostname("db"), "db", true},
		{knownhosts.HashHostname("db"), "dc", false},
		{knownhosts.HashHostname("[db]:2222"), "[db]:2222", true},
	} {
		line := tt.names + " " + text(key) + " comment"
		file := write(t, "# comment", "", line)
		out, _ := exec.Command("ssh-keygen", "-F", tt.name, "-f", file).Output()
		require.Equal(t, tt.want, len(out) > 0, "ssh-keygen: %s for %s", tt.names, tt.name)
		err := verify(t, checker(t, hostkey.Config{Files: []string{file}}), tt.name, key)
		require.Equal(t, tt.want, err == nil, "%s for %s: %v", tt.names, tt.name, err)
		if !tt.want {
			require.ErrorIs(t, err, hostkey.ErrUnknown)
		}
		err = verify(t, checker(t, hostkey.Config{Lines: []string{line}}), tt.name, key)
		require.Equal(t, tt.want, err == nil)
	}
}

func TestPorts(t *testing.T) {
	a, b := newEd25519(t).PublicKey(), newEd25519(t).PublicKey()
	both := checker(t, hostkey.Config{Lines: []string{"db " + text(a), "[db]:2222 " + text(b)}})
	require.NoError(t, verify(t, both, "db:22", a))
	require.NoError(t, verify(t, both, "db", a))
	require.NoError(t, verify(t, both, "DB:2222", b))
	require.ErrorIs(t, verify(t, both, "db:2222", a), hostkey.ErrMismatch, "the port has a line of its own")
	require.ErrorIs(t, verify(t, both, "db:22", b), hostkey.ErrMismatch)
	require.NoError(t, verify(t, both, "db:2223", a), "as in OpenSSH, the host's line without a port")
	require.ErrorIs(t, verify(t, both, "db:2223", b), hostkey.ErrMismatch)

	ca := newEd25519(t).PublicKey()
	mixed := checker(t, hostkey.Config{Lines: []string{"db " + text(a), "@cert-authority * " + text(ca)}, Keys: []ssh.PublicKey{b}})
	require.NoError(t, verify(t, mixed, "db:2222", a))
	require.NoError(t, verify(t, mixed, "db:2222", b), "pinned for all")
	require.NoError(t, verify(t, mixed, "elsewhere:2222", b))
	require.ErrorIs(t, verify(t, mixed, "db", ca), hostkey.ErrMismatch, "an authority's key is no host's")

	for _, bad := range []string{"", ":22", "db:", "a b:22", "a,b:22", "*:22", "!db:22", "|1|x|y:22", "db\n:22"} {
		_, _, err := both.For(bad)
		require.Error(t, err, bad)
	}
}

func TestWhatTheErrorsSay(t *testing.T) {
	a, b := newEd25519(t).PublicKey(), signer(t, newECDSA(t), nil).PublicKey()
	file := write(t, "db "+text(a))
	k := checker(t, hostkey.Config{Files: []string{file}})
	err := verify(t, k, "web:2222", b)
	require.ErrorIs(t, err, hostkey.ErrUnknown)
	for _, part := range []string{"[web]:2222", ssh.FingerprintSHA256(b), "ssh-keygen -l", file, "[web]:2222 " + text(b)} {
		require.ErrorContains(t, err, part)
	}
	_, line, _ := strings.Cut(err.Error(), "the line: ")
	require.NoError(t, verify(t, checker(t, hostkey.Config{Files: []string{file}, Lines: []string{line}}), "web:2222", b), "its advice is good")

	err = verify(t, k, "db", b)
	require.ErrorIs(t, err, hostkey.ErrMismatch)
	for _, part := range []string{ssh.FingerprintSHA256(a), ssh.FingerprintSHA256(b), file + ":1"} {
		require.ErrorContains(t, err, part)
	}
	var many []string
	for range 20 {
		many = append(many, "db "+text(newEd25519(t).PublicKey()))
	}
	require.ErrorContains(t, verify(t, checker(t, hostkey.Config{Lines: many}), "db", b), "and 16 more")
	require.Error(t, verify(t, k, "db", nil))
}

func TestMistakes(t *testing.T) {
	key := newEd25519(t)
	good := text(key.PublicKey())
	missing := filepath.Join(t.TempDir(), "missing")
	file := write(t, "db "+good, "db ssh-ed25519", "@unknown db "+good, "|1|x|y "+good)
	cert := &ssh.Certificate{Key: key.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"db"}}
	require.NoError(t, cert.SignCert(rand.Reader, newEd25519(t)))
	_, err := hostkey.New(hostkey.Config{
		Files:       []string{missing, file},
		Lines:       []string{"word", "@revoked * ssh-new AAAAB3NzaC1uZXc=", "db ssh-rsa " + strings.Fields(good)[1], "db " + text(cert), strings.Repeat("x", 70000)},
		Keys:        []ssh.PublicKey{nil},
		Authorities: []ssh.PublicKey{cert},
	})
	require.Error(t, err)
	for _, part := range []string{
		missing, file + ":2: it is no line", file + ":3: its marker", file + ":4: its hashed name", "line 1 of the configuration: it is no line",
		"line 2 of the configuration: its key", "line 3 of the configuration: its key", "line 4 of the configuration: it is a certificate", "line 5 of the configuration: the line is too long",
		"is nil", "the configuration: it is a certificate",
	} {
		assert.ErrorContains(t, err, part)
	}
	_, err = hostkey.New(hostkey.Config{})
	require.ErrorContains(t, err, "nothing is known")
	empty := checker(t, hostkey.Config{Files: []string{write(t, "# nobody")}})
	require.ErrorIs(t, verify(t, empty, "db", key.PublicKey()), hostkey.ErrUnknown)
	newer := checker(t, hostkey.Config{Lines: []string{"db ssh-new AAAAB3NzaC1uZXc=", "db " + good}})
	require.NoError(t, verify(t, newer, "db", key.PublicKey()))
}

func TestWeakAndRevokedKeys(t *testing.T) {
	small := signer(t, newRSA(t, 1024), nil).PublicKey()
	require.ErrorIs(t, verify(t, checker(t, hostkey.Config{Keys: []ssh.PublicKey{small}}), "db", small), hostkey.ErrWeak)
	key := newEd25519(t).PublicKey()
	k := checker(t, hostkey.Config{Lines: []string{"db " + text(key), "@revoked elsewhere " + text(key)}})
	require.ErrorIs(t, verify(t, k, "db", key), hostkey.ErrRevoked)
}

func TestCertificates(t *testing.T) {
	ca, host := newEd25519(t), newEd25519(t)
	rsaCA := signer(t, newRSA(t, 2048), nil)
	sha1, err := ssh.NewSignerWithAlgorithms(rsaCA.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	require.NoError(t, err)
	small := signer(t, newRSA(t, 1024), nil)
	authority := func(key ssh.Signer) string {
		return "@cert-authority *.example.com,[*.example.com]:2222 " + text(key.PublicKey())
	}
	lines := []string{authority(ca), authority(rsaCA), authority(small)}
	now := uint64(time.Now().Unix())
	for name, tt := range map[string]struct {
		ca      ssh.Signer
		address string
		lines   []string
		edit    func(*ssh.Certificate)
		want    error
	}{
		"good":                    {ca: ca},
		"good, on another port":   {ca: ca, address: "db.example.com:2222"},
		"good, by wildcard":       {ca: ca, edit: func(c *ssh.Certificate) { c.ValidPrincipals = []string{"x", "*.Example.com"} }},
		"RSA authority":           {ca: rsaCA},
		"SHA-1":                   {ca: sha1, want: hostkey.ErrCertificate},
		"weak authority":          {ca: small, want: hostkey.ErrCertificate},
		"unknown authority":       {ca: newEd25519(t), want: hostkey.ErrMismatch},
		"authority not for it":    {ca: ca, address: "db.example.org:22", want: hostkey.ErrUnknown},
		"other principal":         {ca: ca, edit: func(c *ssh.Certificate) { c.ValidPrincipals = []string{"web.example.com", "db"} }, want: hostkey.ErrCertificate},
		"no principal":            {ca: ca, edit: func(c *ssh.Certificate) { c.ValidPrincipals = nil }, want: hostkey.ErrCertificate},
		"empty principal":         {ca: ca, edit: func(c *ssh.Certificate) { c.ValidPrincipals = []string{""} }, want: hostkey.ErrCertificate},
		"expired":                 {ca: ca, edit: func(c *ssh.Certificate) { c.ValidBefore = now - 10 }, want: hostkey.ErrCertificate},
		"not yet":                 {ca: ca, edit: func(c *ssh.Certificate) { c.ValidAfter = now + 60 }, want: hostkey.ErrCertificate},
		"a user's":                {ca: ca, edit: func(c *ssh.Certificate) { c.CertType = ssh.UserCert }, want: hostkey.ErrCertificate},
		"critical option":         {ca: ca, edit: func(c *ssh.Certificate) { c.CriticalOptions = map[string]string{"x": ""} }, want: hostkey.ErrCertificate},
		"weak key":                {ca: ca, edit: func(c *ssh.Certificate) { c.Key = small.PublicKey() }, want: hostkey.ErrWeak},
		"revoked":                 {ca: ca, lines: []string{"@revoked * " + text(host.PublicKey())}, want: hostkey.ErrRevoked},
		"revoked authority":       {ca: ca, lines: []string{"@revoked * " + text(ca.PublicKey())}, want: hostkey.ErrRevoked},
		"expired, known by key":   {ca: ca, lines: []string{"db.example.com " + text(host.PublicKey())}, edit: func(c *ssh.Certificate) { c.ValidBefore = now - 10 }},
		"signed by a host":        {ca: host, lines: []string{"db.example.com " + text(host.PublicKey())}, edit: func(c *ssh.Certificate) { c.Key = newEd25519(t).PublicKey() }, want: hostkey.ErrMismatch},
		"no authority, known key": {ca: newEd25519(t), address: "db.example.org", lines: []string{"db.example.org " + text(host.PublicKey())}},
	} {
		t.Run(name, func(t *testing.T) {
			cert := &ssh.Certificate{Key: host.PublicKey(), Serial: 7, CertType: ssh.HostCert, ValidPrincipals: []string{"db.example.com"}, ValidBefore: now + 3600}
			if tt.edit != nil {
				tt.edit(cert)
			}
			require.NoError(t, cert.SignCert(rand.Reader, tt.ca))
			if tt.address == "" {
				tt.address = "db.example.com:22"
			}
			err := verify(t, checker(t, hostkey.Config{Lines: append(slices.Clone(lines), tt.lines...)}), tt.address, cert)
			if tt.want == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, tt.want)
			}
		})
	}
	t.Run("forged", func(t *testing.T) {
		cert := &ssh.Certificate{Key: host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"db.example.com"}, ValidBefore: ssh.CertTimeInfinity}
		require.NoError(t, cert.SignCert(rand.Reader, newEd25519(t)))
		cert.SignatureKey = ca.PublicKey()
		require.ErrorIs(t, verify(t, checker(t, hostkey.Config{Lines: lines}), "db.example.com", cert), hostkey.ErrCertificate)
	})
	t.Run("pinned", func(t *testing.T) {
		cert := &ssh.Certificate{Key: host.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{"192.0.2.7"}, ValidBefore: ssh.CertTimeInfinity}
		require.NoError(t, cert.SignCert(rand.Reader, ca))
		require.NoError(t, verify(t, checker(t, hostkey.Config{Authorities: []ssh.PublicKey{ca.PublicKey()}}), "192.0.2.7:2222", cert))
	})
}

func TestAlgorithms(t *testing.T) {
	rsaKey := signer(t, newRSA(t, 2048), nil).PublicKey()
	algorithms := func(lines ...string) []string {
		_, list, err := checker(t, hostkey.Config{Lines: append(lines, "other "+text(newEd25519(t).PublicKey()))}).For("db")
		require.NoError(t, err)
		require.NotContains(t, list, ssh.KeyAlgoRSA)
		require.NotContains(t, list, ssh.CertAlgoRSAv01)
		return list
	}
	assert.Equal(t, []string{"ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256"}, algorithms())
	assert.Equal(t, []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519"}, algorithms("db " + text(rsaKey))[:3])
	list := algorithms("db "+text(signer(t, newECDSA(t), nil).PublicKey()), "@cert-authority db "+text(rsaKey))
	assert.Equal(t, []string{"ssh-ed25519-cert-v01@openssh.com", "ecdsa-sha2-nistp256"}, []string{list[0], list[6]})
	assert.Len(t, list, 12)
}

func dial(t *testing.T, s *sshserver.Server, c hostkey.Config) error {
	t.Helper()
	cb, algorithms, err := checker(t, c).For(s.Addr())
	require.NoError(t, err)
	var refused error
	client, err := ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{
		User: s.User(), Auth: []ssh.AuthMethod{ssh.PublicKeys(s.ClientKey())}, HostKeyAlgorithms: algorithms,
		HostKeyCallback: func(name string, remote net.Addr, key ssh.PublicKey) error {
			refused = cb(name, remote, key)
			return refused
		},
	})
	if err == nil {
		return client.Close()
	}
	require.Error(t, refused, "%v", err)
	return refused
}

func TestRealServers(t *testing.T) {
	ca, other := newEd25519(t), newEd25519(t)
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	keys := []crypto.Signer{newRSA(t, 2048), newECDSA(t), ed}
	s := sshservertest.Run(t, sshserver.Options{HostKeys: keys, HostCA: ca})
	all := strings.Split(strings.TrimSpace(s.KnownHosts()), "\n")
	require.Len(t, all, 4)
	for _, line := range all {
		require.NoError(t, dial(t, s, hostkey.Config{Lines: []string{line}}), "each one alone, whatever else the server has")
	}
	out, err := exec.Command("ssh-keygen", "-H", "-f", s.KnownHostsFile()).CombinedOutput()
	require.NoError(t, err, "%s", out)
	hashed, err := os.ReadFile(s.KnownHostsFile())
	require.NoError(t, err)
	require.Contains(t, string(hashed), "|1|")
	require.NoError(t, dial(t, s, hostkey.Config{Files: []string{s.KnownHostsFile()}}))
	require.NoError(t, dial(t, s, hostkey.Config{Keys: []ssh.PublicKey{signer(t, ed, nil).PublicKey()}}))
	require.NoError(t, dial(t, s, hostkey.Config{Authorities: []ssh.PublicKey{ca.PublicKey()}}))

	require.ErrorIs(t, dial(t, s, hostkey.Config{Lines: []string{"somewhere.else " + text(s.HostKey())}}), hostkey.ErrUnknown)
	require.ErrorIs(t, dial(t, s, hostkey.Config{Keys: []ssh.PublicKey{other.PublicKey()}}), hostkey.ErrMismatch)
	require.ErrorIs(t, dial(t, s, hostkey.Config{Authorities: []ssh.PublicKey{other.PublicKey()}}), hostkey.ErrMismatch)
	require.ErrorIs(t, dial(t, s, hostkey.Config{Authorities: []ssh.PublicKey{ca.PublicKey()}, Lines: []string{"@revoked * " + text(ca.PublicKey())}}), hostkey.ErrRevoked)

	for name, edit := range map[string]func(*ssh.Certificate){
		"other principal": func(c *ssh.Certificate) { c.ValidPrincipals = []string{"192.0.2.7"} },
		"expired":         func(c *ssh.Certificate) { c.ValidBefore = uint64(time.Now().Add(-time.Minute).Unix()) },
	} {
		s := sshservertest.Run(t, sshserver.Options{HostCA: ca, HostCertificate: edit})
		require.ErrorIs(t, dial(t, s, hostkey.Config{Authorities: []ssh.PublicKey{ca.PublicKey()}}), hostkey.ErrCertificate, name)
		require.NoError(t, dial(t, s, hostkey.Config{Lines: []string{s.KnownHosts()}}), name)
	}
	plain := sshservertest.Run(t)
	require.ErrorIs(t, dial(t, plain, hostkey.Config{Authorities: []ssh.PublicKey{ca.PublicKey()}}), hostkey.ErrMismatch, "a server without a certificate")
}

// Nothing that a file says makes a key known that does not stand in it.
func FuzzKnownHosts(f *testing.F) {
	key, stranger := newEd25519(f).PublicKey(), newEd25519(f).PublicKey()
	for _, line := range []string{
		"db " + text(key), "[db]:2222,*.example.com,!x " + text(key), "@cert-authority * " + text(key), "@revoked * " + text(key),
		knownhosts.HashHostname("db") + " " + text(key), "# x", "db ssh-new AAAAB3NzaC1uZXc= x",
	} {
		f.Add(line, "db:22")
		f.Add(line, "[2001:db8::1]:2222")
	}
	f.Fuzz(func(t *testing.T, line, address string) {
		k, err := hostkey.New(hostkey.Config{Lines: []string{line}})
		if err != nil {
			return
		}
		cb, algorithms, err := k.For(address)
		if err != nil {
			return
		}
		require.NotEmpty(t, algorithms)
		require.Error(t, cb(address, nil, stranger))
		if cb(address, nil, key) == nil {
			require.Contains(t, line, strings.Fields(text(key))[1])
		}
	})
}

func Example() {
	key := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBeiw2mCUGFB5Z9PkTGNSmTTmYFHIAWT2DWDjdTPWfrS"
	k, err := hostkey.New(hostkey.Config{Lines: []string{"*.example.com " + key}})
	if err != nil {
		panic(err)
	}
	check, algorithms, err := k.For("db.example.com:22")
	if err != nil {
		panic(err)
	}
	offered, _, _, _, err := ssh.ParseAuthorizedKey([]byte(key))
	if err != nil {
		panic(err)
	}
	fmt.Println(algorithms[0], check("", nil, offered))
	// Output: ssh-ed25519 <nil>
}
