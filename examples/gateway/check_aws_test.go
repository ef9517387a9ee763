package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
)

// awsMinimal is the least that a gateway for AWS alone needs, line by line.
const awsMinimal = `name: g
identity: {tokens: {file: tokens.yaml}}
targets:
  - {name: cloud, account: "123456789012", login: {access_key_id: "file:id", secret_access_key: "file:secret"}}
listeners:
  - {protocol: aws, address: "127.0.0.1:8080", targets: [cloud]}
rules:
  - {name: all, verdict: allow}
record: {dir: journal}
aws: {keys: ["file:aws.key"]}
`

// gatewayCommand runs a subcommand and returns its status and what it said.
func gatewayCommand(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, complaints bytes.Buffer
	status = command(t.Context(), args, &out, &complaints)
	return status, out.String(), complaints.String()
}

// awsFiles makes what awsMinimal names.
func awsFiles(t *testing.T) string {
	dir := t.TempDir()
	write(t, dir, "tokens.yaml", "")
	write(t, dir, "id", "AKIAREALREALREALREAL\n")
	write(t, dir, "secret", "hunter2hunter2\n")
	for _, args := range [][]string{{"aws", "key", filepath.Join(dir, "aws.key")}, {"aws", "authority", filepath.Join(dir, "ca")}} {
		status, stdout, stderr := gatewayCommand(t, args...)
		require.Zero(t, status, stderr)
		require.Empty(t, stdout)
	}
	return dir
}

func TestMinimalAWS(t *testing.T) {
	dir := awsFiles(t)
	s, err := load(write(t, dir, "g.yaml", awsMinimal), true)
	require.NoError(t, err)
	assert.Len(t, s.awsKeys, 1)
	assert.Equal(t, []protocol.Target{aws.Target("cloud")}, s.targetsOf(s.Listeners[0]), "AWS itself")
	m, err := s.members()
	require.NoError(t, err)
	assert.Len(t, m.with(s.ssh), 2, "the issuer proves principals too")

	for _, name := range []string{"id", "secret", "aws.key"} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	_, err = load(filepath.Join(dir, "g.yaml"), false)
	require.NoError(t, err, "without secrets their files need not be there")
}

// What the file says reaches the plugin.
func TestAWSSettings(t *testing.T) {
	dir := awsFiles(t)
	write(t, dir, "session", "token\n")
	text := strings.Replace(awsMinimal, "aws: {keys", "aws: {life: 30m, hosts: [aws.internal], hand_out: ['ecr:GetAuthorizationToken'], max_body: 1MiB, patience: 5s, authority: {cert: ca.crt, key: ca.key}, keys", 1)
	text = strings.Replace(text, "login: {", `address: "store:9000", tls: {ca: ca.crt, server_name: s}, login: {session_token: "file:session", role: {arn: "arn:aws:iam::123456789012:role/a/b", external_id: x, region: eu-west-1, tags: {team: search}, life: 20m}, `, 1)
	text = strings.Replace(text, `address: "127.0.0.1:8080"`, `address: "0.0.0.0:8080", require_tls: false`, 1)
	s, err := load(write(t, dir, "g.yaml", text), true)
	require.NoError(t, err)
	target := s.targetsOf(s.Listeners[0])[0]
	assert.Equal(t, protocol.Target{Name: "cloud", Address: "store:9000", TLS: protocol.TargetTLS{CAFile: filepath.Join(dir, "ca.crt"), ServerName: "s"}}, target)

	c := s.awsSettings(s.awsListener(s.Listeners[0]), nil)
	login, err := c.Login(t.Context(), identity.Principal{}, target)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(rereadAfter), login.Credentials.Expires, time.Minute, "what renews the files is followed")
	assert.Equal(t, []string{"AKIAREALREALREALREAL", "hunter2hunter2", "token"}, []string{login.Credentials.AccessKeyID, login.Credentials.SecretAccessKey.Reveal(), login.Credentials.SessionToken.Reveal()})
	assert.Equal(t, aws.Role{ARN: "arn:aws:iam::123456789012:role/a/b", ExternalID: "x", Region: "eu-west-1", Tags: map[string]string{"team": "search"}, Life: 20 * time.Minute}, login.Role)
	require.NoError(t, os.Remove(filepath.Join(dir, "secret")))
	_, err = c.Login(t.Context(), identity.Principal{}, target)
	require.ErrorContains(t, err, `target "cloud": login.secret_access_key: `)
	c.Login = nil
	assert.Equal(t, aws.Config{
		Account: "123456789012", Plaintext: true, Authority: s.authority, Hosts: []string{"aws.internal"}, HandOut: []string{"ecr:GetAuthorizationToken"},
		Life: 30 * time.Minute, MaxBody: 1 << 20, Patience: 5 * time.Second,
	}, c)
}

// Each file is awsMinimal with some text replaced; want are all the complaints.
func TestBadAWSFiles(t *testing.T) {
	const role = `secret_access_key: "file:secret", role: `
	for name, c := range map[string]struct {
		replace, by string
		want        []string
	}{
		"no section":  {"aws: {keys: [\"file:aws.key\"]}\n", "", []string{"g.yaml:1: aws.keys: is missing: the credentials of clients are sealed with it; `gateway aws key FILE` makes one"}},
		"no key":      {"file:aws.key", "file:other.key", []string{"g.yaml:10: aws.keys[0]: ", "other.key: no such file or directory; `gateway aws key FILE`"}},
		"bad key":     {"file:aws.key", "file:secret", []string{"g.yaml:10: aws.keys[0]: the key is not base64"}},
		"short key":   {"file:aws.key", "file:short", []string{"g.yaml:10: aws.keys[0]: the key has 3 bytes"}},
		"key twice":   {`["file:aws.key"]`, `["file:aws.key", "file:aws.key"]`, []string{"g.yaml:10: aws.keys: it is in the list already"}},
		"key itself":  {"file:aws.key", "hunter2hunter2", []string{"g.yaml:10: aws.keys[0]: must say where the secret is"}},
		"no tokens":   {"{tokens: {file: tokens.yaml}}", "{ssh: {file: ssh-keys.yaml}}", []string{"g.yaml:2: identity: has neither tokens nor oidc: clients of AWS get"}},
		"no account":  {`account: "123456789012", `, "", []string{"g.yaml:4: targets[0].account: is missing: the id of the account"}},
		"bad account": {`"123456789012"`, `"1234"`, []string{`g.yaml:4: targets[0].account: "1234" is no account id; these have 12 digits`}},
		"a number":    {`"123456789012"`, `123456789012`, []string{"g.yaml:4: targets[0].account: must be text, not a number; put quotes around"}},
		"no login":    {`login: {access_key_id: "file:id", secret_access_key: "file:secret"}`, "login: {}", []string{"g.yaml:4: targets[0].login.access_key_id: is missing: the gateway's own credentials", "g.yaml:4: targets[0].login.secret_access_key: is missing"}},
		"no secret":   {"file:secret", "env:SALLYPORT_NO_SUCH", []string{"g.yaml:4: targets[0].login.secret_access_key: the environment variable SALLYPORT_NO_SUCH is not set"}},
		"no session":  {"login: {", "login: {session_token: 'file:nowhere', ", []string{"g.yaml:4: targets[0].login.session_token: ", "nowhere: no such file"}},
		"of others": {"login: {", "database: x, login: {user: u, password: 'env:X', cert: a, key: b, authority: c, ",
			[]string{"g.yaml:4: targets[0].database: means nothing to AWS", "targets[0].login.user: means", "targets[0].login.password: means", "targets[0].login.cert: means", "targets[0].login.key: means", "targets[0].login.authority: means"}},
		"TLS of AWS":    {"login: {", "tls: {mode: disable}, login: {", []string{"g.yaml:4: targets[0].tls: AWS is spoken to by TLS, under its own names"}},
		"name of AWS":   {"login: {", "tls: {server_name: x}, login: {", []string{"g.yaml:4: targets[0].tls: AWS is spoken to by TLS"}},
		"no CA":         {"login: {", "tls: {ca: nowhere.pem}, login: {", []string{"g.yaml:4: targets[0].tls.ca: ", "no such file"}},
		"useless TLS":   {"login: {", "address: 'store:1', tls: {mode: disable, server_name: x}, login: {", []string{"g.yaml:4: targets[0].tls.mode: disable makes"}},
		"TLS mode":      {"login: {", "address: 'store:1', tls: {mode: none}, login: {", []string{`g.yaml:4: targets[0].tls.mode: "none" is none of`}},
		"socket":        {"login: {", "address: /run/s, login: {", []string{"g.yaml:4: targets[0].address: must be host:port; leave it out for AWS itself"}},
		"address":       {"login: {", "address: store, login: {", []string{`g.yaml:4: targets[0].address: "store" is neither host:port`}},
		"no role":       {`secret_access_key: "file:secret"`, role + "{}", []string{"g.yaml:4: targets[0].login.role.arn: is missing"}},
		"bad role":      {`secret_access_key: "file:secret"`, role + "{arn: agents, life: 13h, tags: {'sallyport:x': y, 'aws:z': z}}", []string{`g.yaml:4: targets[0].login.role.arn: "agents" is no role; one looks like`, "g.yaml:4: targets[0].login.role.life: must be from 15m to 12h", "role.tags.sallyport:x: must be a name", "role.tags.aws:z: must be a name"}},
		"scheme":        {"targets: [cloud]", "scheme: token, targets: [cloud]", []string{"g.yaml:6: listeners[0].scheme: is for PostgreSQL"}},
		"open to all":   {"127.0.0.1:8080", "0.0.0.0:8080", []string{`g.yaml:6: listeners[0].address: "0.0.0.0:8080" can be reached from elsewhere: give the gateway a certificate, or an authority under aws`}},
		"TLS and none":  {`"127.0.0.1:8080"`, `"0.0.0.0:8080", require_tls: true`, []string{"g.yaml:6: listeners[0].address: \"0.0.0.0:8080\" can be reached"}},
		"TLS at home":   {"targets: [cloud]", "require_tls: true, targets: [cloud]", []string{"g.yaml:6: listeners[0].require_tls: says nothing where only this machine"}},
		"two accounts":  {"listeners:\n  - {protocol: aws, address: \"127.0.0.1:8080\", targets: [cloud]}", "  - {name: other, account: \"210987654321\", login: {access_key_id: 'file:id', secret_access_key: 'file:secret'}}\nlisteners:\n  - {protocol: aws, address: '127.0.0.1:8080', targets: [cloud, other]}", []string{"g.yaml:7: listeners[0].targets: are of several accounts"}},
		"authority":     {"aws: {", "aws: {authority: {cert: ca.crt}, ", []string{"g.yaml:10: aws.authority.key: is missing"}},
		"no authority":  {"aws: {", "aws: {authority: {cert: ca.crt, key: aws.key}, ", []string{"g.yaml:10: aws.authority.cert: cannot be used with its key"}},
		"not authority": {"aws: {", "aws: {authority: {cert: server.crt, key: server.key}, ", []string{"g.yaml:10: aws.authority: "}},
		"bounds": {"aws: {", "aws: {hosts: ['a:1', '*.x'], hand_out: ['sts:NoSuch', nonsense], life: 5m, max_body: 1GiB, patience: -1s, ",
			[]string{`g.yaml:10: aws.hosts[0]: "a:1" is no host name`, `g.yaml:10: aws.hosts[1]: "*.x" is no host name`, `g.yaml:10: aws.hand_out[0]: "sts:NoSuch": sts has no such operation`, `g.yaml:10: aws.hand_out[1]: "nonsense": `, "g.yaml:10: aws.life: must be from 15m0s to 12h0m0s", "g.yaml:10: aws.max_body: is over 128MiB", "g.yaml:10: aws.patience: cannot be negative"}},
		"no list":   {"aws: {", "aws: {revocations: nowhere.yaml, ", []string{"nowhere.yaml: no such file"}},
		"bad list":  {"aws: {", "aws: {revocations: revoked.yaml, ", []string{"revoked.yaml:2: revoked[0]: it needs access_key_id, or both issuer and subject", "revoked.yaml:3: revoked[1]: access_key_id is not one of ours"}},
		"elsewhere": {"protocol: aws, ", "", []string{"g.yaml:4: targets[0].account: is for AWS", "targets[0].login.access_key_id: is for AWS", "targets[0].login.secret_access_key: is for AWS", "targets[0].address: is missing", "targets[0].login.user: is missing"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := awsFiles(t)
			write(t, dir, "short", base64.StdEncoding.EncodeToString([]byte("abc")))
			write(t, dir, "ssh-keys.yaml", "keys: []\n")
			write(t, dir, "revoked.yaml", "revoked:\n  - {subject: coder}\n  - {access_key_id: AKIAIOSFODNN7EXAMPLE}\n")
			(&bed{t: t, dir: dir}).certify()
			require.Contains(t, awsMinimal, c.replace)
			_, err := load(write(t, dir, "g.yaml", strings.Replace(awsMinimal, c.replace, c.by, 1)), true)
			complaints(t, err, c.want)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestAWSRevocations(t *testing.T) {
	list, problems := readAWSRevocations(write(t, t.TempDir(), "r.yaml", `revoked:
  - {access_key_id: ASIAABCDEFGHIJKLMNOP}
  - {issuer: static, subject: coder, before: 2027-01-31T18:00:00Z}
`))
	require.Empty(t, problems)
	assert.Equal(t, []awskeys.Revocation{{AccessKeyID: "ASIAABCDEFGHIJKLMNOP"}, {Issuer: "static", Subject: "coder", Before: time.Date(2027, 1, 31, 18, 0, 0, 0, time.UTC)}}, list)
	list, problems = readAWSRevocations("aws-revoked.yaml")
	assert.Empty(t, problems)
	assert.Empty(t, list)
}

// What the subcommands make is good, private, and never made twice.
func TestNewAWSFiles(t *testing.T) {
	dir := awsFiles(t)
	for name, mode := range map[string]os.FileMode{"aws.key": 0o600, "ca.key": 0o600, "ca.crt": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		assert.Equal(t, mode, info.Mode().Perm()&mode, name)
		assert.Zero(t, info.Mode().Perm()&^mode, name)
	}
	before, err := os.ReadFile(filepath.Join(dir, "aws.key"))
	require.NoError(t, err)
	for _, args := range [][]string{{"aws", "key", filepath.Join(dir, "aws.key")}, {"aws", "authority", filepath.Join(dir, "ca")}} {
		status, _, stderr := gatewayCommand(t, args...)
		assert.Equal(t, 1, status)
		assert.Contains(t, stderr, "file exists")
	}
	after, err := os.ReadFile(filepath.Join(dir, "aws.key"))
	require.NoError(t, err)
	assert.Equal(t, before, after)

	status, _, stderr := gatewayCommand(t, "aws", "authority", "-life", "2h", filepath.Join(dir, "brief"))
	require.Zero(t, status, stderr)
	text, err := os.ReadFile(filepath.Join(dir, "brief.crt"))
	require.NoError(t, err)
	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now().Add(2*time.Hour), cert.NotAfter, time.Minute)
	status, _, stderr = gatewayCommand(t, "aws", "authority", "-life", "1s", filepath.Join(dir, "none"))
	assert.Equal(t, 1, status)
	assert.Contains(t, stderr, "must live for a minute to ten years")
	for _, args := range [][]string{{"aws"}, {"aws", "key"}, {"aws", "nonsense", "x"}, {"aws", "key", "a", "b"}} {
		status, _, stderr = gatewayCommand(t, args...)
		assert.Equal(t, 2, status)
		assert.Contains(t, stderr, "gateway aws key FILE")
	}
}

// Whatever stands in the file, it is read or complained about.
func FuzzAWSRevocations(f *testing.F) {
	f.Add("revoked: [{access_key_id: ASIAABCDEFGHIJKLMNOP}, {issuer: a, subject: b, before: 2027-01-31T18:00:00Z}]")
	f.Add("revoked:\n- issuer: \"\\u202e\"\n  subject: |\n    a\n    b\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, problems := readAWSRevocations(write(t, t.TempDir(), "r.yaml", text))
		if issuer := new(awskeys.Issuer); len(problems) == 0 && issuer.Revoke(list...) != nil {
			t.Fatal("a list that nobody complained about cannot be used")
		}
	})
}
