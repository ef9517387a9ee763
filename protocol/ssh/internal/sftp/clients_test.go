package sftp_test

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// batch runs OpenSSH's sftp with commands and returns what it said.
func (r *rig) batch(dir string, commands ...string) (string, error) {
	r.t.Helper()
	self, err := os.Executable()
	require.NoError(r.t, err)
	cmd := exec.Command("sftp", "-b", "-", "-D", self)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), pipeTo+"="+r.Addr(), pipeToken+"="+r.mint.Token("agent"))
	cmd.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestOpenSSHClient(t *testing.T) {
	rules := append(allowAll(), approve.Rule{Name: "no-keys", Objects: []string{"path:*/.ssh/*"}, Verdict: protocol.Deny})
	r := start(t, setup{rules: rules})
	here := t.TempDir()
	content := make([]byte, 2<<20+5)
	_, _ = rand.Read(content)
	sum := fmt.Sprintf("%x", sha256.Sum256(content))
	require.NoError(t, os.WriteFile(filepath.Join(here, "big"), content, 0o640))
	require.NoError(t, os.MkdirAll(filepath.Join(here, "tree", "sub"), 0o755))
	for i := range 20 {
		require.NoError(t, os.WriteFile(filepath.Join(here, "tree", "sub", fmt.Sprint(i)), []byte{byte(i)}, 0o600))
	}
	require.NoError(t, os.Mkdir(filepath.Join(r.root, ".ssh"), 0o700))

	out, err := r.batch(here,
		"put -p big", "get big back", "put -r tree", "get -r tree copy", "ls -l tree/sub", "rename big bigger",
		"ln -s bigger soft", "ln bigger hard", "chmod 600 bigger", "df .", "mkdir d", "rmdir d", "rm hard", "cp bigger bigger2",
	)
	require.NoError(t, err, out)
	back, err := os.ReadFile(filepath.Join(here, "back"))
	require.NoError(t, err)
	require.Equal(t, sum, fmt.Sprintf("%x", sha256.Sum256(back)))
	list, err := os.ReadDir(filepath.Join(here, "copy", "sub"))
	require.NoError(t, err)
	require.Len(t, list, 20)
	require.NoError(t, r.ended())

	out, err = r.batch(here, "put big .ssh/authorized_keys")
	require.Error(t, err)
	assert.Contains(t, strings.ToLower(out), "permission denied")
	require.NoError(t, r.ended())

	verbs := map[string]int{}
	whole := 0
	for _, op := range r.Record.Operations() {
		verbs[op.Verb]++
		require.NotNil(t, op.Outcome, op.Text)
		if strings.HasPrefix(op.Outcome.Text, "sha256:"+sum) {
			whole++
		}
	}
	assert.GreaterOrEqual(t, whole, 2, "up and down, in the order of the file")
	for _, v := range []string{"sftp.read", "sftp.write", "sftp.list", "sftp.mkdir", "sftp.rename", "sftp.symlink", "sftp.hardlink", "sftp.setstat", "sftp.remove", "sftp.rmdir", "sftp.statvfs"} {
		assert.NotZero(t, verbs[v], v)
	}
}

// Clients that send many requests at once get along too, and the digest is of
// the file's order.
func TestConcurrentClient(t *testing.T) {
	r := start(t, setup{})
	c := r.client(client.UseConcurrentWrites(true), client.MaxConcurrentRequestsPerFile(64))
	content := make([]byte, 4<<20)
	_, _ = rand.Read(content)
	f, err := c.OpenFile("f", os.O_WRONLY|os.O_CREATE)
	require.NoError(t, err)
	n, err := f.ReadFromWithConcurrency(strings.NewReader(string(content)), 64)
	require.NoError(t, err)
	require.EqualValues(t, len(content), n)
	require.NoError(t, f.Close())
	stored, err := os.ReadFile(filepath.Join(r.root, "f"))
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(content), sha256.Sum256(stored))
	op := r.Record.Operation(t, "open f")
	assert.Equal(t, fmt.Sprintf("sha256:%x %d bytes written, contiguous from 0", sha256.Sum256(content), len(content)), op.Outcome.Text)
}

// Wherever the client's bytes are cut on the way, the same comes of them.
func TestCutAnywhere(t *testing.T) {
	r := start(t, setup{rules: denySecrets()})
	require.NoError(t, os.Symlink("there", filepath.Join(r.root, "link")))
	all := wire.AppendHello(nil, &wire.Hello{Kind: wire.Init, Version: 3})
	for i, q := range []wire.Request{
		{Kind: wire.Realpath, Path: []byte(".")},
		{Kind: wire.Readlink, Path: []byte("link")},
		{Kind: wire.Open, Path: []byte("secret"), Flags: wire.FlagRead},
		{Kind: wire.Stat, Path: []byte("nothing")},
		{Kind: wire.Extended, Extension: []byte("new")},
		{Kind: wire.Write, Handle: []byte("none"), Data: []byte("data")},
	} {
		q.ID = uint32(i)
		all = wire.AppendRequest(all, &q)
	}
	answers := func(cuts ...int) map[uint32]string {
		c := &raw{t: t, Conn: r.connect()}
		from := 0
		for _, to := range append(cuts, len(all)) {
			c.send(all[from:to])
			from = to
		}
		require.NoError(t, wire.DecodeHello(c.hear(), &c.reply))
		got := map[uint32]string{}
		for range 6 {
			a := c.response()
			words, _, _ := strings.Cut(string(a.Message), "(") // denials name their operation
			var e wire.Entry
			a.Entries.Next(&e)
			got[a.ID] = fmt.Sprint(a.Kind, a.Code, words, string(e.Name))
		}
		require.NoError(t, c.Close())
		return got
	}
	want := answers()
	for id, a := range want {
		want[id] = strings.Split(a, "test-")[0]
	}
	step := 7
	if os.Getenv("SALLYPORT_SOAK") == "1" {
		step = 1
	}
	for i := 0; i < len(all); i += step {
		for id, a := range answers(i) {
			require.Equal(t, want[id], strings.Split(a, "test-")[0], "cut at %d", i)
		}
	}
	var each []int
	for i := range all {
		each = append(each, i)
	}
	for id, a := range answers(each...) {
		require.Equal(t, want[id], strings.Split(a, "test-")[0])
	}
}
