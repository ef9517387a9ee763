package wire

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is in hand stays as it is while more is read, up to the buffer's size.
func TestFillAheadKeepsRaw(t *testing.T) {
	var stream, want []byte
	for i := range 400 {
		stream = AppendQuery(stream, string(bytes.Repeat([]byte{'a' + byte(i%26)}, i)))
	}
	r := NewReader(&trickle{stream, 100}, 512)
	r.Whole(func(byte) int { return 4096 })
	for i := 0; i < 400; {
		p, ok, err := r.Next()
		require.NoError(t, err)
		if !ok {
			require.NoError(t, r.Fill())
			continue
		}
		want = AppendQuery(want[:0], string(bytes.Repeat([]byte{'a' + byte(i%26)}, i)))
		ahead := 0
		for err == nil && i%7 == 0 {
			before := r.Buffered()
			err = r.FillAhead()
			ahead += r.Buffered() - before
		}
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			require.ErrorIs(t, err, ErrFull)
			assert.GreaterOrEqual(t, r.Buffered(), 512)
			assert.LessOrEqual(t, r.Buffered(), 4096+512)
		}
		require.Equal(t, want, p.Raw, "message %d, %d bytes ahead", i, ahead)
		i++
	}
}

// trickle gives n bytes at a time.
type trickle struct {
	b []byte
	n int
}

func (s *trickle) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.n)], s.b)
	s.b = s.b[n:]
	return n, nil
}
