package recorder

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"
)

// The frontier is the tree of RFC 6962 as tlog has it, at every size.
func TestFrontierEqualsTlog(t *testing.T) {
	var f frontier
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var list []tlog.Hash
		for _, i := range indexes {
			list = append(list, stored[i])
		}
		return list, nil
	})
	empty, err := tlog.TreeHash(0, read)
	require.NoError(t, err)
	require.Equal(t, empty, f.root())
	for n := range int64(1200) {
		data := make([]byte, rand.IntN(100))
		for i := range data {
			data[i] = byte(rand.IntN(256))
		}
		hashes, err := tlog.StoredHashes(n, data, read)
		require.NoError(t, err)
		stored = append(stored, hashes...)

		buffer := append([]byte{7}, data...)
		leaf := leafHash(buffer)
		require.Equal(t, tlog.RecordHash(data), leaf)
		require.Equal(t, byte(7), buffer[0])
		f.add(leaf)
		want, err := tlog.TreeHash(n+1, read)
		require.NoError(t, err)
		require.Equal(t, want, f.root())
		require.True(t, f.valid())
	}
}
