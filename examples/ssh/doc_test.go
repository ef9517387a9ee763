//go:build unix

package main

import (
	"bytes"
	"crypto/ed25519"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// table returns the rows of the table in docs/ssh.md that begins with head.
func table(t *testing.T, head string) [][]string {
	t.Helper()
	text, err := os.ReadFile("../../docs/ssh.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n"+head+"\n")
	require.True(t, found, "docs/ssh.md has no table %q", head)
	rest, _, _ = strings.Cut(rest, "\n\n")
	var rows [][]string
	for _, line := range strings.Split(rest, "\n")[1:] {
		line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
		var row []string
		for _, cell := range strings.Split(line, "|") {
			row = append(row, strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|")))
		}
		rows = append(rows, row)
	}
	require.Greater(t, len(rows), 5)
	return rows
}

func quoted(cell string) []string {
	var list []string
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cell, -1) {
		list = append(list, m[1])
	}
	return list
}

// docs/ssh.md says what verbs and effects command lines have. The gateway says
// the same of them: it is asked, and denies all, so that none is carried out.
func TestTheDocumentedEffects(t *testing.T) {
	host, err := sshserver.StartEmbedded(sshserver.EmbeddedOptions{})
	require.NoError(t, err)
	defer host.Close()
	_, key, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	hostKey, err := xssh.NewSignerFromKey(key)
	require.NoError(t, err)
	mint := proxytest.NewMint()
	token := mint.Token("agent")
	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint).Approve([]approve.Rule{{Name: "nothing", Verdict: protocol.Deny}}).Limits(proxy.Limits{Drain: -1}).
			Listen("127.0.0.1:0", ssh.New(ssh.Config{
				Keys: []xssh.Signer{hostKey}, HostKeys: ssh.HostKeys{Lines: []string{host.KnownHosts()}},
				Login: ssh.StaticLogin(ssh.Login{User: host.User(), Key: host.ClientKey()}),
			}), protocol.Target{Name: "web1", Address: host.Addr()})
	})
	client, err := xssh.Dial("tcp", gw.Addr(), &xssh.ClientConfig{
		User: "agent", Auth: []xssh.AuthMethod{xssh.Password(token)}, HostKeyCallback: xssh.FixedHostKey(hostKey.PublicKey()),
	})
	require.NoError(t, err)
	defer client.Close()
	judged := func(command string) proxytest.Operation {
		t.Helper()
		s, err := client.NewSession()
		require.NoError(t, err)
		defer s.Close()
		var complaints bytes.Buffer
		s.Stderr = &complaints
		require.Error(t, s.Run(command), command)
		require.Contains(t, complaints.String(), `denied by rule "nothing"`, command)
		list := gw.Record.Operations()
		i := slices.IndexFunc(list, func(op proxytest.Operation) bool { return op.Text == command })
		require.GreaterOrEqual(t, i, 0, command)
		return list[i]
	}

	commands := 0
	for _, row := range table(t, "| Command line | Effects |") {
		said, _, _ := strings.Cut(row[1], ":")
		rest := strings.TrimSuffix(said, " and others")
		want, err := protocol.ParseEffects(rest)
		require.NoError(t, err, row)
		for _, command := range quoted(row[0]) {
			op := judged(command)
			assert.Equal(t, "exec", op.Verb, command)
			assert.True(t, op.Effects.Has(want), "%s: %s, not %s", command, op.Effects, want)
			if rest == said {
				assert.Zero(t, op.Effects&^(want|protocol.Read), "%s: %s, not %s", command, op.Effects, want)
			}
			commands++
		}
	}
	assert.Greater(t, commands, 20)
	for _, row := range table(t, "| What is asked for | Verb | Effects |") {
		if row[1] != "`shell`" {
			continue
		}
		for _, command := range quoted(row[0]) {
			op := judged(strings.ReplaceAll(command, "…", "https://example.com"))
			assert.Equal(t, "shell", op.Verb, command)
			assert.Equal(t, protocol.Everything, op.Effects, command)
		}
	}
}
