package mask

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// streamed passes the pieces on and returns what came out.
func streamed(t testing.TB, s *Set, pieces ...string) (out string, hidden int) {
	st := s.Stream()
	var all []byte
	in := 0
	for _, p := range pieces {
		in += len(p)
		b, n := st.Next([]byte(p))
		all = append(all, b...)
		hidden += n
		require.Equal(t, in, len(all)+st.Held())
	}
	b, n := st.Flush()
	all = append(all, b...)
	require.Len(t, all, in)
	require.Zero(t, st.Held())
	return string(all), hidden + n
}

// redacted is what Redact makes of the whole text, with whole characters.
func redacted(s *Set, text string) string {
	b := []byte(text)
	whole := bytes.Clone(b)
	s.Redact(whole)
	for i := 0; i < len(b); {
		j := i + 1
		for j < len(b) && (whole[j] != b[j]) == (whole[i] != b[i]) {
			j++
		}
		if whole[i] != b[i] {
			sp := wholeRunes(b, span{i, j})
			for k := sp.lo; k < sp.hi; k++ {
				whole[k] = '*'
			}
		}
		i = j
	}
	return string(whole)
}

func samples() []string {
	var all []string
	clean := strings.NewReplacer("«", "", "»", "", "\x00", "", "\x01", "", "\x10", "")
	for _, list := range [][]string{secretSamples(), personalSamples(), cleanOfSecrets, cleanOfPersonal} {
		for _, s := range list {
			all = append(all, clean.Replace(s))
		}
	}
	all = append(all, strings.Repeat("é", 40)+"x@example.com ", "mail "+strings.Repeat("€", 30)+"@example.com")
	all = append(all, "password = /* "+strings.Repeat("a word ", 8)+"*/ hunter2 ", "password=/* no comment", "identified -- now\n with x -- or\n by -- so\n 'hunter2'",
		"authorization: Basic abcdefgh ", "Authorization = abcdefghijkl ", "ABC4111111111111111", "A 4111111111111111.5", "4111 1111 1111 1111 1", "bearer "+alnum)
	return append(all, "EMP-123456", "xEMP-1234567", "AB-1234 CD-5678", "TOP SECRET-x y", "ab-cd top secret-word")
}

// Every sample, alone and between others, in two pieces at many places and in
// characters. Secrets are also tried alone: where there is Personal, a word is
// held back anyhow.
func TestStreamIsRedactHoweverItIsCut(t *testing.T) {
	for _, s := range []*Set{set(t, Secrets()), set(t, Personal(), Pattern("employee", `\bEMP-(\d{6})\b`))} {
		for _, sample := range samples() {
			for n, around := range []string{" %s ", "%s", "(%s)\r\n", "\n%s\n$ "} {
				text := fmt.Sprintf(around, sample)
				want := redacted(s, text)
				step := 1 + len(text)/60
				if n > 0 {
					step += len(text) / 3
				}
				for i := 0; i <= len(text); i += step {
					got, _ := streamed(t, s, text[:i], text[i:])
					require.Equal(t, want, got, "%q cut at %d", text, i)
				}
				got, _ := streamed(t, s, strings.Split(text, "")...)
				require.Equal(t, want, got, "%q in characters", text)
			}
		}
	}
}

// Pieces of findings in any order, cut anywhere.
func TestStreamOfAnything(t *testing.T) {
	rounds := 1_000
	if os.Getenv("SALLYPORT_SOAK") != "" {
		rounds = 1_000_000
	}
	s := everything(t)
	rnd := rand.New(rand.NewPCG(7, 8))
	pieces := append(samples(), " ", "=", ":", "'", "\"", "\\", "/*", "*/", "--", "\n", "$", "$$", "(", "@", ".", "-", "+", "0", "5", "A", "DE", "é", "€", "a.bc@a.bc@",
		"password", "secret", "token", "bearer ", "authorization", "identified by ", "identified with x as ", "://u:", "E'", "*", "-----END ", "-----BEGIN ", ".atlasv1.", "T3BlbkFJ", "sk-")
	for range rounds {
		var b strings.Builder
		for range 1 + rnd.IntN(7) {
			p := pieces[rnd.IntN(len(pieces))]
			if len(p) > 3 && rnd.IntN(3) == 0 {
				p = p[rnd.IntN(len(p)):]
			}
			b.WriteString(strings.ToValidUTF8(p, ""))
		}
		text := strings.ReplaceAll(b.String(), " \r", "\r")
		want := redacted(s, text)
		got, _ := streamed(t, s, cuts(rnd, text)...)
		require.Equal(t, want, got, "%q", text)
	}
}

// A long text, so that context is forgotten on the way.
func TestStreamOfLongText(t *testing.T) {
	s := everything(t)
	rnd := rand.New(rand.NewPCG(13, 14))
	list := samples()
	for range 3 {
		var b strings.Builder
		for b.Len() < 40_000 {
			if p := list[rnd.IntN(len(list))]; !strings.Contains(p, "BEGIN") || strings.Contains(p, "END") {
				b.WriteString(p)
				b.WriteString([]string{"\n", " ", ", ", ""}[rnd.IntN(4)])
			}
		}
		text := b.String()
		want := redacted(s, text)
		for _, pieces := range [][]string{{text}, cuts(rnd, text)} {
			got, _ := streamed(t, s, pieces...)
			for i := range got {
				if got[i] != want[i] {
					require.Equal(t, want[max(0, i-100):min(len(want), i+100)], got[max(0, i-100):min(len(want), i+100)])
				}
			}
		}
	}
}

func cuts(rnd *rand.Rand, text string) []string {
	var pieces []string
	most := 1 + rnd.IntN(40)
	for text != "" {
		n := min(len(text), 1+rnd.IntN(most))
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

// sequences that may stand anywhere in a text.
var sequences = []string{
	"\x1b[01;31m", "\x1b[K", "\x1b[m", "\x1b[2C", "\x1b]0;title\x07", "\x1b]8;;http://x/\x1b\\", "\x1bP1$r\x1b\\", "\x1b(B", "\x1b=", "\x00", "\x07", "\u009b1m", "\x9b1m", "\x9d0;x\x9c", "\x0e", "\x7f",
}

func TestEscapeSequencesHideNothing(t *testing.T) {
	s := everything(t)
	rnd := rand.New(rand.NewPCG(9, 10))
	for _, sample := range samples() {
		if !strings.Contains(sample, "\x1b") {
			for range 3 {
				var text, plain strings.Builder
				for _, r := range "a " + sample + " b\n" {
					if rnd.IntN(4) == 0 {
						text.WriteString(sequences[rnd.IntN(len(sequences))])
					}
					text.WriteRune(r)
					plain.WriteRune(r)
				}
				got, _ := streamed(t, s, cuts(rnd, text.String())...)
				whole, _ := streamed(t, s, text.String())
				require.Equal(t, whole, got, "%q", text.String())
				want := redacted(s, plain.String())
				for i, c := range []byte(withoutSequences(got)) {
					if want[i] == '*' {
						require.Equal(t, "*", string(c), "%q became %q", text.String(), got)
					}
				}
			}
		}
	}
}

// withoutSequences takes sequences out again.
func withoutSequences(text string) string {
	for _, s := range sequences {
		text = strings.ReplaceAll(text, s, "")
	}
	return text
}

func TestStreamAndTerminals(t *testing.T) {
	s := set(t, Secrets(), Personal())
	upper := strings.ToUpper(alnum)
	for _, c := range []struct{ name, in, want string }{
		{"colours of grep", "a \x1b[01;31m\x1b[Kpassword\x1b[m\x1b[K=hunter2 x", "a \x1b[01;31m\x1b[Kpassword\x1b[m\x1b[K=******* x"},
		{"colour inside", "p=ghp_" + alnum[:10] + "\x1b[1m" + alnum[10:36] + "\x1b[m\n", "p=**************\x1b[1m" + strings.Repeat("*", 26) + "\x1b[m\n"},
		{"a title inside", "p=ghp_" + alnum[:10] + "\x1b]0;\u2713 done\x07" + alnum[10:36] + "\n", "p=**************\x1b]0;\u2713 done\x07" + strings.Repeat("*", 26) + "\n"},
		{"behind a movement", "xx\x1b[20GAKIA" + upper[:16] + "\x1b[30Gyy", "xx\x1b[20G" + strings.Repeat("*", 20) + "\x1b[30Gyy"},
		{"in front of a movement", "AKIA" + upper[:16] + "\x1b[30GYY", strings.Repeat("*", 20) + "\x1b[30GYY"},
		{"in a title", "\x1b]0;mysql --password=hunter2 x\x07$ ", "\x1b]0;mysql --password=******* x\x07$ "},
		{"in a link", "\x1b]8;;ftp://u:hunter2@h/\x1b\\x", "\x1b]8;;ftp://u:*******@h/\x1b\\x"},
		{"a string that does not end", "\x1b]0;x\nann@example.com\n", "\x1b]0;x\n***************\n"},
		{"wrapped by readline", "mysql -h db --password=hun \rter2\r\n", "mysql -h db --password=*** \r****\r\n"},
		{"wrapped by readline before it begins", "echo 123456789 12 \rgh \rp_" + alnum[:36] + "\r\n", "echo 123456789 12 \rgh \rp_" + alnum[:36] + "\r\n"},
		{"wrapped behind what was any word", "and so the mail goes to ann \r@example.com\r\n", "and so the mail goes to ann \r************\r\n"},
		{"progress", "45% \r46% \r\n", "45% \r46% \r\n"},
		{"printed twice", "a\bapassword=x\bxyz \n", "a\bapassword=*\b*** \n"[:len("a\bapassword=")] + "*\b*** \n"},
		{"corrected", "and so the mail goes to ann@exampla\b \b" + "e.com \n", "and so the mail goes to ann@exampla\b \b***** \n"},
		{"bytes that are no text", "\xff\xfeann@example.com\xff ", "****************** "},
		{"whole characters", strings.Repeat("é", 40) + "x@example.com ", strings.Repeat("é", 8) + strings.Repeat("*", 77) + " "},
		{"charsets, keypad, movements by ESC", "a\x1b(Bnn@exa\x1b=mple\x1b7.com\x1b8x\x1bMx\x1b \x1b\x1b[mx ", "*\x1b(B******\x1b=****\x1b7****\x1b8*\x1bM*\x1b \x1b\x1b[m* "},
		{"8-bit controls", "ann@\x9b1mexample\x9d0;t\x9c.com\u0085x\x84 ", "****\x9b1m*******\x9d0;t\x9c****\u0085*\x84 "},
		{"no sequences", "password\x1b\n=hunter2 \x1b[1\n", "password\x1b\n=******* \x1b[1\n"},
		{"form feed", "a\fann@example.com\v", "a\f***************\v"},
		{"a space that is none", "x\u00a0ann@example.com ", "****************** "},
		{"long CSI is text", "\x1b[" + strings.Repeat("1", 80) + " 4111111111111111 ", "\x1b[" + strings.Repeat("1", 80) + " **************** "},
	} {
		got, _ := streamed(t, s, c.in)
		assert.Equal(t, c.want, got, c.name)
		for i := range c.in {
			cut, _ := streamed(t, s, c.in[:i], c.in[i:])
			require.Equal(t, got, cut, "%s, cut at %d", c.name, i)
		}
	}
}

// What cannot become a finding is not held back.
func TestStreamHoldsBackLittle(t *testing.T) {
	s := everything(t)
	for text, held := range map[string]string{
		"ann@host:~$ ": "", "Password: ": "", "[sudo] password for ann: ": "", ">>> ": "", " 45% [====>   ]": "", "\x1b[1;32m$\x1b[m ": "", "Continue? [y/N] ": "",
		"done.\n": "", "see https://example.com/": "", "token = ": "", "a line\r\n": "", "\x1b[": "", "\x1b]0;": "", "\r\x1b[K 12 %": "%",
		"-----BEGIN CERT": "-----BEGIN CERT", "-----BEGIN PRIVATE KEY-----\nMII": "", "password=hun": "hun", "x ghp_ab": "ghp_ab", "call +1 415 ": "+1 415 ", "mail ann": "ann",
		"4111 1111 ": "4111 1111 ", "id 4111 x) ": "", "caf\xc3": "caf\xc3", "a line may wrap ": "", "A: \x1b[1m": "", "key ghp_ab ": "ghp_ab ",
	} {
		st := s.Stream()
		st.Next([]byte(text))
		got := string(st.raw[st.gone:])
		assert.Equal(t, held, got, "%q", text)
	}
}

func TestStreamRelease(t *testing.T) {
	s := set(t, Secrets(), Personal())
	st := s.Stream()
	step := func(in, now, later string) {
		t.Helper()
		out, _ := st.Next([]byte(in))
		assert.Equal(t, now, string(out))
		out, _ = st.Release()
		assert.Equal(t, later, string(out))
		assert.Zero(t, st.Held())
	}
	step("key ghp_"+alnum[:5], "key ", "ghp_"+alnum[:5])
	step(alnum[5:36]+"\n", strings.Repeat("*", 31)+"\n", "")
	step("password=hun", "password=", "***")
	step("ter2\n", "****\n", "")
	step("ann@exa", "", "ann@exa")
	step("mple.com\n", "********\n", "")
	step("caf\xc3", "", "caf\xc3")
	step("\xa9@example.com\n", "*************\n", "")
}

func TestStreamOfPrivateKey(t *testing.T) {
	s := set(t, Secrets(), Personal())
	key := "-----BEGIN RSA PRIVATE KEY-----\n" + strings.Repeat(alnum[:64]+"\n", 500) + "-----END RSA PRIVATE KEY-----"
	text := "a\n" + key + "\nb\n"
	want := "a\n" + strings.Repeat("*", len(key)) + "\nb\n"
	for _, size := range []int{1, 7, 100, 5000, 40000} {
		var pieces []string
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got, n := streamed(t, s, pieces...)
		assert.True(t, want == got, size)
		assert.Equal(t, 1, n)
	}
	endless := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("a\n", KeyWindow)
	got, _ := streamed(t, s, endless)
	assert.Equal(t, strings.Repeat("*", KeyWindow)+endless[KeyWindow:], got)
}

// Where a finding is longer than Window, nobody has to know how it was cut.
func TestStreamOfLongFindings(t *testing.T) {
	s := everything(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{
		"ghp_" + strings.Repeat(alnum, 300) + " x", "password='" + strings.Repeat("a b ", 5000) + "' x", "password=" + strings.Repeat("x", 20000) + " y",
		strings.Repeat("A1 ", 9000), strings.Repeat("a.bc@", 5000), strings.Repeat("password=", 3000), "top secret-" + strings.Repeat("x", 20000) + " y",
		strings.Repeat("\x1b[m", 30) + "top secret-" + strings.Repeat("x", 9000) + " y",
		strings.Repeat("é", 9000) + "@example.com ", strings.Repeat("4111 1111 1111 1111 ", 900),
	} {
		whole, _ := streamed(t, s, text)
		for range 3 {
			var pieces []string
			for rest := text; rest != ""; {
				n := min(1+rnd.IntN(3000), len(rest))
				pieces, rest = append(pieces, rest[:n]), rest[n:]
			}
			got, _ := streamed(t, s, pieces...)
			require.Equal(t, whole, got, "%.20q", text)
		}
	}
	token, _ := streamed(t, s, "ghp_"+strings.Repeat(alnum, 300)+" x")
	assert.Equal(t, strings.Repeat("*", 4+300*len(alnum))+" x", token)
}

func TestStreamWithoutDetectors(t *testing.T) {
	var none *Set
	for _, s := range []*Set{none, set(t, Columns("a.b", Null()))} {
		p := []byte("password=hunter2")
		out, n := s.Stream().Next(p)
		assert.Equal(t, "password=hunter2", string(out))
		assert.Zero(t, n)
		assert.Same(t, &p[0], &out[0])
	}
}

// Held back is at most twice Window, whatever comes.
func TestStreamIsBounded(t *testing.T) {
	s := everything(t)
	for _, unit := range []string{"password='a", "\x1b[m", "x\x1b[m", "\x1b]", "a\b", "ab\b", "x\x1b[C", "+1 ", "://a:", "\"password", "\xc3", "A1 ", "a.bc@", " \r"} {
		for _, begin := range []string{"", "password='"} {
			st := s.Stream()
			p := []byte(begin)
			for range 24 {
				p = append(p, strings.Repeat(unit, 1000/len(unit))...)
				st.Next(p)
				require.LessOrEqual(t, st.Held(), 2*Window)
				p = p[:0]
			}
			st.Release()
			size := cap(st.raw)
			for l := range st.lanes {
				size += cap(l.buf) + 24*cap(l.runs) + 16*cap(l.spans) + 16*cap(l.words.pending) + 8*cap(l.words.hidden)
			}
			require.Less(t, size, 600<<10, "%q%q", begin, unit)
		}
	}
}

func TestHostileStreamTakesLinearWork(t *testing.T) {
	s := everything(t)
	for _, unit := range []string{
		"password", "password=", "password='", "://", "://a:", "eyJ", "eyJ.", "-----BEGIN PRIVATE KEY", "token=", "token=1", "sk-", " sk-", "+1", "+1 ", "@", "a@", "a@b.",
		"1", "1 ", "A1 ", "DE89", "DE89 ", "123-45-", "/*", "password/*", "$", "password $", "identified", "bearer ", "authorization:", "SG.", ".atlasv1.",
		"\x1b[m", "\x1b]", "\x1b]0;x\x07", "a\b", "ab\b", "x\x1b[C", "\xc3", "\x9b", " \r", "AB-", "top secret-", "password='\x1b[C",
	} {
		// Neither is less than Window, so four times the text takes four times as
		// long. Quadratic work would take seconds; what the machine else does takes less.
		small, large := streamEffort(s, unit, 8<<10), streamEffort(s, unit, 32<<10)
		require.Less(t, large, max(12*small, 300*time.Millisecond), "%q: %v for 8 KiB", unit, small)
	}
}

func streamEffort(s *Set, unit string, size int) time.Duration {
	b := []byte(strings.Repeat(unit, size/len(unit)))
	best := time.Hour
	for range 2 {
		if best < 20*time.Millisecond {
			break
		}
		c := bytes.Clone(b)
		st := s.Stream()
		start := time.Now()
		for len(c) > 0 {
			n := min(len(c), 1000)
			st.Next(c[:n])
			c = c[n:]
		}
		st.Flush()
		best = min(best, time.Since(start))
	}
	return best
}

func FuzzStream(f *testing.F) {
	s := everything(f)
	for i, sample := range samples() {
		f.Add([]byte(sample), uint64(i))
	}
	for _, seq := range sequences {
		f.Add([]byte("password="+seq+"hunter"+seq+"2 "), uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		whole, _ := streamed(t, s, string(b))
		pieces := cuts(rnd, string(b))
		cut, _ := streamed(t, s, pieces...)
		require.Equal(t, whole, cut)
		if plainText(b) {
			require.Equal(t, redacted(s, string(b)), whole)
		}
		st := s.Stream()
		n := 0
		for _, p := range pieces {
			out, _ := st.Next([]byte(p))
			n += len(out)
			if rnd.IntN(3) == 0 {
				out, _ = st.Release()
				n += len(out)
			}
		}
		out, _ := st.Flush()
		require.Equal(t, len(b), n+len(out))
	})
}

// plainText reports whether b has nothing that a Stream takes out.
func plainText(b []byte) bool {
	for _, r := range string(b) {
		if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 || r == '\ufffd' {
			return false
		}
	}
	return true
}

// output is what commands print: listings, logs and source, with an address now and then.
func output() []byte {
	var b bytes.Buffer
	rnd := rand.New(rand.NewPCG(11, 12))
	words := strings.Fields("the build of package main took seconds and wrote files to the folder where tests look for them before any user can read what happened")
	for i := 0; b.Len() < 1<<20; i++ {
		fmt.Fprintf(&b, "2026-11-%02dT08:%02d:36.%06dZ INFO  [worker-%d] ", 1+rnd.IntN(28), rnd.IntN(60), rnd.IntN(1e6), i%8)
		for range 4 + rnd.IntN(12) {
			b.WriteString(words[rnd.IntN(len(words))])
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "id=%08x /usr/share/lib/%d.so\r\n", rnd.Uint32(), i)
		if i%500 == 0 {
			b.WriteString("mail to ann@example.com\r\n")
		}
	}
	return b.Bytes()
}

func BenchmarkStream(b *testing.B) {
	s := set(b, Secrets(), Personal())
	plain := output()
	colours := bytes.ReplaceAll(plain, []byte("INFO"), []byte("\x1b[32mINFO\x1b[m"))
	for _, c := range []struct {
		name  string
		data  []byte
		piece int
	}{{"32K", plain, 32 << 10}, {"1K", plain, 1 << 10}, {"80", plain, 80}, {"colours", colours, 32 << 10}} {
		b.Run(c.name, func(b *testing.B) {
			buf := make([]byte, c.piece)
			st := s.Stream()
			b.SetBytes(int64(len(c.data)))
			b.ReportAllocs()
			for b.Loop() {
				for data := c.data; len(data) > 0; {
					n := copy(buf, data)
					data = data[n:]
					st.Next(buf[:n])
				}
			}
		})
	}
}
