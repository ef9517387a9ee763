package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// write makes a file and returns its path.
func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	return file
}

// minimal is the least that a configuration needs, line by line.
const minimal = `name: g
identity: {tokens: {file: tokens.yaml}}
targets:
  - {name: shop, address: "127.0.0.1:5432", login: {user: app, password: "env:SHOP_PASSWORD"}}
listeners:
  - {address: "127.0.0.1:0", targets: [shop]}
rules:
  - {name: all, verdict: allow}
record: {dir: journal}
`

func TestTheExplainedFileIsGood(t *testing.T) {
	s, err := load("gateway.yaml", false)
	require.NoError(t, err)
	assert.Equal(t, "agents", s.Name)
	assert.Len(t, s.rules, 10)
	assert.Len(t, s.masks, 4)
	assert.Equal(t, protocol.Read|protocol.Write, s.rules[0].Effects)
	assert.Equal(t, protocol.Ask, s.rules[2].Verdict)
	assert.Equal(t, 5*time.Minute, s.rules[2].Timeout)
	assert.Equal(t, size(64<<20), s.Record.SegmentSize)
	assert.Equal(t, "journal", s.Record.Dir)
	assert.Len(t, s.SSH.KnownHostLines, 1)
	assert.Equal(t, []string{"LANG", "LC_*"}, s.SSH.Env)

	assert.Equal(t, "123456789012", s.Targets[2].Account)

	_, err = load("gateway.yaml", true)
	require.Error(t, err)
	assert.ErrorContains(t, err, "targets[2].login.access_key_id: the environment variable CLOUD_ACCESS_KEY_ID is not set")
	assert.ErrorContains(t, err, "aws.keys[0]: aws.key: no such file or directory; `gateway aws key FILE` makes one")
	assert.ErrorContains(t, err, "admin.token: the environment variable SALLYPORT_ADMIN_TOKEN is not set")
	assert.ErrorContains(t, err, "targets[0].login.password: the environment variable SHOP_PASSWORD is not set")
	assert.ErrorContains(t, err, "targets[1].login.authority: authority: no such file or directory")
	assert.ErrorContains(t, err, `ssh.host_keys[0]: host_key: there is no such file; ssh-keygen -q -t ed25519 -N "" -f host_key makes one`)
}

// What the sample's rules say, as a table: copy this together with the rules.
func TestTheExplainedRules(t *testing.T) {
	s, err := load("gateway.yaml", false)
	require.NoError(t, err)
	coder := identity.Principal{Issuer: "static", Subject: "coder", Groups: []string{"agents"}}
	stranger := identity.Principal{Issuer: "static", Subject: "stranger"}
	on := func(verb string, effects protocol.Effects, tables ...string) protocol.Operation {
		op := protocol.Operation{Verb: verb, Effects: effects}
		for _, name := range tables {
			op.Objects = append(op.Objects, protocol.Object{Kind: "table", Name: name, Effects: effects})
		}
		return op
	}
	run := func(verb string, effects protocol.Effects) protocol.Operation {
		return protocol.Operation{Verb: verb, Effects: effects, Objects: []protocol.Object{{Kind: "command", Name: "x", Effects: effects}}}
	}
	cases := []proxytest.Case{
		{Name: "reading", Principal: coder, Operation: on("select", protocol.Read, "customers", "public.orders"), Want: protocol.Allow, Rule: "read and write the shop"},
		{Name: "writing", Principal: coder, Operation: on("insert", protocol.Write, "orders"), Want: protocol.Allow},
		{Name: "another table", Principal: coder, Operation: on("select", protocol.Read, "customers", "invoices"), Want: protocol.Deny},
		{Name: "another schema", Principal: coder, Operation: on("select", protocol.Read, "old.customers"), Want: protocol.Deny},
		{Name: "the catalog", Principal: coder, Operation: on("select", protocol.Read, "pg_catalog.pg_class"), Want: protocol.Allow, Rule: "the catalog"},
		{Name: "the catalog is not for writing", Principal: coder, Operation: on("update", protocol.Write, "pg_catalog.pg_class"), Want: protocol.Deny},
		{Name: "a health check", Principal: coder, Operation: on("select", 0), Want: protocol.Allow},
		{Name: "deleting", Principal: coder, Operation: on("delete", protocol.Destroy, "orders"), Want: protocol.Ask, Rule: "deleting needs a person"},
		{Name: "dropping", Principal: coder, Operation: on("drop table", protocol.Destroy|protocol.Schema, "orders"), Want: protocol.Ask},
		{Name: "the payroll", Principal: coder, Operation: on("select", protocol.Read, "customers", "hr.payroll"), Want: protocol.Deny, Rule: "never the payroll"},
		{Name: "what nobody sees into", Principal: coder, Operation: on("do", protocol.Everything), Want: protocol.Deny, Rule: "never the payroll"},
		{Name: "a stranger", Principal: stranger, Operation: on("select", protocol.Read, "customers"), Want: protocol.Deny},
	}
	for i := range cases {
		cases[i].Target = "shop"
	}
	for _, c := range []proxytest.Case{
		{Name: "a command that reads", Principal: coder, Operation: run("exec", protocol.Read), Want: protocol.Allow, Rule: "looking around on web1"},
		{Name: "a download", Principal: coder, Operation: run("scp.download", protocol.Read), Want: protocol.Allow},
		{Name: "SFTP itself", Principal: coder, Operation: protocol.Operation{Verb: "sftp"}, Want: protocol.Allow},
		{Name: "an upload by SFTP", Principal: coder, Operation: run("sftp.write", protocol.Write), Want: protocol.Ask, Rule: "changing web1 needs a person"},
		{Name: "rm", Principal: coder, Operation: run("exec", protocol.Write|protocol.Destroy), Want: protocol.Ask},
		{Name: "a private key", Principal: coder, Operation: run("exec", protocol.Read|protocol.Credential), Want: protocol.Ask},
		{Name: "a program that is not known", Principal: coder, Operation: run("exec", protocol.Code|protocol.Opaque), Want: protocol.Ask},
		{Name: "a shell", Principal: coder, Operation: run("shell", protocol.Everything), Want: protocol.Deny, Rule: "agents get exec, not shells"},
		{Name: "a forwarded port", Principal: coder, Operation: run("forward.connect", protocol.Everything), Want: protocol.Deny},
		{Name: "a stranger's command", Principal: stranger, Operation: run("exec", protocol.Read), Want: protocol.Deny},
		{Name: "a stranger is not asked about", Principal: stranger, Operation: run("exec", protocol.Destroy), Want: protocol.Deny},
	} {
		c.Target = "web1"
		cases = append(cases, c)
	}
	call := func(verb string, effects protocol.Effects) protocol.Operation {
		return protocol.Operation{Verb: verb, Effects: effects, Objects: []protocol.Object{{Kind: "arn", Name: "arn:aws:s3:::x", Effects: effects}}}
	}
	for _, c := range []proxytest.Case{
		{Name: "looking around", Principal: coder, Operation: call("ec2:DescribeInstances", protocol.Read), Want: protocol.Allow, Rule: "looking around in the cloud"},
		{Name: "a secret", Principal: coder, Operation: call("secretsmanager:GetSecretValue", protocol.Read), Want: protocol.Deny, Rule: "secrets of the cloud are not for agents"},
		{Name: "a parameter", Principal: coder, Operation: call("ssm:GetParametersByPath", protocol.Read), Want: protocol.Deny},
		{Name: "an object", Principal: coder, Operation: call("s3:DeleteObject", protocol.Write|protocol.Destroy), Want: protocol.Ask, Rule: "changing the cloud needs a person"},
		{Name: "a stranger's call", Principal: stranger, Operation: call("ec2:DescribeInstances", protocol.Read), Want: protocol.Deny},
	} {
		c.Target = "cloud"
		cases = append(cases, c)
	}
	proxytest.Policy(t, s.rules, cases)
}

func TestMinimal(t *testing.T) {
	t.Setenv("SHOP_PASSWORD", "x")
	dir := t.TempDir()
	write(t, dir, "tokens.yaml", "")
	s, err := load(write(t, dir, "g.yaml", minimal), true)
	require.NoError(t, err)
	assert.Equal(t, filepath.Join(dir, "journal"), s.Record.Dir, "paths are seen from the file's directory")
	assert.Equal(t, "static", s.Identity.Tokens.Issuer)
}

// Each file is the minimal one with some text replaced; want are all the
// complaints, each with its line.
func TestBadFiles(t *testing.T) {
	t.Setenv("SHOP_PASSWORD", "x")
	for name, c := range map[string]struct {
		replace, by string
		want        []string
	}{
		"no YAML":          {"name: g\n", "name: [g\n", []string{"g.yaml:2: not YAML: "}},
		"empty":            {minimal, "", []string{"g.yaml:1: identity: is missing", "g.yaml:1: listeners: is missing", "g.yaml:1: name: is missing", "g.yaml:1: record.dir: is missing", "g.yaml:1: rules: is missing", "g.yaml:1: targets: is missing"}},
		"a list":           {"record: {dir: journal}", "record: [dir]", []string{"g.yaml:9: record: must hold fields (name: value), not a list", "g.yaml:9: record.dir: is missing"}},
		"two documents":    {"record:", "---\nrecord:", []string{"g.yaml:10: second: the file holds more than one YAML document"}},
		"unknown field":    {"record: {dir: journal}", "record: {dir: journal, compres: true}", []string{"g.yaml:9: record.compres: there is no such field; here are: buffered, checkpoints, dir, key_file, segment_size"}},
		"field twice":      {"record:", "name: h\nrecord:", []string{"g.yaml:9: name: is there twice; it stands on line 1 already"}},
		"anchor":           {"name: g", "name: &n g", []string{"g.yaml:1: name: anchors, aliases and tags are not read"}},
		"number as text":   {"name: g", "name: 12", []string{`g.yaml:1: name: must be text, not a number; put quotes around`}},
		"text as list":     {"targets: [shop]", "targets: shop", []string{`g.yaml:6: listeners[0].targets: must be a list ([a, b] or lines with "- "), not text`}},
		"duration":         {"record:", "limits: {idle: 5 minutes, drain: 30}\nrecord:", []string{`g.yaml:9: limits.idle: must be a duration such as "30s"`, `g.yaml:9: limits.drain: must be a duration`}},
		"size":             {"record:", "postgres:\n  max_row: 8MB\n  max_statement: 65MiB\nrecord:", []string{`g.yaml:10: postgres.max_row: must be a size`, "g.yaml:11: postgres.max_statement: is over 64MiB"}},
		"secret itself":    {"env:SHOP_PASSWORD", "hunter2", []string{"g.yaml:4: targets[0].login.password: must say where the secret is, env:NAME or file:PATH"}},
		"no such variable": {"env:SHOP_PASSWORD", "env:SALLYPORT_NO_SUCH", []string{"g.yaml:4: targets[0].login.password: the environment variable SALLYPORT_NO_SUCH is not set"}},
		"no such file":     {"env:SHOP_PASSWORD", "file:nowhere", []string{"g.yaml:4: targets[0].login.password: ", "nowhere: no such file"}},
		"nobody may come":  {"identity: {tokens: {file: tokens.yaml}}", "identity: {}", []string{"g.yaml:2: identity: is missing"}},
		"OIDC": {"identity: {", "identity: {oidc: [{issuer: 'http://example.com', audience: a}, {issuer: 'https://example.com', clock_skew: 1h}, {issuer: 'https://example.com', audience: a, clock_skew: 1h}], ",
			[]string{"g.yaml:2: identity.oidc[0]: oidc: the issuer", "g.yaml:2: identity.oidc[1].audience: is missing", "g.yaml:2: identity.oidc[2]: oidc: ClockSkew"}},
		"no tokens file": {"tokens.yaml", "other.yaml", []string{"other.yaml: no such file"}},
		"bad tokens":     {"tokens.yaml", "bad.yaml", []string{"bad.yaml:2: tokens[0].hash: is not of the form", `bad.yaml:3: tokens[1].name: another token is called "a"`, "bad.yaml:4: tokens[2].hash: is not of the form", "bad.yaml:4: tokens[2].expires: must be a time such as"}},
		"two targets":    {"targets:\n", "targets:\n  - {name: shop, address: x, login: {}}\n", []string{`g.yaml:4: targets[0].address: "x" is neither host:port`, "g.yaml:4: targets[0].login.user: is missing", `g.yaml:5: targets[1].name: another target is called "shop"`}},
		"TLS":            {"login:", "tls: {mode: require, ca: nowhere.pem}, login:", []string{`g.yaml:4: targets[0].tls.mode: "require" is none of verify-full, disable`, "g.yaml:4: targets[0].tls.ca: ", "nowhere.pem: no such file"}},
		"no such target": {"targets: [shop]", "targets: [shop, shp]", []string{`g.yaml:6: listeners[0].targets[1]: there is no target "shp"`}},
		"open listener":  {"127.0.0.1:0", "0.0.0.0:6432", []string{`g.yaml:6: listeners[0].address: "0.0.0.0:6432" can be reached from elsewhere: give the gateway a certificate`}},
		"no certificate": {"targets: [shop]}", "targets: [shop], require_tls: true}", []string{"g.yaml:6: listeners[0].require_tls: needs a certificate"}},
		"certificate":    {"record:", "certificate: {cert: tokens.yaml, key: tokens.yaml}\nrecord:", []string{"g.yaml:9: certificate.cert: cannot be used with its key"}},
		"no verdict":     {"{name: all, verdict: allow}", "{name: all}", []string{"g.yaml:8: rules[0].verdict: is missing: allow, ask or deny"}},
		"verdict":        {"verdict: allow", "verdict: alow", []string{`g.yaml:8: rules[0].verdict: unknown verdict "alow"`}},
		"effect":         {"verdict: allow", "verdict: allow, effects: [read, wrte]", []string{`g.yaml:8: rules[0].effects[1]: unknown effect "wrte"`}},
		"rule": {"verdict: allow}", "verdict: allow, timeout: 1s, objects: ['']}\n  - {name: all, verdict: deny, targets: [other]}",
			[]string{"g.yaml:8: rules[0].timeout: is for ask rules", "g.yaml:8: rules[0].objects: an entry", `g.yaml:9: rules[1].name: another rule is called "all"`, `g.yaml:9: rules[1].targets[0]: there is no target "other"`}},
		"no name":  {"{name: all, ", "{", []string{"g.yaml:8: rules[0]: it has no name"}},
		"nobody":   {"verdict: allow", "verdict: ask", []string{"g.yaml:8: rules[0].verdict: asks, but there is nobody to ask"}},
		"approver": {"verdict: allow}", "verdict: ask, approvers: [bob]}\napprovers: {terminal: true}", []string{`g.yaml:8: rules[0].approvers[0]: there is no approver "bob"`}},
		"webhooks": {"record:", "approvers:\n  webhooks:\n    - {name: w, url: 'http://example.com', secret: 'env:SHOP_PASSWORD', tolerance: 1h}\n    - {name: w}\n    - {name: terminal, url: 'https://example.com', secret: 'env:SALLYPORT_NO_SUCH'}\nrecord:",
			[]string{"g.yaml:9: approvers.answers: is missing", "g.yaml:11: approvers.webhooks[0].url: must be https", "g.yaml:11: approvers.webhooks[0].secret: must be \"whsec_", "g.yaml:11: approvers.webhooks[0].tolerance: must be within", `g.yaml:12: approvers.webhooks[1].name: another approver is called "w"`, "g.yaml:12: approvers.webhooks[1].url: is missing", `g.yaml:13: approvers.webhooks[2].name: another approver is called "terminal"`, "g.yaml:13: approvers.webhooks[2].secret: the environment variable SALLYPORT_NO_SUCH"}},
		"answers":   {"record:", "approvers: {answers: '127.0.0.1:0'}\nrecord:", []string{"g.yaml:9: approvers.answers: is for webhooks"}},
		"mask":      {"record:", "masks:\n  columns:\n    - {column: ssn}\n    - {column: t.a, method: keep}\n    - {column: t.b, method: hide}\n    - {column: t.c, keep: 2}\nrecord:", []string{`g.yaml:11: masks.columns[0].column: columns "ssn": it must be "table.column"`, "g.yaml:12: masks.columns[1].keep: how many characters", `g.yaml:13: masks.columns[2].method: "hide" is none of full, keep, hash, null`, "g.yaml:14: masks.columns[3].keep: is for method: keep"}},
		"same mask": {"record:", "masks: {columns: [{column: t.a}, {column: t.a}]}\nrecord:", []string{"g.yaml:9: masks: ", "another rule masks the same"}},
		"detector":  {"record:", "masks: {detectors: [secrets, pii], patterns: [{name: x, expr: '('}]}\nrecord:", []string{`g.yaml:9: masks.detectors[1]: there is no detector "pii"`, "g.yaml:9: masks.patterns[0].expr: "}},
		"hash key":  {"record:", "masks: {columns: [{column: t.a, method: hash, key: 'env:SHOP_PASSWORD'}]}\nrecord:", []string{"g.yaml:9: masks.columns[0].key: must be at least 16 random bytes"}},
		"sinks":     {"record: {dir: journal}", "record: {dir: journal, checkpoints: {files: [journal/c], http: [{url: 'http://example.com'}]}}", []string{"g.yaml:9: record.checkpoints.files[0]: is in the journal's own directory", "g.yaml:9: record.checkpoints.http[0].url: must be an https URL"}},
		"admin":     {"record:", "admin: {listen: '0.0.0.0:80'}\nrecord:", []string{"g.yaml:9: admin.listen: \"0.0.0.0:80\" can be reached from elsewhere", "g.yaml:9: admin.token: is missing"}},
		"log":       {"record:", "log: {level: loud, format: xml}\nrecord:", []string{"g.yaml:9: log.level: must be debug, info, warn or error", `g.yaml:9: log.format: "xml" is none of json, text`}},
		"limits":    {"record:", "limits: {approval: -1s, sessions: many}\nrecord:", []string{"g.yaml:9: limits.approval: must end some time", "g.yaml:9: limits.sessions: must be a whole number, not text"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "tokens.yaml", "tokens: []\n")
			write(t, dir, "bad.yaml", "tokens:\n  - {name: a, hash: plaintexttoken1234}\n  - {name: a, hash: x}\n  - {name: b, hash: x, expires: tomorrow}\n")
			require.Contains(t, minimal, c.replace)
			_, err := load(write(t, dir, "g.yaml", strings.Replace(minimal, c.replace, c.by, 1)), true)
			require.Error(t, err)
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
			assert.NotContains(t, err.Error(), "hunter2")
			assert.NotContains(t, err.Error(), "plaintexttoken")
			for line := range strings.Lines(err.Error()) {
				assert.True(t, slices.ContainsFunc(c.want, func(w string) bool { return strings.Contains(line, w) }), "one complaint too many: %s", line)
			}
		})
	}
}

func TestNewToken(t *testing.T) {
	var out, explain strings.Builder
	require.NoError(t, newToken("coder", []string{"agents", "night shift"}, &out, &explain))
	token := strings.TrimSpace(out.String())
	assert.NotContains(t, explain.String(), token)
	_, line, found := strings.Cut(explain.String(), "\n  - ")
	require.True(t, found)
	list, problems := readTokens(write(t, t.TempDir(), "tokens.yaml", "tokens:\n  - "+line))
	require.Empty(t, problems)
	require.Len(t, list, 1)
	assert.Equal(t, []string{"agents", "night shift"}, list[0].Groups)
	tokens, err := identity.NewTokens("static", list...)
	require.NoError(t, err)
	v, err := tokens.Verifier(t.Context(), identity.SchemeToken, "coder")
	require.NoError(t, err)
	proven, err := v.(identity.TokenVerifier).VerifyToken(t.Context(), token)
	require.NoError(t, err)
	assert.Equal(t, "static|coder", proven.Principal.ID())

	for _, bad := range []string{"", "a b", "x\x1b[2J", `q"`} {
		require.Error(t, newToken(bad, nil, &out, &explain), "%q", bad)
	}
}

func TestCommandLine(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "tokens.yaml", "tokens: []\n")
	good := write(t, dir, "good.yaml", minimal)
	bad := write(t, dir, "bad.yaml", "nam: x\n")
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, 2, "Usage"}, {[]string{"serve", good}, 2, "Usage"}, {[]string{"token", "new"}, 2, "Usage"}, {[]string{"check"}, 2, "Usage"},
		{[]string{"check", "-loud", good}, 2, "Usage"}, {[]string{"check", "-without-secrets", good}, 0, "nothing is wrong"},
		{[]string{"check", good}, 1, "SHOP_PASSWORD is not set"}, {[]string{"check", bad}, 1, "bad.yaml:1: nam: there is no such field"},
		{[]string{"run", bad}, 1, "bad.yaml:1: nam: there is no such field"}, {[]string{"check", dir + "/none"}, 1, "none: no such file"},
		{[]string{"token", "new", "-group", "a", "me"}, 0, `groups: ["a"]`},
	} {
		var out strings.Builder
		assert.Equal(t, c.status, command(t.Context(), c.args, &out, &out), "%v", c.args)
		assert.Contains(t, out.String(), c.says, "%v", c.args)
	}
}
