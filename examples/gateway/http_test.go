package main

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSockets(t *testing.T) {
	dir, err := os.MkdirTemp("", "gw") // paths of sockets must be short
	require.NoError(t, err)
	defer os.RemoveAll(dir)
	address := filepath.Join(dir, "s")

	left, err := net.Listen("unix", address)
	require.NoError(t, err)
	left.(*net.UnixListener).SetUnlinkOnClose(false)
	removeStale(address)
	assert.FileExists(t, address, "in use")
	require.NoError(t, left.Close())

	ln, err := listenHTTP(address)
	require.NoError(t, err, "what was left is not in the way")
	defer ln.Close()
	info, err := os.Stat(address)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = listenHTTP(address)
	require.Error(t, err, "in use")

	file := write(t, dir, "file", "")
	removeStale(file)
	assert.FileExists(t, file, "no socket")
}
