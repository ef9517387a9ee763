package recorder

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

func TestHeadsGoOverManyFiles(t *testing.T) {
	dir := tempDir(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, treeDir), 0o700))
	fsys := quickFS{}
	l, err := openHeads(dir, fsys, Checkpoint{})
	require.NoError(t, err)
	var whole frontier
	for n := 0; n < headsPerFile+100; {
		var list []head
		for range 20_011 {
			h := head{session: fmt.Sprint("s", n%1000), size: uint64(n), closed: n%7 == 0}
			list = append(list, h)
			whole.add(tlog.RecordHash(h.appendLine(nil)))
			n++
		}
		require.NoError(t, l.add(list))
	}
	require.Equal(t, whole.root(), l.tree.root())
	if l.f != nil {
		require.NoError(t, l.f.Close())
	}
	last := Checkpoint{Size: whole.size, Root: whole.root()}
	roots := filepath.Join(dir, treeDir, rootsName)
	good, err := os.ReadFile(roots)
	require.NoError(t, err)
	require.Len(t, good, tlog.HashSize)
	for name, content := range map[string][]byte{"good": good, "half": good[:9], "wrong": make([]byte, 32)} {
		require.NoError(t, os.WriteFile(roots, content, 0o600))
		l, err := openHeads(dir, fsys, last)
		require.NoError(t, err, name)
		require.Equal(t, whole, l.tree, name)
	}
	require.NoError(t, os.WriteFile(roots, good[:9], 0o600))
	require.NoError(t, (&headLog{dir: dir, fs: fsys, tree: whole}).addRoot())
	mended, err := os.ReadFile(roots)
	require.NoError(t, err)
	require.Equal(t, good, mended)

	// A line that was not finished is cut; one that was signed is not.
	tail := headsName(dir, 1)
	f, err := os.OpenFile(tail, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString("12 AAAA")
	require.NoError(t, err)
	require.NoError(t, f.Close())
	l, err = openHeads(dir, fsys, last)
	require.NoError(t, err)
	require.Equal(t, whole, l.tree)
	info, err := os.Stat(tail)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(tail, info.Size()-3))
	_, err = openHeads(dir, fsys, last)
	require.ErrorIs(t, err, ErrDamaged)
}
