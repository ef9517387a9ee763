package replay_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
	"github.com/sallyport/sallyport/recorder/recordertest"
	"github.com/sallyport/sallyport/replay"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files")

// session makes the events of a session.
type session struct {
	log *recordertest.Memory
	at  time.Time
}

func newSession(t testing.TB) *session {
	s := &session{log: recordertest.NewMemory(), at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}
	s.add(t, 0, &recorder.Event{Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{Gateway: "gw", Protocol: "ssh", Target: "web1"}})
	return s
}

// add records an event some time after the one before.
func (s *session) add(t testing.TB, after time.Duration, e *recorder.Event) {
	s.at = s.at.Add(after)
	e.Session, e.Time = "s1", s.at
	require.NoError(t, s.log.Append(context.Background(), recorder.Taken, e))
}

func (s *session) begin(t testing.TB, id protocol.ExchangeID, verb, text string, pty ...string) {
	op := &protocol.Operation{Verb: verb, Text: text, Effects: protocol.Everything, Params: []protocol.Param{{Name: "LANG", Type: "env", Value: "C.UTF-8"}}}
	if len(pty) > 0 {
		for i, name := range []string{"TERM", "columns", "rows"} {
			op.Params = append(op.Params, protocol.Param{Name: name, Type: "pty", Value: pty[i]})
		}
	}
	s.add(t, time.Millisecond, &recorder.Event{Kind: recorder.KindOperation, Exchange: id, Operation: op, Decision: &protocol.Decision{Verdict: protocol.Allow, Rule: "r"}})
}

func (s *session) out(t testing.TB, id protocol.ExchangeID, after time.Duration, kind, data string) {
	s.add(t, after, &recorder.Event{Kind: recorder.KindOutput, Exchange: id, Part: &recorder.Part{Kind: kind}, Payload: []byte(data)})
}

func (s *session) in(t testing.TB, id protocol.ExchangeID, after time.Duration, kind, data string) {
	s.add(t, after, &recorder.Event{Kind: recorder.KindInput, Exchange: id, Part: &recorder.Part{Kind: kind}, Payload: []byte(data)})
}

func (s *session) end(t testing.TB, id protocol.ExchangeID, o protocol.Outcome) {
	s.add(t, time.Millisecond, &recorder.Event{Kind: recorder.KindEnd, Exchange: id, Outcome: &o})
}

func (s *session) events() iter.Seq2[*recorder.Event, error] { return each(s.log.Events(), nil) }

// each yields events and then err.
func each(events []*recorder.Event, err error) iter.Seq2[*recorder.Event, error] {
	return func(yield func(*recorder.Event, error) bool) {
		for _, e := range events {
			if !yield(e, nil) {
				return
			}
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// shell is a session with all that there is.
func shell(t testing.TB) *session {
	s := newSession(t)
	s.begin(t, 1, "sftp.open", "/etc/motd")
	s.begin(t, 2, "shell", "login shell", "xterm-256color", "80", "24")
	s.out(t, 1, time.Millisecond, "data", "not of the shell")
	s.out(t, 2, 50*time.Millisecond, "stdout", "\x1b]0;ann@web1: ~\x07\x1b[1;32mann@web1\x1b[m:~$ ")
	s.add(t, time.Second, &recorder.Event{Kind: recorder.KindInput, Exchange: 2, Part: &recorder.Part{Kind: "stdin", Withheld: true, Length: 3}})
	s.out(t, 2, 2*time.Millisecond, "stdout", "ls\r\n")
	s.out(t, 2, 12345*time.Microsecond, "stdout", "caf\xc3")
	s.out(t, 2, 400*time.Nanosecond, "stdout", "\xa9  \u202eevil\u202c \U0001f600 \"quoted\" \\ \xff\r\n")
	s.in(t, 2, time.Second, "window-change", "120x40")
	s.out(t, 2, 0, "stdout", "\x1b[1;32mann@web1\x1b[m:~$ vim x\r\n\x1b[?1049h\x1b[2J~\r\n~\r\n")
	s.out(t, 2, 1200*time.Millisecond, "stdout", "\x1b[?1049l")
	s.out(t, 2, 0, "stdout", "10%\r55%\r100%\r\ntypo\b \bed\r\n\x1b[31mred\x1b[m\r\n")
	s.add(t, 0, &recorder.Event{Kind: recorder.KindAnnotation, Exchange: 2, Note: &recorder.Note{Kind: "notice", Text: "signal INT"}})
	s.out(t, 2, 90*time.Minute, "stdout", "logout\r\n")
	s.end(t, 2, protocol.Outcome{Result: protocol.OK, Code: "0"})
	return s
}

func golden(t *testing.T, name, got string) {
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o777))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o666))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestGolden(t *testing.T) {
	for _, version := range []int{2, 3} {
		var b strings.Builder
		require.NoError(t, replay.Asciicast(&b, shell(t).events(), replay.CastOptions{Version: version, Title: "ann on web1", IdleLimit: 2 * time.Second}))
		golden(t, "shell.v"+strconv.Itoa(version)+".cast", b.String())
	}
	var b strings.Builder
	require.NoError(t, replay.Transcript(&b, shell(t).events(), replay.TranscriptOptions{}))
	golden(t, "shell.txt", b.String())
}

// A recording is read as a player reads it: lines of JSON.
type recording struct {
	header map[string]any
	times  []float64 // from the beginning
	codes  string
	data   []string
}

func read(t testing.TB, cast string) recording {
	var r recording
	in := bufio.NewScanner(strings.NewReader(cast))
	in.Buffer(nil, 1<<20)
	require.True(t, in.Scan())
	require.NoError(t, json.Unmarshal(in.Bytes(), &r.header))
	now := 0.0
	for in.Scan() {
		var e [3]any
		require.NoError(t, json.Unmarshal(in.Bytes(), &e), in.Text())
		at := e[0].(float64)
		if r.header["version"] == 3.0 {
			now += at
			at = now
		}
		r.times, r.codes, r.data = append(r.times, at), r.codes+e[1].(string), append(r.data, e[2].(string))
	}
	require.NoError(t, in.Err())
	return r
}

// output joins what players show.
func (r recording) output() string {
	var b strings.Builder
	for i, c := range r.codes {
		if c == 'o' {
			b.WriteString(r.data[i])
		}
	}
	return b.String()
}

func cast(t testing.TB, s *session, opts replay.CastOptions) recording {
	var b strings.Builder
	require.NoError(t, replay.Asciicast(&b, s.events(), opts))
	return read(t, b.String())
}

func TestAsciicastVersionsAgree(t *testing.T) {
	two, three := cast(t, shell(t), replay.CastOptions{Version: 2}), cast(t, shell(t), replay.CastOptions{})
	require.Equal(t, two.output(), three.output())
	require.Equal(t, two.codes+"x", three.codes)
	for i, at := range two.times {
		require.InDelta(t, at, three.times[i], 1e-6)
	}
	require.Equal(t, 80.0, two.header["width"])
	require.Equal(t, map[string]any{"cols": 80.0, "rows": 24.0, "type": "xterm-256color"}, three.header["term"])
	require.Contains(t, two.output(), "café  \u202eevil\u202c \U0001f600 \"quoted\" \\ \ufffd\r\n")
	require.Equal(t, float64(time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).Unix()), two.header["timestamp"])
}

// Intervals are rounded so that their sum is never off.
func TestIntervalsAddUp(t *testing.T) {
	s := newSession(t)
	s.begin(t, 1, "shell", "", "xterm", "80", "24")
	for range 3000 {
		s.out(t, 1, 1499*time.Nanosecond, "stdout", "x")
	}
	r := cast(t, s, replay.CastOptions{})
	require.InDelta(t, 3000*1499e-9, r.times[2999], 2e-6)
}

// However characters are cut, they come out whole.
func TestCharactersCutAnywhere(t *testing.T) {
	const text = "aé€\U0001f600z\xff\xe2\x82\xf0\x9f"
	want := "aé€\U0001f600z\ufffd\ufffd\ufffd\ufffd\ufffd"
	for i := range len(text) + 1 {
		for j := i; j <= len(text); j++ {
			s := newSession(t)
			s.begin(t, 1, "exec", "x", "xterm", "80", "24")
			s.out(t, 1, 0, "stdout", text[:i])
			s.out(t, 1, 0, "stdout", text[i:j])
			s.out(t, 1, 0, "stderr", "")
			s.out(t, 1, 0, "stdout", text[j:])
			require.Equal(t, want, cast(t, s, replay.CastOptions{}).output())
			var b strings.Builder
			require.NoError(t, replay.Transcript(&b, s.events(), replay.TranscriptOptions{}))
			require.Contains(t, b.String(), "| "+want+"\n", "%d %d", i, j)
		}
	}
}

func TestWithoutTerminal(t *testing.T) {
	s := newSession(t)
	s.begin(t, 1, "exec", "make 2>&1")
	s.in(t, 1, 0, "stdin", "yes\n")
	s.out(t, 1, 0, "stdout", "one\ntwo\r")
	s.out(t, 1, 0, "stdout", "\nthree")
	s.out(t, 1, 0, "stderr", "warn\n")
	s.add(t, 0, &recorder.Event{Kind: recorder.KindOutput, Exchange: 1, Part: &recorder.Part{Kind: "stdout", Withheld: true, Length: 70000}})
	s.add(t, 0, &recorder.Event{Kind: recorder.KindOutput, Exchange: 1, Part: &recorder.Part{Kind: "stdout", Withheld: true, Length: 1}})
	s.end(t, 1, protocol.Outcome{Result: protocol.Failed, Code: "2", Text: "failed\x1b[2J"})
	r := cast(t, s, replay.CastOptions{})
	require.Equal(t, "one\r\ntwo\r\nthreewarn\r\n", r.output())
	require.Equal(t, "make 2>&1", r.header["command"])
	require.Equal(t, "iooommx", r.codes)
	require.Equal(t, []string{"70001 bytes of output are not in the record", `ended: error: failed\x1b[2J`, "2"}, r.data[len(r.data)-3:])
	var b strings.Builder
	require.NoError(t, replay.Transcript(&b, s.events(), replay.TranscriptOptions{}))
	require.Equal(t, "[#1 exec, 2026-11-23T09:00:00Z]\n[asked: make 2>&1]\n[allow]\n< yes\n| one\n| two\n! warn\n| three\n[70001 bytes of output are not in the record]\n[ended: error 2: failed\\x1b[2J, after 0.0 s]\n", b.String())
}

func TestWhichExchange(t *testing.T) {
	for _, write := range []func(id protocol.ExchangeID, s *session) (string, error){
		func(id protocol.ExchangeID, s *session) (string, error) {
			var b strings.Builder
			err := replay.Asciicast(&b, s.events(), replay.CastOptions{Exchange: id})
			return b.String(), err
		},
		func(id protocol.ExchangeID, s *session) (string, error) {
			var b strings.Builder
			err := replay.Transcript(&b, s.events(), replay.TranscriptOptions{Exchange: id})
			return b.String(), err
		},
	} {
		got, err := write(9, shell(t))
		require.ErrorIs(t, err, replay.ErrNothing)
		require.Empty(t, got)
		_, err = write(0, newSession(t))
		require.ErrorIs(t, err, replay.ErrNothing)
		got, err = write(1, shell(t))
		require.NoError(t, err)
		require.Contains(t, got, "not of the shell")
		require.Contains(t, got, "the record ends here")
		got, err = write(2, shell(t))
		require.NoError(t, err)
		require.NotContains(t, got, "not of the shell")
	}
	require.ErrorContains(t, replay.Asciicast(&strings.Builder{}, shell(t).events(), replay.CastOptions{Version: 1}), "CastOptions.Version")
}

// Time begins when people have answered.
func TestTimeBeginsWithTheAnswer(t *testing.T) {
	s := newSession(t)
	s.begin(t, 1, "shell", "", "xterm", "0", "4294967295")
	s.add(t, 10*time.Minute, &recorder.Event{Kind: recorder.KindDecision, Exchange: 1, Decision: &protocol.Decision{Verdict: protocol.Allow, By: "bob"}})
	s.out(t, 1, time.Second, "stdout", "hello")
	s.out(t, 1, -time.Second, "stdout", "back")
	s.in(t, 1, 0, "window-change", "4294967295x1")
	s.in(t, 1, 0, "window-change", "x")
	r := cast(t, s, replay.CastOptions{})
	require.Equal(t, []float64{1, 1, 1}, r.times)
	require.Equal(t, "oom", r.codes)
	require.Equal(t, map[string]any{"cols": 80.0, "rows": 24.0, "type": "xterm"}, r.header["term"])
}

// What was written before an event that cannot be read plays.
func TestDamage(t *testing.T) {
	broken := errors.New("broken")
	events := shell(t).log.Events()
	var b strings.Builder
	require.ErrorIs(t, replay.Asciicast(&b, each(events[:8], broken), replay.CastOptions{}), broken)
	r := read(t, b.String())
	require.Equal(t, "the record cannot be read from here on", r.data[len(r.data)-1])
	b.Reset()
	require.ErrorIs(t, replay.Transcript(&b, each(events[:8], broken), replay.TranscriptOptions{}), broken)
	require.True(t, strings.HasSuffix(b.String(), "[the record cannot be read from here on]\n"), b.String())
}

type fullDisk struct{ n int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.n -= len(p); d.n < 0 {
		return 0, os.ErrClosed
	}
	return len(p), nil
}

func TestWriterFails(t *testing.T) {
	for _, n := range []int{0, 40 << 10} {
		s := newSession(t)
		s.begin(t, 1, "shell", "")
		for range 100 {
			s.out(t, 1, 0, "stdout", strings.Repeat("x", 1000)+"\n")
		}
		require.ErrorIs(t, replay.Asciicast(&fullDisk{n}, s.events(), replay.CastOptions{}), os.ErrClosed)
		require.ErrorIs(t, replay.Transcript(&fullDisk{n}, s.events(), replay.TranscriptOptions{}), os.ErrClosed)
	}
}

func lines(t testing.TB, opts replay.TranscriptOptions, output ...string) string {
	s := newSession(t)
	s.begin(t, 1, "shell", "", "xterm", "80", "24")
	for _, o := range output {
		s.out(t, 1, 100*time.Millisecond, "stdout", o)
	}
	var b strings.Builder
	require.NoError(t, replay.Transcript(&b, s.events(), opts))
	got, ok := strings.CutPrefix(b.String(), "[#1 shell, 2026-11-23T09:00:00Z, terminal \"xterm\" of 80 by 24]\n[allow]\n")
	require.True(t, ok, b.String())
	return got
}

func TestTranscriptOfLines(t *testing.T) {
	const end = "[the record ends here]\n"
	const wandered = "[the cursor moves over the screen; what it writes there follows]\n"
	for _, c := range []struct{ name, in, want string }{
		{"lines", "a\r\nb\r\n\r\nc", "| a\n| b\n| \n| c\n"},
		{"carriage return", "12%\r34%\r5\n", "| 54%\n"},
		{"backspace", "abc\b\bXY\bZ\n", "| aXZ\n"},
		{"tab", "a\tb\n", "| a       b\n"},
		{"colour and title", "\x1b]0;x\x07\x1b[31ma\x1b[m\x1b(B\n", "| a\n"},
		{"erase", "abcdef\x1b[3D\x1b[K\r\nabc\x1b[2K\rx\nabc\x1b[D\x1b[1Kd\n", "| abc\n| x\n|   d\n"},
		{"edit", "abcd\x1b[4D\x1b[2Px\x1b[2@\n", "| x  d\n"},
		{"column", "abc\x1b[10Gd\x1b[1Ge\x1b[2Cf\n", "| ebcf     d\n"},
		{"repeat", "-\x1b[4b\n", "| -----\n"},
		{"alternate screen", "$ vim\r\n\x1b[?1049h\x1b[H~secret~\n\x1b[?1049l$ ", "| $ vim\n[full-screen program, 0.0 s]\n| $\n"},
		{"alternate screen that does not end", "\x1b[?47hx", "[full-screen program, 0.0 s]\n"},
		{"cursor", "one\r\n\x1b[A\x1b[2Ktwo\x1b[5;3Hthree\r\nfour\x1b[2;2Hfive\n", "| one\n" + wandered + "| two\n|   three\n| four\n" + wandered + "|  five\n"},
		{"clear", "a\x1b[H\x1b[2Jb\n", "| a\n" + wandered + "| b\n"},
		{"hidden characters", "a\u202eb\u200bc\u2066\n", "| a\\u202eb\\u200bc\\u2066\n"},
		{"a notice of its own", "[ended: ok 0]\n", "| [ended: ok 0]\n"},
		{"no text", "\xff\xe2\x82\nx\x9b31m\n", "| \ufffd\ufffd\ufffd\n| x\ufffd31m\n"},
		{"controls", "a\x00\x07\x0eb\x7f\n", "| ab\n"},
		{"unfinished sequences", "a\x1b[31éb\x1bc", "| aéb\n" + wandered},
		{"a long string", "\x1b]0;" + strings.Repeat("x", 2000) + "\x07y\n", "[a control string of 2003 bytes]\n| y\n"},
		{"a string that does not end", "\x1b]0;" + strings.Repeat("x\n", 1000), "[a control string of 2002 bytes]\n"},
		{"huge numbers", "ab\x1b[99999999999999999999D\x1b[18446744073709551615Dc\n", "| cb\n"},
	} {
		got := lines(t, replay.TranscriptOptions{}, c.in)
		assert.Equal(t, c.want+end, got, c.name)
		for i := 0; i < len(c.in); i += 1 + len(c.in)/50 {
			cut := lines(t, replay.TranscriptOptions{}, c.in[:i], c.in[i:])
			require.Equal(t, strings.ReplaceAll(got, "0.0 s", "0.1 s"), strings.ReplaceAll(cut, "0.0 s", "0.1 s"), "%s cut at %d", c.name, i)
		}
	}
}

func TestTranscriptIsBounded(t *testing.T) {
	got := lines(t, replay.TranscriptOptions{MaxLine: 5}, "abcdefgh\r\nab\x1b[100Cx\r\nabcde\x1b[5D\x1b[3@\n")
	require.Equal(t, "| abcde… and 3 characters more\n| ab… and 1 characters more\n|    ab… and 3 characters more\n[the record ends here]\n", got)
	got = lines(t, replay.TranscriptOptions{MaxBytes: 200}, strings.Repeat("0123456789\n", 100))
	require.True(t, strings.HasSuffix(got, "| 0123456789\n[the transcript ends here: it is as long as it may be, and the record goes on]\n"), got)
	require.Less(t, len(got), 300)
}

// However much an event holds, it is written in pieces.
func TestLargeEvents(t *testing.T) {
	s := newSession(t)
	s.begin(t, 1, "shell", "")
	s.out(t, 1, 0, "stdout", strings.Repeat("\u2603", 1<<17))
	var b strings.Builder
	require.NoError(t, replay.Asciicast(&b, s.events(), replay.CastOptions{}))
	n := 0
	for line := range strings.Lines(b.String()) {
		require.Less(t, len(line), 100<<10)
		n++
	}
	require.Greater(t, n, 3<<17/(16<<10))
	require.Equal(t, strings.Repeat("\u2603", 1<<17), cast(t, s, replay.CastOptions{}).output())
}

// What is written to be read over and over takes no longer than its length.
func TestHostileOutputTakesLinearWork(t *testing.T) {
	for _, unit := range []string{"\x1b[@", "x\x1b[D\x1b[P", "\r\x1b[99999b", "\x1b[99999Cx\r", "\x1b[A", "\x1b]", "\x1b[1;", "\xe2\x82", "\x1b[?1049h", "\x1b[?1049h\x1b[?1049l", "\x1b[4096Gx\x1b[1K"} {
		effort := func(size int) time.Duration {
			best := time.Hour
			for range 3 {
				start := time.Now()
				lines(t, replay.TranscriptOptions{MaxBytes: 1 << 30}, strings.Repeat(unit, size/len(unit)))
				best = min(best, time.Since(start))
			}
			return best
		}
		small, large := effort(8<<10), effort(64<<10)
		// Quadratic work would take seconds; what the machine else does takes less.
		require.Less(t, large, max(32*small, 300*time.Millisecond), "%q: %v for 8 KiB", unit, small)
	}
}

func FuzzTranscript(f *testing.F) {
	f.Add([]byte("a\x1b[31mb\r\n"), []byte("\x1b[?1049hx"), 10)
	f.Add([]byte("\x1b]0;x"), []byte("\x07\x1b[A\x1b[2K\x1b[5@\x1b[3P\xe2\x82"), 3)
	f.Add([]byte("\x1bP1$r\x9c\x9bm"), []byte("\b\t\v\x1b[9999999999b"), 100)
	f.Fuzz(func(t *testing.T, one, two []byte, most int) {
		opts := replay.TranscriptOptions{MaxLine: most, MaxBytes: 10_000}
		events := func(parts ...[]byte) iter.Seq2[*recorder.Event, error] {
			list := []*recorder.Event{{Kind: recorder.KindOperation, Exchange: 1, Operation: &protocol.Operation{Verb: "shell", Text: string(one)}}}
			for _, p := range parts {
				list = append(list, &recorder.Event{Kind: recorder.KindOutput, Exchange: 1, Part: &recorder.Part{Kind: "stdout"}, Payload: p})
			}
			return each(list, nil)
		}
		var cut, whole bytes.Buffer
		require.NoError(t, replay.Transcript(&cut, events(one, two), opts))
		require.NoError(t, replay.Transcript(&whole, events(append(bytes.Clone(one), two...)), opts))
		require.Equal(t, whole.String(), cut.String())
		require.Less(t, cut.Len(), 10_200)
		for line := range strings.Lines(cut.String()) {
			require.Equal(t, line, protocol.Visible(line))
			require.Contains(t, "[|!<", line[:1])
		}
	})
}

func FuzzAsciicast(f *testing.F) {
	f.Add([]byte("a\xc3"), []byte("\xa9\xff\u2028"), true)
	f.Add([]byte("\u2800\u3164"), []byte("\u115f\ufe0f\U000e0100"), true) // letters and marks that are drawn as nothing
	f.Fuzz(func(t *testing.T, one, two []byte, pty bool) {
		op := &protocol.Operation{Verb: "exec", Text: string(one)}
		if pty {
			op.Params = []protocol.Param{{Name: "TERM", Type: "pty", Value: string(two)}}
		}
		list := []*recorder.Event{{Kind: recorder.KindOperation, Exchange: 1, Operation: op}}
		for _, p := range [][]byte{one, two} {
			list = append(list, &recorder.Event{Kind: recorder.KindOutput, Exchange: 1, Part: &recorder.Part{Kind: "stdout"}, Payload: p})
		}
		for _, version := range []int{2, 3} {
			var b strings.Builder
			require.NoError(t, replay.Asciicast(&b, each(list, nil), replay.CastOptions{Version: version}))
			require.Equal(t, b.String(), protocol.Visible(b.String()))
			got := read(t, b.String())
			want := strings.ToValidUTF8(string([]rune(string(append(bytes.Clone(one), two...)))), "\ufffd")
			if pty {
				require.Equal(t, want, got.output())
			} else {
				require.Equal(t, strings.ReplaceAll(strings.ReplaceAll(want, "\r\n", "\n"), "\n", "\r\n"), got.output())
			}
		}
	})
}
