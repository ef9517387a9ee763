package ssh

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// given is a reader that gives as much as is asked for, and then single bytes.
type given struct {
	bulk, single int
	asked        []int
}

func (g *given) Read(p []byte) (int, error) {
	g.asked = append(g.asked, len(p))
	switch {
	case g.bulk > 0:
		n := min(len(p), g.bulk)
		g.bulk -= n
		return n, nil
	case g.single > 0:
		g.single--
		return 1, nil
	}
	return 0, io.EOF
}

func TestPumpTakesWhatTheStreamNeeds(t *testing.T) {
	g := &given{bulk: 1 << 20, single: 200}
	n := 0
	require.NoError(t, pump(g, func(p []byte) error { n += len(p); return nil }))
	assert.Equal(t, 1<<20+200, n)
	assert.Equal(t, []int{smallBuffer, mediumBuffer, largeBuffer, largeBuffer}, g.asked[:4])
	assert.Equal(t, smallBuffer, g.asked[len(g.asked)-1], "it waits with little again")
	full := errors.New("full")
	require.ErrorIs(t, pump(&given{bulk: 10}, func([]byte) error { return full }), full)
}

// What is counted is what was forwarded.
func TestMovedCountsWhatArrived(t *testing.T) {
	d := newMoved("there")
	require.NoError(t, d.beside([]byte("hello "), func() error { return nil }))
	lost := errors.New("lost")
	require.ErrorIs(t, d.beside(bytes.Repeat([]byte("x"), 1<<16), func() error { return lost }), lost)
	require.NoError(t, d.beside([]byte("world"), func() error { return nil }))
	assert.Equal(t, "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9 11 bytes there", d.String())
	require.NoError(t, (*moved)(nil).beside(nil, func() error { return nil }))
}
