package ssh_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// content is bytes that do not compress.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

func digestOf(b []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(b)) }

// Every way to move a file moves it unchanged, and the record has what moved.
func TestFilesMove(t *testing.T) {
	r := start(t, options{})
	there := t.TempDir()
	data := content(3<<20 + 17)
	r.write("up", string(data))
	for name, tc := range map[string]struct {
		program        string
		up, down       []string
		upVerb, dnVerb string
	}{
		"scp over SFTP": {"scp", []string{"-q", "-s", "up", "gateway:" + there + "/f"}, []string{"-q", "-s", "gateway:" + there + "/f", "down"}, "sftp", "sftp"},
		"old scp":       {"scp", []string{"-q", "-O", "up", "gateway:" + there + "/f"}, []string{"-q", "-O", "gateway:" + there + "/f", "down"}, "scp.upload", "scp.download"},
		"rsync":         {"rsync", []string{"-e", "ssh -F " + r.config, "up", "gateway:" + there + "/f"}, []string{"-e", "ssh -F " + r.config, "gateway:" + there + "/f", "down"}, "rsync.upload", "rsync.download"},
	} {
		t.Run(name, func(t *testing.T) {
			_ = os.Remove(filepath.Join(r.dir, "down"))
			_ = os.Remove(filepath.Join(there, "f"))
			got := r.run("", tc.program, tc.up...)
			require.Zero(t, got.code, got.stderr)
			stored, err := os.ReadFile(filepath.Join(there, "f"))
			require.NoError(t, err)
			require.Equal(t, digestOf(data), digestOf(stored))
			got = r.run("", tc.program, tc.down...)
			require.Zero(t, got.code, got.stderr)
			back, err := os.ReadFile(filepath.Join(r.dir, "down"))
			require.NoError(t, err)
			require.Equal(t, digestOf(data), digestOf(back))
		})
	}
	assert.False(t, r.Record.Holds(data[:1000]), "contents of files are not recorded")
}

func TestSFTPBatch(t *testing.T) {
	r := start(t, options{})
	there := t.TempDir()
	r.write("up", "hello")
	batch := fmt.Sprintf("cd %s\nmkdir d\nput up d/a\nrename d/a d/b\nchmod 600 d/b\nln -s b d/l\nls -l d\nget d/b got\nrm d/l\nrm d/b\nrmdir d\n", there)
	got := r.run(batch, "sftp", "-b", "-", "gateway")
	require.Zero(t, got.code, got.stderr)
	back, err := os.ReadFile(filepath.Join(r.dir, "got"))
	require.NoError(t, err)
	assert.Equal(t, "hello", string(back))
	verbs := map[string]bool{}
	for _, e := range r.Record.Events() {
		if e.Operation != nil {
			verbs[e.Operation.Verb] = true
		}
	}
	t.Log(verbs)
	_ = protocol.OK
}

func TestGit(t *testing.T) {
	r := start(t, options{})
	there := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		got := r.run("", "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"}, args...)...)
		require.Zero(t, got.code, got.stderr)
	}
	git("init", "-q", "--bare", there+"/repo.git")
	git("clone", "-q", "ssh://gateway"+there+"/repo.git", "work")
	r.write("work/file", "content")
	git("-C", "work", "add", "file")
	git("-C", "work", "commit", "-q", "-m", "first")
	git("-C", "work", "push", "-q", "origin", "HEAD")
	git("clone", "-q", "ssh://gateway"+there+"/repo.git", "again")
	back, err := os.ReadFile(filepath.Join(r.dir, "again", "file"))
	require.NoError(t, err)
	assert.Equal(t, "content", string(back))
}

func TestControlMaster(t *testing.T) {
	r := start(t, options{})
	socket := filepath.Join(r.dir, "cm")
	for i := range 5 {
		got := r.ssh("-o", "ControlMaster=auto", "-o", "ControlPath="+socket, "-o", "ControlPersist=20", fmt.Sprint("echo ", i))
		require.Equal(t, fmt.Sprintln(i), got.stdout, got.stderr)
	}
	assert.Len(t, r.Sessions(), 1, "five commands, one connection")
	r.ssh("-O", "exit", "-o", "ControlPath="+socket)
}
