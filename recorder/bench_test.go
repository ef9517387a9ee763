//go:build unix

package recorder

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/sallyport/sallyport/protocol"
)

// nullFile takes everything and keeps nothing, so that a benchmark shows what
// the journal itself costs.
type nullFile struct{ io.Closer }

func (nullFile) Write(b []byte) (int, error)            { return len(b), nil }
func (nullFile) WriteAt(b []byte, _ int64) (int, error) { return len(b), nil }
func (nullFile) ReadAt(b []byte, _ int64) (int, error)  { return 0, io.EOF }
func (nullFile) Sync() error                            { return nil }
func (nullFile) Truncate(int64) error                   { return nil }
func (nullFile) Allocate(int64) error                   { return nil }
func (nullFile) Size() (int64, error)                   { return 0, nil }
func (nullFile) Close() error                           { return nil }

func benchAppend(b *testing.B, opts Options, need Need, e *Event) {
	j := open(b, b.TempDir(), opts)
	if opts.SyncBytes == 0 {
		j.opts.SyncBytes = 1 << 40
	}
	if err := j.Append(context.Background(), Durable, opened("gw-0001-000042")); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		if err := j.Append(context.Background(), need, e); err != nil {
			b.Fatal(err)
		}
	}
}

// statement makes an event that takes about 600 bytes on disk.
func statement() *Event {
	e := operation("gw-0001-000042", 0, "SELECT id, name, email FROM customers WHERE region = $1 AND created > $2 ORDER BY id LIMIT 100")
	e.Operation.Params = []protocol.Param{{Name: "$1", Type: "text", Value: "EMEA"}, {Name: "$2", Type: "timestamptz", Value: "2026-01-01 00:00:00+00"}}
	e.Operation.Objects = []protocol.Object{{Kind: "table", Name: "public.customers", Effects: protocol.Read, Resolved: true}}
	e.OpKey = strings.Repeat("0f", 32)
	e.Decision.Policy = strings.Repeat("a1", 8)
	return e
}

func BenchmarkAppendWithoutDisk(b *testing.B) {
	benchAppend(b, Options{fs: swapFS{}, SegmentSize: defaultSegmentSize}, Taken, statement())
}

// swapFS is the disk for everything but segments.
type swapFS struct{ diskFS }

func (swapFS) Create(name string) (file, error) {
	if strings.HasSuffix(name, segmentSuffix) {
		return nullFile{}, nil
	}
	return diskFS{}.Create(name)
}

func BenchmarkAppendTaken(b *testing.B) {
	benchAppend(b, Options{fs: diskFS{}, SegmentSize: defaultSegmentSize}, Taken, statement())
}
func BenchmarkAppendDurable(b *testing.B) {
	benchAppend(b, Options{fs: diskFS{}, SegmentSize: defaultSegmentSize}, Durable, statement())
}

// BenchmarkAppendParallel shows group commit on the real disk, and what it
// costs in CPU time of the whole process.
func BenchmarkAppendParallel(b *testing.B) {
	for _, writers := range []int{8, 64} {
		b.Run(fmt.Sprint(writers), func(b *testing.B) { benchParallel(b, writers) })
	}
}

func benchParallel(b *testing.B, writers int) {
	j := open(b, b.TempDir(), Options{fs: diskFS{}, SegmentSize: defaultSegmentSize})
	var n atomic.Int64
	b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
	b.ReportAllocs()
	before := cpuTime()
	b.RunParallel(func(p *testing.PB) {
		id := fmt.Sprintf("gw-0001-%06d", n.Add(1))
		if err := j.Append(context.Background(), Durable, opened(id)); err != nil {
			b.Error(err)
		}
		e := statement()
		e.Session = id
		for p.Next() {
			if err := j.Append(context.Background(), Durable, e); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// BenchmarkRead reads a journal of 64 MiB in the ways there are; SetBytes is
// what is on disk.
func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	j := open(b, dir, Options{SegmentSize: 16 << 20})
	ctx := context.Background()
	for s := 0; j.appended < 64<<20; s++ {
		id := fmt.Sprintf("gw-0001-%06d", s)
		events := []*Event{opened(id)}
		for x := range protocol.ExchangeID(50) {
			op := statement()
			op.Session, op.Exchange = id, x+1
			events = append(events, op, output(id, x+1, strings.Repeat("row data ", 40)), ended(id, x+1))
		}
		for _, e := range append(events, closed(id)) {
			if err := j.Append(ctx, Taken, e); err != nil {
				b.Fatal(err)
			}
		}
	}
	size := j.appended
	if err := j.Close(); err != nil {
		b.Fatal(err)
	}
	r := read(b, dir)
	for name, run := range map[string]func(){
		"one session": func() {
			for range r.Events("gw-0001-000300") {
			}
		},
		"sessions": func() {
			for range r.Sessions(Filter{}) {
			}
		},
		"verify": func() {
			if report := verify(b, dir, VerifyOptions{}); !report.OK() {
				b.Error(report.Findings[0])
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				run()
			}
		})
	}
}
