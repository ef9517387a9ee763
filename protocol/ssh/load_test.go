package ssh_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func soak() bool { return os.Getenv("SALLYPORT_SOAK") == "1" }

func TestParallelExecs(t *testing.T) {
	r := start(t, options{})
	var all sync.WaitGroup
	for range 10 {
		c := r.client()
		for range 20 {
			all.Go(func() {
				s, err := c.NewSession()
				if !assert.NoError(t, err) {
					return
				}
				defer s.Close()
				var out, errs bytes.Buffer
				s.Stdout, s.Stderr = &out, &errs
				assert.NoError(t, s.Run("echo out; echo err >&2"))
				assert.Equal(t, "out\n", out.String())
				assert.Equal(t, "err\n", errs.String())
			})
		}
	}
	all.Wait()
	ops := r.Record.Operations()
	assert.Len(t, ops, 200)
	for _, op := range ops {
		assert.Equal(t, &protocol.Outcome{Result: protocol.OK, Code: "0"}, op.Outcome)
	}
}

// A large file arrives as it is, both ways, and takes no memory: 64 MiB, up by
// SFTP and down by the old scp; or with SALLYPORT_SOAK=1 1 GiB both ways by both.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	size, ways := int64(64<<20), [][2]string{{"-s", "-O"}}
	if soak() {
		size, ways = 1<<30, [][2]string{{"-s", "-s"}, {"-O", "-O"}}
	}
	r := start(t, options{})
	r.Record.Thin()
	there := t.TempDir()
	f, err := os.Create(filepath.Join(r.dir, "up"))
	require.NoError(t, err)
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{7}), size)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	want := digestOfFile(t, f.Name())
	down, stored := filepath.Join(r.dir, "down"), filepath.Join(there, "f")
	for _, way := range ways {
		got := r.run("", "scp", "-q", way[0], "up", "gateway:"+stored)
		require.Zero(t, got.code, got.stderr)
		got = r.run("", "scp", "-q", way[1], "gateway:"+stored, "down")
		require.Zero(t, got.code, got.stderr)
		require.Equal(t, want, digestOfFile(t, stored))
		require.Equal(t, want, digestOfFile(t, down))
		require.NoError(t, os.Remove(down))
		require.NoError(t, os.Remove(stored))
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	assert.Less(t, m.HeapInuse, uint64(64<<20))
}

func digestOfFile(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	var sum hash.Hash = sha256.New()
	_, err = io.Copy(sum, f)
	require.NoError(t, err)
	return fmt.Sprintf("%x", sum.Sum(nil))
}
