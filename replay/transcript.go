package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// TranscriptOptions are the settings of Transcript. The zero value is good.
type TranscriptOptions struct {
	// Exchange is which exchange; zero means the first shell or command.
	Exchange protocol.ExchangeID
	// MaxBytes bounds the transcript. Zero means 1 MiB; what would be
	// negative means that too.
	MaxBytes int64
	// MaxLine bounds a line, in characters. Zero or less means 4096; more than
	// 65536 is 65536.
	MaxLine int
}

const (
	defaultTranscript = 1 << 20
	defaultLine       = 4096
	mostLine          = 64 << 10
	leastNotice       = 256
)

// Transcript writes one exchange of a session as text: what somebody would
// have read who watched it.
//
// Each line begins with a mark that says whose it is: "| " what the program
// printed, "! " what it printed on stderr, "< " what it read, as far as that
// is recorded. A line in brackets and without a mark is by this package, so nothing that
// a program prints can be taken for one. Carriage returns, backspaces, tabs
// and the sequences that edit a line do to the line what they do in a
// terminal. Programs on the alternate screen are one line that says how long
// they ran; where the cursor leaves the line otherwise, a line says so, and
// what is written then stands as it came. No control, bidirectional or
// zero-width character comes through: see [protocol.Visible].
//
// Lines and the whole are bounded and say where they were cut. Transcript fails with
// an error that wraps [ErrNothing] where there is no such exchange, and stops
// at the first event that cannot be read.
func Transcript(w io.Writer, events iter.Seq2[*recorder.Event, error], opts TranscriptOptions) error {
	if opts.MaxBytes <= 0 {
		opts.MaxBytes = defaultTranscript
	}
	if opts.MaxLine <= 0 {
		opts.MaxLine = defaultLine
	}
	t := &transcript{w: bufio.NewWriterSize(w, 32<<10), left: opts.MaxBytes, line: min(opts.MaxLine, mostLine)}
	var failed error
	for e, err := range exchange(events, opts.Exchange) {
		if err != nil {
			failed = err
			break
		}
		t.event(e)
		if t.full || t.err != nil {
			break
		}
	}
	t.close(failed)
	if err := t.w.Flush(); t.err == nil {
		t.err = err
	}
	return errors.Join(failed, t.err)
}

// transcript writes the text of an exchange.
type transcript struct {
	w     *bufio.Writer
	left  int64 // of the bytes that may be written
	line  int
	full  bool
	err   error
	op    *protocol.Operation
	clock clock
	now   time.Duration

	screens [3]*screen // of stdout, stderr, stdin
	missing [3]int64   // withheld since the last notice
	ended   bool
}

var marks = [...]string{"| ", "! ", "< "}

func (t *transcript) event(e *recorder.Event) {
	t.now = t.clock.at(e.Time)
	switch {
	case e.Kind == recorder.KindOperation && t.op == nil:
		t.begin(e)
		return
	case e.Kind == recorder.KindDecision:
		if e.Decision != nil {
			t.notice(join(e.Decision.Verdict.String(), e.Decision.Reason))
		}
		return
	}
	switch s := streamOf(e); s {
	case window:
		if columns, rows, ok := resize(e.Payload); ok {
			t.notice(fmt.Sprintf("window of %d by %d", columns, rows))
		}
	case stdout, stderr, stdin:
		i := int(s - stdout)
		if n := withheld(e); n > 0 {
			t.missing[i] += n
		} else if len(e.Payload) > 0 {
			t.told(i)
			t.screen(i).write(e.Payload, t.now)
		}
	}
	if e.Note != nil && (e.Note.Kind != "" || e.Note.Text != "") {
		t.notice(join(e.Note.Kind, e.Note.Text))
	}
	if e.Kind == recorder.KindEnd && e.Outcome != nil {
		t.rest()
		o := e.Outcome
		words := "ended: " + o.Result.String()
		if o.Code != "" {
			words += " " + o.Code
		}
		t.ended = true
		t.notice(join(words, o.Text) + ", after " + lasted(t.now))
	}
}

func (t *transcript) begin(e *recorder.Event) {
	op := *e.Operation
	t.op = &op
	words := fmt.Sprintf("#%d %s, %s", e.Exchange, op.Verb, e.Time.UTC().Format(time.RFC3339))
	if term := terminalOf(&op); term.pty {
		words += fmt.Sprintf(", terminal %q of %d by %d", term.kind, term.columns, term.rows)
	}
	t.notice(words)
	if op.Text != "" {
		t.notice("asked: " + op.Text)
	}
	if d := e.Decision; d != nil {
		t.notice(join(d.Verdict.String(), d.Reason))
	}
}

// screen returns the screen of a stream.
func (t *transcript) screen(i int) *screen {
	if t.screens[i] == nil {
		t.screens[i] = newScreen(t.line, func(line string) { t.print(marks[i], line) }, t.bracket)
	}
	return t.screens[i]
}

// told tells of what was withheld.
func (t *transcript) told(i int) {
	if n := t.missing[i]; n > 0 {
		t.missing[i] = 0
		t.notice(fmt.Sprintf("%d bytes of %s are not in the record", n, [...]string{"output", "stderr", "input"}[i]))
	}
}

// notice writes a line of this package's. What a program has begun to print
// before it comes first.
func (t *transcript) notice(words string) {
	for _, s := range t.screens {
		if s != nil {
			s.flush()
		}
	}
	t.bracket(words)
}

func (t *transcript) bracket(words string) {
	t.print("", "["+short(words, max(t.line, leastNotice))+"]")
}

// rest writes what was not finished.
func (t *transcript) rest() {
	for i := range t.screens {
		t.told(i)
		if s := t.screens[i]; s != nil {
			s.close(t.now)
		}
	}
}

func (t *transcript) close(failed error) {
	if t.op == nil || t.full {
		return
	}
	if !t.ended {
		t.rest()
		words := "the record ends here"
		if failed != nil {
			words = "the record cannot be read from here on"
		}
		t.notice(words)
	}
}

// print writes a line, as far as there is room for it.
func (t *transcript) print(mark, line string) {
	const full = "[the transcript ends here: it is as long as it may be, and the record goes on]\n"
	if t.full || t.err != nil {
		return
	}
	text := mark + strings.ReplaceAll(protocol.Visible(line), "\n", `\n`) + "\n"
	if t.left -= int64(len(text)); t.left < 0 {
		t.full = true
		text = full
	}
	_, t.err = t.w.WriteString(text)
}

// short cuts s to n characters.
func short(s string, n int) string {
	if len(s) <= n {
		return s
	}
	at := 0
	for i := range s {
		if at == n {
			return s[:i] + "…"
		}
		at++
	}
	return s
}

// lasted writes a duration for people.
func lasted(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
}
