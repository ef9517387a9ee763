package wire_test

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// endless repeats a stream without an end.
type endless struct {
	data []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.data[e.at:])
	if e.at += n; e.at == len(e.data) {
		e.at = 0
	}
	return n, nil
}

func rows(values ...[]byte) []byte {
	return bytes.Repeat(wire.AppendDataRow(nil, values), 1000)
}

// relay carries one read batch over, joined into runs.
func relay(r *wire.Reader, w io.Writer, each func(wire.Piece)) (int, error) {
	if err := r.Fill(); err != nil {
		return 0, err
	}
	var run []byte
	written := 0
	for {
		p, ok, err := r.Next()
		if err != nil {
			return written, err
		}
		if !ok {
			break
		}
		each(p)
		joined, ok := wire.Join(run, p.Raw)
		if !ok {
			n, err := w.Write(run)
			if err != nil {
				return written, err
			}
			written += n
			joined = p.Raw
		}
		run = joined
	}
	n, err := w.Write(run)
	return written + n, err
}

func TestHotPathAllocatesNothing(t *testing.T) {
	data := rows([]byte("12345"), nil, []byte("a name of someone"))
	fields := func(p wire.Piece) {
		row, err := wire.ParseDataRow(p.Body())
		for _, ok := row.Next(); ok; _, ok = row.Next() {
		}
		if err != nil || row.Err() != nil {
			panic("a row does not parse")
		}
	}
	r := wire.NewReader(&endless{data: data}, 0)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, _ = relay(r, io.Discard, fields) }))

	bind := wire.AppendBind(nil, "", "s", 0, [][]byte{[]byte("1"), nil}, 0)[5:]
	execute := wire.AppendExecute(nil, "", 0)[5:]
	columns := wire.AppendRowDescription(nil, []wire.Column{{Name: []byte("a")}, {Name: []byte("b")}})[5:]
	var list []wire.Column
	out := make([]byte, 0, 1024)
	row := [][]byte{[]byte("x"), nil}
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, err := wire.ParseBind(bind)
		_, err2 := wire.ParseExecute(execute)
		list, _ = wire.ParseRowDescription(list[:0], columns)
		out = wire.AppendDataRow(out[:0], row)
		if err != nil || err2 != nil {
			panic("a message does not parse")
		}
	}))
	require.Len(t, list, 2)
}

// The relay hands a batch over in a single write.
func TestRelayWritesOnce(t *testing.T) {
	data := rows([]byte("1"))
	r := wire.NewReader(bytes.NewReader(data), len(data))
	writes := 0
	var out bytes.Buffer
	_, err := relay(r, writerFunc(func(p []byte) (int, error) { writes++; return out.Write(p) }), func(wire.Piece) {})
	require.NoError(t, err)
	assert.Equal(t, 1, writes)
	assert.Equal(t, data, out.Bytes())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func BenchmarkRelay(b *testing.B) {
	for name, c := range map[string]struct {
		data []byte
		each func(wire.Piece)
	}{
		"rows of 40 bytes":          {rows([]byte("12345"), []byte("a name of someone")), func(wire.Piece) {}},
		"rows of 1 KB":              {rows(make([]byte, 1000)), func(wire.Piece) {}},
		"rows of 40 bytes, decoded": {rows([]byte("12345"), []byte("a name of someone")), decode},
		"CopyData of 64 KB":         {bytes.Repeat(message('d', 64<<10), 10), func(wire.Piece) {}},
	} {
		b.Run(name, func(b *testing.B) {
			r := wire.NewReader(&endless{data: c.data}, 0)
			b.ReportAllocs()
			total := 0
			for b.Loop() {
				n, err := relay(r, io.Discard, c.each)
				if err != nil {
					b.Fatal(err)
				}
				total += n
			}
			b.SetBytes(int64(total / b.N))
		})
	}
}

func BenchmarkRun(b *testing.B) {
	r := wire.NewReader(&endless{data: rows([]byte("12345"), []byte("a name of someone"))}, 0)
	b.ReportAllocs()
	total := 0
	for b.Loop() {
		if err := r.Fill(); err != nil {
			b.Fatal(err)
		}
		raw, _ := r.Run(wire.TypeDataRow)
		total += len(raw)
	}
	b.SetBytes(int64(total / b.N))
}

func decode(p wire.Piece) {
	row, _ := wire.ParseDataRow(p.Body())
	for _, ok := row.Next(); ok; _, ok = row.Next() {
	}
}
