package ssh_test

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/recorder"
)

// The client and the record see no secret, however it comes.
func TestSecretsInOutput(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}})
	half, rest := canary[:10], canary[10:]
	for name, command := range map[string]string{
		"plain":           "printf '%s%s\\n' " + half + " " + rest,
		"on stderr":       "printf '%s%s\\n' " + half + " " + rest + " >&2",
		"in two writes":   "printf " + half + "; sleep 0.03; printf '" + rest + "\\n'",
		"at the end":      "printf " + half + "; printf " + rest,
		"coloured":        "printf '" + half + "\\033[1;31m" + rest + "\\033[0m\\n'",
		"between letters": "printf 'key: " + half + "'; sleep 0.03; printf '" + rest + ", and more\\n'",
	} {
		t.Run(name, func(t *testing.T) {
			got := r.ssh(command)
			all := got.stdout + got.stderr
			assert.Contains(t, all, "*****")
			assert.NotContains(t, strings.ReplaceAll(strings.ReplaceAll(all, "\x1b[1;31m", ""), "\x1b[0m", ""), canary)
		})
	}
	assert.False(t, r.Record.Holds([]byte(canary)))
}

// Half of a secret that nobody continues is shown after a moment, so that
// prompts are; the other half of one is not.
func TestSecretThatComesLate(t *testing.T) {
	t.Parallel()
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}})
	got := r.ssh("printf " + canary[:10] + "; sleep 1; printf '" + canary[10:] + "\\n'")
	assert.Equal(t, canary[:10]+strings.Repeat("*", 10)+"\n", got.stdout)
}

func TestPromptsAreNotHeldBack(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets(), mask.Personal()}})
	s, in, out := shell(t, r.client())
	_, err := io.WriteString(in, "printf 'Your name? '; read -r x; echo \"[$x]\"; exit\r")
	require.NoError(t, err)
	out.wait(t, "\rYour name? ")
	began := time.Now()
	_, err = io.WriteString(in, "abc\r")
	require.NoError(t, err)
	out.wait(t, "[abc]")
	assert.Less(t, time.Since(began), 5*time.Second)
	require.NoError(t, s.Wait())
}

// The record shows no secret of what is typed into a command; the command gets
// what was sent.
func TestSecretsInInput(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}})
	got := r.run("first "+canary+"\nlast "+canary, "ssh", "gateway", "md5sum")
	want := r.run("first "+canary+"\nlast "+canary, "md5sum")
	assert.Equal(t, want.stdout, got.stdout, "the target got what the client sent")
	assert.False(t, r.Record.Holds([]byte(canary)))
	assert.Equal(t, "first "+strings.Repeat("*", 20)+"\nlast "+strings.Repeat("*", 20), string(r.Record.Operation(t, "md5sum").Input))
	masked := 0
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindInput && e.Part != nil {
			masked += e.Part.Masked
		}
	}
	assert.Equal(t, 2, masked)
}

func TestSecretsInCommands(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}})
	got := r.ssh("test " + canary + " = " + canary[:10] + canary[10:] + " && echo same")
	assert.Equal(t, "same\n", got.stdout, got.stderr)
	assert.False(t, r.Record.Holds([]byte(canary)))
}

// Secrets in what is asked for stand in no part of its head.
func TestSecretsInHeads(t *testing.T) {
	r := start(t, options{masks: []mask.Rule{mask.Secrets()}, config: func(c *ssh.Config) { c.Env = []string{"*"} }})
	c := r.client()
	dir := t.TempDir()
	for _, command := range []string{
		"touch " + filepath.Join(dir, canary), "curl -u a:" + canary + " https://127.0.0.1:1/" + canary, canary + " x", "echo ( " + canary, "cat <" + dir + "/" + canary,
		"ssh " + canary + "@127.0.0.1 -p 1", "bash -c 'cat " + canary + "'",
	} {
		s, err := c.NewSession()
		require.NoError(t, err)
		require.NoError(t, s.Setenv("A-"+canary, canary))
		_ = s.Run(command)
		assert.False(t, r.Record.Holds([]byte(canary)), command)
	}
	_, err := os.Stat(filepath.Join(dir, canary))
	assert.NoError(t, err, "the target got what the client sent")
	_ = c.Conn.Close()
}
