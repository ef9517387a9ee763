package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDigest(t *testing.T) {
	d, want := newDigest(), sha256.New()
	require.Equal(t, hex.EncodeToString(want.Sum(nil)), d.hex())
	var two [2][1000]byte
	for i := range 200 {
		piece := two[i%2][:rand.IntN(1000)]
		for j := range piece {
			piece[j] = byte(rand.Uint32())
		}
		want.Write(piece)
		d.add(piece)
	}
	require.Equal(t, hex.EncodeToString(want.Sum(nil)), d.hex())
	d.wait()
}
