package mask

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func everything(t testing.TB) *Set {
	return set(t, Secrets(), Personal(), Pattern("employee", `\bEMP-(\d{6})\b`), Pattern("plate", `\b[A-Z]{2}-\d{4}\b`), Pattern("word", `(?i)^top ?secret-\w+`))
}

// holds checks what Suspect and Redact promise of b and its part b[lo:hi].
func holds(t testing.TB, s *Set, b []byte, lo, hi int) {
	suspect := s.Suspect(b)
	part := bytes.Clone(b[lo:hi])
	n := s.Redact(part)
	if n > 0 && !suspect {
		require.Fail(t, "not suspected", "whole %q, part %q became %q", b, b[lo:hi], part)
	}
	require.Len(t, part, hi-lo)
	changed := 0
	for i := range part {
		if part[i] != b[lo+i] {
			require.Equal(t, byte('*'), part[i])
			changed++
		}
	}
	if n == 0 {
		require.Zero(t, changed)
	}
}

func FuzzRedact(f *testing.F) {
	s := everything(f)
	clean := strings.NewReplacer("«", "", "»", "")
	for _, list := range [][]string{secretSamples(), personalSamples(), cleanOfSecrets, cleanOfPersonal} {
		for _, sample := range list {
			text := clean.Replace(sample)
			f.Add([]byte(text), uint(0), uint(len(text)))
		}
	}
	f.Add([]byte("password=/*abc*/"), uint(0), uint(14))
	f.Add([]byte("94111 1111 1111 1111"), uint(1), uint(19))
	f.Fuzz(func(t *testing.T, b []byte, lo, hi uint) {
		n := uint(len(b)) + 1
		lo, hi = lo%n, hi%n
		holds(t, s, b, int(min(lo, hi)), int(max(lo, hi)))
	})
}

// Pieces of findings, in any order and cut anywhere.
func TestSuspectCoversEveryPart(t *testing.T) {
	rounds := 10_000
	if os.Getenv("SALLYPORT_SOAK") != "" {
		rounds = 3_000_000
	}
	s := everything(t)
	rnd := rand.New(rand.NewPCG(3, 4))
	pieces := []string{
		" ", "=", ":", "'", "\"", "\\", "/*", "*/", "--", "\n", "\x00\x00\x00", "$", "$$", "(", "@", ".", "-", "+", "\x00", "0", "5",
		"password", "secret", "token", "bearer ", "authorization", "identified by ", "identified with x as ", "://u:", "E'", "*", "**",
	}
	for _, list := range [][]string{secretSamples(), personalSamples(), cleanOfSecrets, cleanOfPersonal} {
		for _, sample := range list {
			pieces = append(pieces, strings.NewReplacer("«", "", "»", "").Replace(sample))
		}
	}
	for range rounds {
		var b []byte
		for range 1 + rnd.IntN(5) {
			p := pieces[rnd.IntN(len(pieces))]
			if len(p) > 3 && rnd.IntN(3) == 0 {
				p = p[rnd.IntN(len(p)):]
			}
			b = append(b, p...)
		}
		lo := rnd.IntN(len(b) + 1)
		holds(t, s, b, lo, lo+rnd.IntN(len(b)+1-lo))
	}
}

// Text made to be read over and over must not take much longer than other
// text of its length: under the race detector, quadratic work takes seconds here.
func TestHostileTextTakesLinearWork(t *testing.T) {
	s := everything(t)
	for _, unit := range []string{
		"password", "password=", "password='", "://", "://a:", "eyJ", "eyJ.", "-----BEGIN PRIVATE KEY", "token=", "token=1", "sk-", " sk-", "+1", "+1 ", "@", "a@", "a@b.",
		"1", "1 ", "A1 ", "DE89", "DE89 ", "123-45-", "/*", "password/*", "$", "$a$", "password $", "identified", "bearer ", "authorization:", "4111 1111 1111 1", "SG.", ".atlasv1.",
	} {
		// Eight times the text takes about eight times as long where work is
		// linear, and 64 times where it is not. The best of several tries is
		// what the machine's other work disturbs least.
		small, large := effort(s, unit, 4<<10), effort(s, unit, 32<<10)
		require.Less(t, float64(large)/float64(small), 32.0, "%q: %v for 4 KiB, %v for 32 KiB", unit, small, large)
	}
}

// effort returns the shortest of several times of work that a text of size
// bytes takes.
func effort(s *Set, unit string, size int) time.Duration {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	b := []byte(strings.Repeat(unit, size/len(unit)))
	best := time.Hour
	for range 7 {
		c := bytes.Clone(b)
		start := threadTime()
		s.Suspect(b)
		s.Redact(c)
		best = min(best, threadTime()-start)
	}
	return best
}

func rows(secret bool) []byte {
	var b bytes.Buffer
	rnd := rand.New(rand.NewPCG(5, 6))
	words := strings.Fields("the order was shipped to a customer in Berlin after payment had been received by our partner and confirmed with an invoice for several items of furniture")
	for i := 0; b.Len() < 1<<20; i++ {
		field := func(s string) { fmt.Fprintf(&b, "\x00\x00\x00%c%s", len(s), s) }
		b.WriteString("D\x00\x00\x00\x60\x00\x07")
		field(fmt.Sprint(100000 + i))
		field(fmt.Sprintf("2026-%02d-%02d 08:%02d:36.%06d+00", 1+rnd.IntN(12), 1+rnd.IntN(28), rnd.IntN(60), rnd.IntN(1e6)))
		field(fmt.Sprintf("%d.%02d", rnd.IntN(10000), rnd.IntN(100)))
		field([]string{"shipped", "PENDING", "returned"}[rnd.IntN(3)])
		field("t")
		var text []string
		for range 5 + rnd.IntN(10) {
			text = append(text, words[rnd.IntN(len(words))])
		}
		field(strings.Join(text, " "))
		field(fmt.Sprintf("%08x-1c2b-4d3e-8f9a-%012x", rnd.Uint32(), rnd.Uint64()>>16))
		if secret && i%200 == 0 {
			field("ann@example.com")
		}
	}
	return b.Bytes()
}

func BenchmarkSuspect(b *testing.B) {
	s := set(b, Secrets(), Personal())
	for _, size := range []int{4 << 10, 64 << 10} {
		data := rows(false)[:size]
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if s.Suspect(data) {
					b.Fatal("a hit")
				}
			}
		})
	}
}

func BenchmarkRedact(b *testing.B) {
	s := set(b, Secrets(), Personal())
	for _, name := range []string{"none", "rare", "fields"} {
		data := rows(name == "rare")
		b.Run(name, func(b *testing.B) {
			buf := make([]byte, len(data))
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				copy(buf, data)
				if name != "fields" {
					s.Redact(buf)
					continue
				}
				for i := 0; i < len(buf); i += 40 {
					s.Redact(buf[i:min(i+40, len(buf))])
				}
			}
		})
	}
}
