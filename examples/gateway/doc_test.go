package main

import (
	"encoding"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// tags returns the names of all fields that a YAML file may have.
func tags(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice:
		return tags(t.Elem())
	case reflect.Struct:
		if t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
			return nil
		}
		var list []string
		for i := range t.NumField() {
			if name := t.Field(i).Tag.Get("yaml"); name != "" {
				list = append(append(list, name), tags(t.Field(i).Type)...)
			}
		}
		return list
	}
	return nil
}

// gateway.yaml promises to explain every field.
func TestEveryFieldIsExplained(t *testing.T) {
	for file, of := range map[string]any{"gateway.yaml": config{}, "tokens.yaml": tokenConfig{}, "ssh-keys.yaml": sshMembersConfig{}, "aws-revoked.yaml": revokedAWSConfig{}} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		fields := tags(reflect.TypeOf(of))
		require.NotEmpty(t, fields)
		for _, name := range fields {
			assert.Regexp(t, `(?m)^[ #-]*`+name+`:`, string(text), "%s does not explain %s", file, name)
		}
	}
}

func names(t *testing.T, file, pattern string) []string {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	var list []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		list = append(list, m[1])
	}
	require.NotEmpty(t, list)
	slices.Sort(list)
	return slices.Compact(list)
}

// own returns the names of a struct's own fields.
func own(t reflect.Type) []string {
	var list []string
	for i := range t.NumField() {
		list = append(list, t.Field(i).Tag.Get("yaml"))
	}
	return list
}

// docs/operating.md lists the metrics that there are, and the fields of limits.
func TestOperatingIsTrue(t *testing.T) {
	const doc = "../../docs/operating.md"
	assert.Equal(t, names(t, "../../proxy/metrics.go", `"(sallyport\.[a-z.]+)"`), names(t, doc, "(?m)^\\| `(sallyport\\.[a-z.]+)` \\|"))
	documented := names(t, doc, "(?m)^\\| `([a-z_]+)` \\| `[A-Z]")
	for _, name := range slices.Concat(tags(reflect.TypeFor[limitsConfig]()), tags(reflect.TypeFor[postgresConfig]()), tags(reflect.TypeFor[sshConfig]()), own(reflect.TypeFor[awsConfig]())) {
		assert.Contains(t, documented, name)
	}
}

// The rules that docs/ssh.md recommends can be copied as they are.
func TestRulesOfTheDocsAreGood(t *testing.T) {
	text, err := os.ReadFile("../../docs/ssh.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	rules, _, _ := strings.Cut(rest, "```")
	dir, _ := sshFiles(t)
	s, err := load(write(t, dir, "g.yaml", strings.Replace(sshMinimal, "  - {name: all, verdict: allow}\n", rules+"approvers: {terminal: true}\n", 1)), true)
	require.NoError(t, err)
	assert.Len(t, s.rules, 3)
	agent := identity.Principal{Issuer: "keys", Subject: "agent", Groups: []string{"agents"}}
	proxytest.Policy(t, s.rules, []proxytest.Case{
		{Principal: agent, Operation: protocol.Operation{Verb: "shell", Effects: protocol.Everything}, Want: protocol.Deny, Rule: "agents get exec, not shells"},
		{Principal: agent, Operation: protocol.Operation{Verb: "sftp.read", Effects: protocol.Read}, Want: protocol.Allow},
		{Principal: agent, Operation: protocol.Operation{Verb: "exec", Effects: protocol.Read | protocol.Credential}, Want: protocol.Ask},
		{Principal: agent, Operation: protocol.Operation{Verb: "forward.connect", Effects: protocol.Read}, Want: protocol.Deny},
	})

	_, rest, found = strings.Cut(string(text), "`objects: [")
	require.True(t, found)
	objects, _, _ := strings.Cut(rest, "]`")
	s, err = load(write(t, dir, "g.yaml", strings.Replace(sshMinimal, "verdict: allow}", "verdict: allow, effects: [read], objects: ["+objects+"]}", 1)), true)
	require.NoError(t, err)
	line := func(program, path string) protocol.Operation {
		return protocol.Operation{Verb: "exec", Text: program + " " + path, Effects: protocol.Read, Objects: []protocol.Object{
			{Kind: "command", Name: program, Effects: protocol.Read}, {Kind: "path", Name: path, Effects: protocol.Read},
		}}
	}
	proxytest.Policy(t, s.rules, []proxytest.Case{
		{Principal: agent, Operation: line("cat", "/srv/app/x"), Want: protocol.Allow},
		{Principal: agent, Operation: line("cat", "/srv/other"), Want: protocol.Deny},
		{Principal: agent, Operation: line("cat", "app/x"), Want: protocol.Deny},
		{Principal: agent, Operation: line("head", "/srv/app/x"), Want: protocol.Deny},
	})
}

// So can those of docs/aws.md.
func TestRulesOfTheDocsAreGoodForAWS(t *testing.T) {
	text, err := os.ReadFile("../../docs/aws.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "```yaml\n")
	require.True(t, found)
	rules, _, _ := strings.Cut(rest, "```")
	dir := awsFiles(t)
	s, err := load(write(t, dir, "g.yaml", strings.Replace(awsMinimal, "  - {name: all, verdict: allow}\n", rules+"approvers: {terminal: true}\n", 1)), true)
	require.NoError(t, err)
	assert.Len(t, s.rules, 5)
	agent := identity.Principal{Issuer: "static", Subject: "agent", Groups: []string{"agents"}}
	call := func(verb string, effects protocol.Effects, arns ...string) proxytest.Case {
		c := proxytest.Case{Name: verb, Principal: agent, Target: "cloud", Operation: protocol.Operation{Verb: verb, Effects: effects}}
		for _, arn := range arns {
			c.Operation.Objects = append(c.Operation.Objects, protocol.Object{Kind: "arn", Name: arn, Effects: effects})
		}
		return c
	}
	want := func(c proxytest.Case, v protocol.Verdict) proxytest.Case { c.Want = v; return c }
	proxytest.Policy(t, s.rules, []proxytest.Case{
		want(call("ec2:DescribeInstances", protocol.Read, "arn:aws:ec2:eu-west-1:123456789012:*"), protocol.Allow),
		want(call("secretsmanager:BatchGetSecretValue", protocol.Read, "arn:aws:secretsmanager:eu-west-1:123456789012:*"), protocol.Deny),
		want(call("s3:PutObject", protocol.Write, "arn:aws:s3:::scratch/a"), protocol.Allow),
		want(call("s3:PutObject", protocol.Write, "arn:aws:s3:::shop/a"), protocol.Deny),
		want(call("s3:PutObject", protocol.Write, "arn:aws:s3:::scratch"), protocol.Deny),
		want(call("s3:DeleteObjects", protocol.Write|protocol.Destroy, "arn:aws:s3:::scratch/a"), protocol.Deny),
		want(call("ec2:TerminateInstances", protocol.Write|protocol.Destroy, "arn:aws:ec2:eu-west-1:123456789012:instance/i-1"), protocol.Ask),
		want(call("iam:CreateAccessKey", protocol.Write|protocol.Credential, "arn:aws:iam::123456789012:user/a"), protocol.Deny),
		want(call("iam:CreateUser", protocol.Write, "arn:aws:iam::123456789012:user/a"), protocol.Deny),
	})

	_, rest, found = strings.Cut(string(text), "`objects: [")
	require.True(t, found)
	objects, _, _ := strings.Cut(rest, "]`")
	s, err = load(write(t, dir, "g.yaml", strings.Replace(awsMinimal, "verdict: allow}", "verdict: deny, objects: ["+objects+"]}\n  - {name: all else, verdict: allow}", 1)), true)
	require.NoError(t, err)
	proxytest.Policy(t, s.rules, []proxytest.Case{
		want(call("lambda:CreateFunction", protocol.Write, "arn:aws:iam::123456789012:role/admins"), protocol.Deny),
		want(call("lambda:CreateFunction", protocol.Write, "arn:aws:iam::123456789012:role/work"), protocol.Allow),
	})
}
