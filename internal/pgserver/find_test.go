//go:build unix

package pgserver

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// install makes a directory that looks as if PostgreSQL were in it.
func install(t *testing.T, dir string, programs ...string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for _, name := range programs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o700))
	}
	return dir
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	nine := install(t, filepath.Join(root, "9", "bin"), "initdb", "postgres")
	sixteen := install(t, filepath.Join(root, "16", "bin"), "initdb", "postgres")
	install(t, filepath.Join(root, "17", "bin"), "initdb") // client only
	pattern := filepath.Join(root, "*", "bin")

	got, err := find("", pattern)
	require.NoError(t, err)
	require.Equal(t, sixteen, got, "the newest that is whole, by number")

	got, err = find("relative:"+nine, pattern)
	require.NoError(t, err)
	require.Equal(t, nine, got, "PATH first")

	linked := filepath.Join(root, "linked")
	require.NoError(t, os.Mkdir(linked, 0o700))
	for _, name := range []string{"initdb", "postgres"} {
		require.NoError(t, os.Symlink(filepath.Join(nine, name), filepath.Join(linked, name)))
	}
	got, err = find(linked)
	require.NoError(t, err)
	require.Equal(t, nine, got, "a link leads to the other programs")

	_, err = find("", filepath.Join(root, "nothing*"))
	require.ErrorIs(t, err, ErrNotInstalled)
	require.NotContains(t, err.Error(), "\n")
	require.Contains(t, err.Error(), "apt-get install postgresql")
}
