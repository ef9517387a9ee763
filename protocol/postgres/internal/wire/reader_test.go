package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// message makes a message of n bytes in all.
func message(typ byte, n int) []byte {
	m := binary.BigEndian.AppendUint32([]byte{typ}, uint32(n-1))
	for i := len(m); i < n; i++ {
		m = append(m, byte(i))
	}
	return m
}

type got struct {
	Type  byte
	Whole bool
	Total int
	Raw   []byte
}

// collect reads everything and puts pieces of one message together, checking
// that they follow one another.
func collect(t testing.TB, r *wire.Reader) ([]got, error) {
	var all []got
	open := false
	check := func(ok bool, what string) { // called too often for testify
		if !ok {
			t.Helper()
			t.Fatal(what)
		}
	}
	for {
		for {
			p, ok, err := r.Next()
			if err != nil {
				return all, err
			}
			if !ok {
				break
			}
			check(open != p.First(), "a message starts inside another, or goes on before it started")
			if p.First() {
				check(len(p.Raw) >= wire.HeaderSize, "the header is cut")
				all = append(all, got{p.Type, p.Whole(), p.Total, bytes.Clone(p.Raw)})
			} else {
				last := &all[len(all)-1]
				check(len(p.Raw) > 0, "an empty piece")
				check(p.Offset == len(last.Raw) && p.Type == last.Type && p.Total == last.Total, "pieces of different messages")
				check(!p.Whole(), "a piece calls itself whole")
				last.Raw = append(last.Raw, p.Raw...)
			}
			open = !p.Last()
			if p.Whole() {
				check(p.Last() && bytes.Equal(p.Raw[5:], p.Body()), "a whole message has another body")
			} else {
				check(p.Body() == nil, "a piece has a body")
			}
		}
		if err := r.Fill(); err == io.EOF {
			check(!open, "the end inside a message")
			return all, nil
		} else if err != nil {
			return all, err
		}
	}
}

func bound(typ byte) int {
	switch typ {
	case 'Q':
		return 3000
	case 'd':
		return 0
	}
	return 600
}

// stream holds messages of every kind of fate: tiny, whole, at the bound, over
// it by one, streamed, and larger than the buffer.
func stream() []byte {
	var s []byte
	for _, m := range []struct {
		typ byte
		n   int
	}{{'S', 5}, {'D', 20}, {'D', 600}, {'D', 601}, {'Q', 2999}, {'Q', 3001}, {'d', 5}, {'d', 1700}, {'Z', 6}, {'Q', 6}} {
		s = append(s, message(m.typ, m.n)...)
	}
	return s
}

func newReader(src io.Reader) *wire.Reader {
	r := wire.NewReader(src, 512)
	r.Whole(bound)
	return r
}

func TestReaderCutAtEachByte(t *testing.T) {
	s := stream()
	want, err := collect(t, newReader(bytes.NewReader(s)))
	require.NoError(t, err)
	require.Len(t, want, 10)
	var whole []bool
	var joined []byte
	for _, m := range want {
		whole = append(whole, m.Whole)
		joined = append(joined, m.Raw...)
	}
	assert.Equal(t, []bool{true, true, true, false, true, false, false, false, true, true}, whole)
	assert.Equal(t, s, joined)

	for cut := range s {
		have, err := collect(t, newReader(io.MultiReader(bytes.NewReader(s[:cut]), bytes.NewReader(s[cut:]))))
		require.NoError(t, err)
		require.Equal(t, want, have, "cut at %d", cut)
	}
	have, err := collect(t, newReader(iotest.OneByteReader(bytes.NewReader(s))))
	require.NoError(t, err)
	assert.Equal(t, want, have)
	have, err = collect(t, newReader(iotest.DataErrReader(bytes.NewReader(s))))
	require.NoError(t, err)
	assert.Equal(t, want, have)
}

func TestReaderEndInsideMessage(t *testing.T) {
	s := stream()
	edges := map[int]bool{0: true}
	all, _ := collect(t, newReader(bytes.NewReader(s)))
	for at, i := 0, 0; i < len(all); i++ {
		at += all[i].Total
		edges[at] = true
	}
	for cut := range len(s) + 1 {
		_, err := collect(t, newReader(bytes.NewReader(s[:cut])))
		if edges[cut] {
			require.NoError(t, err, "cut at %d", cut)
		} else {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "cut at %d", cut)
		}
	}
}

func TestReaderRefusesLengths(t *testing.T) {
	for name, head := range map[string][]byte{
		"zero":      {'Q', 0, 0, 0, 0},
		"three":     {'Q', 0, 0, 0, 3},
		"negative":  {'Q', 0xff, 0xff, 0xff, 0xff},
		"over":      {'Q', 0, 1, 0, 0},
		"text":      []byte("GET / HTTP/1.1\r\n\r\n"),
		"over by 1": binary.BigEndian.AppendUint32([]byte{'D'}, 64<<10),
	} {
		r := wire.NewReader(bytes.NewReader(head), 0)
		r.Limit(64 << 10)
		_, err := collect(t, r)
		var format *wire.FormatError
		require.ErrorAs(t, err, &format, name)
		_, _, again := r.Next()
		require.Equal(t, err, again, name)
	}
	r := wire.NewReader(bytes.NewReader(message('D', 64<<10)), 0)
	r.Limit(64 << 10)
	_, err := collect(t, r)
	require.NoError(t, err)
}

// A length field alone must not cost memory, and a large message gives its
// memory back.
func TestReaderMemory(t *testing.T) {
	r := wire.NewReader(bytes.NewReader([]byte{'Q', 0x3f, 0, 0, 0, 1}), 0)
	r.Whole(func(byte) int { return 1 << 30 })
	require.NoError(t, r.Fill())
	_, ok, err := r.Next()
	require.NoError(t, err)
	require.False(t, ok)
	require.ErrorIs(t, r.Fill(), io.ErrUnexpectedEOF)
	assert.Equal(t, 32<<10, wire.BufferSize(r), "a length field cost memory")

	big := message('Q', 1<<20)
	src := bytes.NewReader(append(append(big, message('S', 5)...), message('S', 5)...))
	r = wire.NewReader(src, 4<<10)
	r.Whole(func(byte) int { return 2 << 20 })
	all, err := collect(t, r)
	require.NoError(t, err)
	require.Len(t, all, 3)
	assert.True(t, all[0].Whole)
	assert.Equal(t, 4<<10, wire.BufferSize(r), "the buffer stayed large")
}

func TestReaderFull(t *testing.T) {
	r := wire.NewReader(bytes.NewReader(bytes.Repeat(message('S', 5), 200)), 512)
	require.NoError(t, r.Fill())
	require.ErrorIs(t, r.Fill(), wire.ErrFull)
	assert.Equal(t, 512, r.Buffered())
	all, err := collect(t, r)
	require.NoError(t, err)
	assert.Len(t, all, 200, "nothing is lost")
}

func TestReaderRest(t *testing.T) {
	r := wire.NewReader(bytes.NewReader([]byte("S\x00\x00\x00\x04rest")), 0)
	require.NoError(t, r.Fill())
	_, ok, err := r.Next()
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, 4, r.Buffered())
	assert.Equal(t, []byte("rest"), r.Rest())
	assert.Zero(t, r.Buffered())
	assert.Nil(t, r.Rest())
}

func TestReaderPassingError(t *testing.T) {
	r := wire.NewReader(iotest.TimeoutReader(bytes.NewReader(message('Q', 100))), 512)
	require.NoError(t, r.Fill())
	require.ErrorIs(t, r.Fill(), iotest.ErrTimeout)
	require.ErrorIs(t, r.Fill(), io.ErrUnexpectedEOF)

	r = wire.NewReader(readerFunc(func([]byte) (int, error) { return 0, nil }), 512)
	var err error
	for range 1000 {
		if err = r.Fill(); err != nil {
			break
		}
	}
	assert.ErrorIs(t, err, io.ErrNoProgress)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestJoin(t *testing.T) {
	s := append(append(message('D', 50), message('D', 60)...), message('Z', 6)...)
	r := wire.NewReader(bytes.NewReader(s), 0)
	require.NoError(t, r.Fill())
	var run []byte
	for {
		p, more, err := r.Next()
		require.NoError(t, err)
		if !more {
			break
		}
		var ok bool
		run, ok = wire.Join(run, p.Raw)
		require.True(t, ok)
	}
	assert.Equal(t, s, run)

	same, ok := wire.Join(run, []byte("elsewhere"))
	assert.False(t, ok)
	assert.Equal(t, s, same)
	_, ok = wire.Join(run[:50], run[60:70])
	assert.False(t, ok, "a gap between them")
	same, ok = wire.Join(run[:50], nil)
	assert.True(t, ok)
	assert.Len(t, same, 50)
}

// Taking rows by runs gives the same bytes as taking them one by one.
func TestRun(t *testing.T) {
	s := stream()
	for cut := range s {
		r := newReader(io.MultiReader(bytes.NewReader(s[:cut]), bytes.NewReader(s[cut:])))
		var all []byte
		rows, others := 0, 0
		for {
			err := r.Fill()
			for more := true; more; {
				raw, n := r.Run('D')
				all = append(all, raw...)
				rows += n
				p, ok, err := r.Next()
				if err != nil {
					t.Fatal(err)
				}
				if more = ok; ok && p.First() {
					others++
				}
				all = append(all, p.Raw...)
			}
			if err == io.EOF {
				break
			}
			require.NoError(t, err)
		}
		require.Equal(t, s, all, "cut at %d", cut)
		require.Equal(t, 2, rows, "the third is too large to be assembled")
		require.Equal(t, 8, others)
	}

	r := wire.NewReader(bytes.NewReader([]byte{'D', 0, 0, 0, 4, 'D', 0, 0, 0, 3, 'D'}), 0)
	require.NoError(t, r.Fill())
	raw, n := r.Run('D')
	assert.Equal(t, 1, n)
	assert.Len(t, raw, 5)
	_, n = r.Run('D')
	assert.Zero(t, n)
	_, _, err := r.Next()
	var format *wire.FormatError
	assert.ErrorAs(t, err, &format)
}

func FuzzReader(f *testing.F) {
	f.Add(stream(), 7)
	f.Add([]byte{'Q', 0, 0, 0, 3}, 1)
	f.Add([]byte{'d', 0, 0, 0xff, 0xff, 1, 2, 3}, 3)
	f.Fuzz(func(t *testing.T, s []byte, cut int) {
		read := func(src io.Reader) ([]got, error) {
			r := newReader(src)
			r.Limit(100 << 10)
			return collect(t, r)
		}
		want, wantErr := read(bytes.NewReader(s))
		cut = min(max(cut, 0), len(s))
		have, haveErr := read(io.MultiReader(bytes.NewReader(s[:cut]), iotest.OneByteReader(bytes.NewReader(s[cut:]))))
		require.Equal(t, want, have)
		require.Equal(t, errors.Is(wantErr, io.ErrUnexpectedEOF), errors.Is(haveErr, io.ErrUnexpectedEOF))
		require.Equal(t, wantErr == nil, haveErr == nil)
	})
}
