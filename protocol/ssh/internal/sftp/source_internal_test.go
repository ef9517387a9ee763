package sftp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// pieces reads as a network does: cut anywhere.
type pieces [][]byte

func (p *pieces) Read(b []byte) (int, error) {
	for len(*p) > 0 && len((*p)[0]) == 0 {
		*p = (*p)[1:]
	}
	if len(*p) == 0 {
		return 0, io.EOF
	}
	n := copy(b, (*p)[0])
	(*p)[0] = (*p)[0][n:]
	return n, nil
}

// all reads a source to its end and checks that each batch is whole packets.
func all(t *testing.T, s *source) ([]byte, error) {
	t.Helper()
	got := []byte{}
	for {
		b, err := s.next()
		if err != nil {
			return got, err
		}
		whole, _, err := cut(b)
		require.NoError(t, err)
		require.Equal(t, len(b), whole)
		got = append(got, b...)
		s.done(b)
	}
}

func sourceOf(t *testing.T, r io.Reader) *source {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	s := newSource(ctx, r, func() {})
	s.start()
	return s
}

func stream() []byte {
	var b []byte
	for i := range uint32(5) {
		b = wire.AppendStatus(b, i, wire.Failure, "words")
		b = wire.AppendResponse(b, &wire.Response{Kind: wire.Data, ID: i, Data: bytes.Repeat([]byte("data"), int(i))})
	}
	return b
}

func TestSourceCutAnywhere(t *testing.T) {
	want := stream()
	for i := range len(want) + 1 {
		got, err := all(t, sourceOf(t, &pieces{bytes.Clone(want[:i]), bytes.Clone(want[i:])}))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, want, got, "cut at %d", i)
		got, err = all(t, sourceOf(t, bytes.NewReader(want[:i])))
		whole, _, _ := cut(want[:i])
		require.Equal(t, want[:whole], got, "ended at %d", i)
		if whole == i {
			require.ErrorIs(t, err, io.EOF)
		} else {
			require.ErrorIs(t, err, errTorn)
		}
	}
	for _, r := range []io.Reader{iotest.OneByteReader(bytes.NewReader(want)), iotest.DataErrReader(bytes.NewReader(want)), iotest.HalfReader(bytes.NewReader(want))} {
		got, err := all(t, sourceOf(t, r))
		require.ErrorIs(t, err, io.EOF)
		require.Equal(t, want, got)
	}
}

func TestSourceTakesTheLargest(t *testing.T) {
	var want []byte
	for i := range uint32(9) {
		want = wire.AppendResponse(want, &wire.Response{Kind: wire.Data, ID: i, Data: make([]byte, wire.MaxPacket-9-int(i)*30000)})
	}
	got, err := all(t, sourceOf(t, iotest.HalfReader(bytes.NewReader(want))))
	require.ErrorIs(t, err, io.EOF)
	require.True(t, bytes.Equal(want, got))
}

func TestSourceEnds(t *testing.T) {
	lies := append(stream(), 0xff, 0, 0, 0)
	got, err := all(t, sourceOf(t, bytes.NewReader(lies)))
	require.ErrorIs(t, err, wire.ErrTooLong)
	assert.Equal(t, stream(), got, "what was before it counts")

	boom := errors.New("boom")
	_, err = all(t, sourceOf(t, iotest.ErrReader(boom)))
	require.ErrorIs(t, err, boom)

	_, err = all(t, sourceOf(t, silent{}))
	require.ErrorIs(t, err, io.ErrNoProgress)
}

type silent struct{}

func (silent) Read([]byte) (int, error) { return 0, nil }

// The end of a stream shows while what came before it still waits.
func TestSourceEndShowsEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := false
		s := newSource(t.Context(), &pieces{stream(), stream()}, func() { ended = true })
		s.start()
		b, err := s.next()
		require.NoError(t, err)
		synctest.Wait()
		assert.True(t, ended)
		s.done(b)
		_, err = all(t, s)
		require.ErrorIs(t, err, io.EOF)
	})
}
