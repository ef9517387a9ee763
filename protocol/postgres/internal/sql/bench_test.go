package sql

import (
	"strconv"
	"testing"
)

const benchText = "SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.city = 'x' AND o.total > 10 GROUP BY 1 ORDER BY 2"

func BenchmarkExactHit(b *testing.B) {
	p := shared()
	text := "SELECT abalance FROM pgbench_accounts WHERE aid = $1"
	p.Parse(b.Context(), text)
	b.ReportAllocs()
	for b.Loop() {
		p.Parse(b.Context(), text)
	}
}

func BenchmarkFormHit(b *testing.B) {
	p := shared()
	texts := make([]string, 1024)
	for i := range texts {
		texts[i] = "SELECT abalance FROM pgbench_accounts WHERE aid = " + strconv.Itoa(i) + ";"
	}
	p.Parse(b.Context(), texts[0])
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Parse(b.Context(), texts[i%len(texts)])
	}
}

func BenchmarkMiss(b *testing.B) {
	p := New(Options{CacheEntries: -1})
	if err := p.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		p.Parse(b.Context(), benchText)
	}
}

func BenchmarkExpose(b *testing.B) {
	s := parse(b, benchText)
	b.ReportAllocs()
	for b.Loop() {
		s.Expose(evasionGuard)
	}
}

func TestHitsDoNotAllocate(t *testing.T) {
	p := shared()
	exact, form := "SELECT a FROM t WHERE b = $1", "SELECT a FROM t WHERE b = 'x' AND c = 5"
	p.Parse(t.Context(), exact)
	p.Parse(t.Context(), form)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { p.Parse(ctx, exact) }); n != 0 {
		t.Errorf("an exact hit allocates %v times", n)
	}
	if raceEnabled {
		return // sync.Pool forgets on purpose under the race detector
	}
	if n := testing.AllocsPerRun(100, func() { p.Parse(ctx, form[:len(form)-1]+"7") }); n > 1 {
		t.Errorf("a hit by form allocates %v times", n) // one is this test's own text
	}
}
