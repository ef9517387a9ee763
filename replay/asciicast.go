package replay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// CastOptions are the settings of Asciicast. The zero value is good: the
// session's first shell or command, in the newest format.
type CastOptions struct {
	// Exchange is which exchange; zero means the first shell or command.
	Exchange protocol.ExchangeID
	// Version is the format's, 2 or 3. Zero means 3.
	Version int
	// Title is shown by players; empty means none.
	Title string
	// IdleLimit makes players shorten pauses to this; zero means that they
	// decide themselves.
	IdleLimit time.Duration
}

// Asciicast writes one exchange of a session as a recording in the format of
// asciinema, version 2 or 3 (docs.asciinema.org/manual/asciicast). Time begins
// when the operation was allowed. Output is "o", input that was recorded "i", a new
// size of the terminal "r"; what the record says of the exchange (notes, what
// was withheld, how it ended) becomes markers, "m", and in version 3 an exit
// status "x". Where there was no terminal, lines are made to begin at the left.
//
// Bytes that are not UTF-8 become U+FFFD; a character that is cut between two
// events is put together. All else is exactly what the client got: escape
// sequences too, so a recording of a target that is not trusted belongs into the player
// in a browser, not into a terminal.
//
// It fails with an error that wraps [ErrNothing] where there is no such
// exchange, and stops at the first event that cannot be read. What was written
// until then is a recording that plays.
func Asciicast(w io.Writer, events iter.Seq2[*recorder.Event, error], opts CastOptions) error {
	switch opts.Version {
	case 0:
		opts.Version = 3
	case 2, 3:
	default:
		return fmt.Errorf("CastOptions.Version: asciicast has no version %d here; 2 and 3 are written", opts.Version)
	}
	c := &cast{w: bufio.NewWriterSize(w, 32<<10), opts: opts}
	var failed error
	for e, err := range exchange(events, opts.Exchange) {
		if err != nil {
			failed = err
			break
		}
		c.event(e)
		if c.err != nil {
			return c.err
		}
	}
	if c.op != nil {
		c.close(failed)
	}
	if err := c.w.Flush(); c.err == nil {
		c.err = err
	}
	return errors.Join(failed, c.err)
}

// cast writes a recording.
type cast struct {
	w     *bufio.Writer
	opts  CastOptions
	err   error // the first one of w
	op    *protocol.Operation
	term  terminal
	clock clock
	head  bool          // has been written
	last  time.Duration // of the last event written
	now   time.Duration

	carried [3]carry // of stdout, stderr, stdin
	cr      bool     // the last byte of output was a carriage return
	missing int64    // withheld since the last marker
	ended   bool
}

// carry is the beginning of a character whose rest has not come.
type carry struct {
	b [utf8.UTFMax]byte
	n int
}

func (c *cast) event(e *recorder.Event) {
	if e.Kind == recorder.KindOperation && c.op == nil {
		op := *e.Operation
		c.op, c.term = &op, terminalOf(&op)
		c.clock.at(e.Time)
		return
	}
	if !c.head && e.Kind == recorder.KindDecision {
		c.clock = clock{} // people were asked; what matters begins now
		c.clock.at(e.Time)
	}
	c.now = c.clock.at(e.Time)
	if e.Kind == recorder.KindDecision {
		return
	}
	c.header()
	s := streamOf(e)
	if n := withheld(e); n > 0 && (s == stdout || s == stderr) {
		c.missing += n
		return
	}
	if c.missing > 0 {
		c.marker(fmt.Sprintf("%d bytes of output are not in the record", c.missing))
		c.missing = 0
	}
	switch s {
	case window:
		if columns, rows, ok := resize(e.Payload); ok {
			c.write("r", strconv.Itoa(columns)+"x"+strconv.Itoa(rows))
		}
	case stdout, stderr:
		c.text("o", int(s-stdout), e.Payload)
	case stdin:
		if !e.Part.Withheld {
			c.text("i", int(s-stdout), e.Payload)
		}
	}
	if e.Note != nil && (e.Note.Kind != "" || e.Note.Text != "") {
		c.marker(protocol.Visible(join(e.Note.Kind, e.Note.Text)))
	}
	if e.Kind == recorder.KindEnd && e.Outcome != nil {
		c.end(e.Outcome)
	}
}

func join(kind, text string) string {
	switch {
	case kind == "":
		return text
	case text == "":
		return kind
	}
	return kind + ": " + text
}

// end writes how the exchange ended.
func (c *cast) end(o *protocol.Outcome) {
	c.rest()
	c.ended = true
	status, err := strconv.ParseUint(o.Code, 10, 32)
	if o.Code == "" && o.Result == protocol.OK {
		err = nil
	}
	if o.Result != protocol.OK {
		c.marker(protocol.Visible(join("ended: "+o.Result.String(), o.Text)))
	}
	if err == nil && c.opts.Version == 3 {
		c.write("x", strconv.FormatUint(status, 10))
	}
}

// close ends the recording.
func (c *cast) close(failed error) {
	c.header()
	c.rest()
	switch {
	case failed != nil:
		c.marker("the record cannot be read from here on")
	case c.missing > 0:
		c.marker(fmt.Sprintf("%d bytes of output are not in the record", c.missing))
	case !c.ended:
		c.marker("the record ends here")
	}
}

func (c *cast) header() {
	if c.head {
		return
	}
	c.head = true
	start := c.clock.start.Unix()
	if c.opts.Version == 2 {
		c.printf(`{"version": 2, "width": %d, "height": %d, "timestamp": %d`, c.term.columns, c.term.rows, start)
	} else {
		c.printf(`{"version": 3, "term": {"cols": %d, "rows": %d`, c.term.columns, c.term.rows)
		if c.term.kind != "" {
			c.printf(`, "type": `)
			c.quoted(c.term.kind)
		}
		c.printf(`}, "timestamp": %d`, start)
	}
	if c.opts.IdleLimit > 0 {
		c.printf(`, "idle_time_limit": %s`, seconds(c.opts.IdleLimit))
	}
	if c.op.Verb == "exec" && c.op.Text != "" {
		c.printf(`, "command": `)
		c.quoted(c.op.Text)
	}
	if c.opts.Title != "" {
		c.printf(`, "title": `)
		c.quoted(c.opts.Title)
	}
	if c.opts.Version == 2 && c.term.kind != "" {
		c.printf(`, "env": {"TERM": `)
		c.quoted(c.term.kind)
		c.printf(`}`)
	}
	c.printf("}\n")
}

// most is how much text one event has at most.
const most = 16 << 10

// text writes events with what b adds to a stream.
func (c *cast) text(code string, stream int, b []byte) {
	held := &c.carried[stream]
	for held.n > 0 && len(b) > 0 {
		if utf8.RuneStart(b[0]) { // the rest does not come
			c.piece(code, held.b[:held.n])
			held.n = 0
			break
		}
		held.b[held.n] = b[0]
		held.n++
		b = b[1:]
		if utf8.FullRune(held.b[:held.n]) {
			c.piece(code, held.b[:held.n])
			held.n = 0
		}
	}
	for len(b) > 0 {
		n := cut(b)
		if n == 0 {
			held.n = copy(held.b[:], b)
			return
		}
		c.piece(code, b[:n])
		b = b[n:]
	}
}

// cut returns how much of b to write at once: no more than most, and no part
// of a character; 0 where b is the beginning of one.
func cut(b []byte) int {
	n := min(len(b), most)
	for i := 1; i <= utf8.UTFMax-1 && i <= n; i++ {
		if c := b[n-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[n-i:n]) {
				return n - i
			}
			break
		}
	}
	return n
}

// rest writes the beginnings of characters that were not finished.
func (c *cast) rest() {
	for s, code := range [...]string{"o", "o", "i"} {
		if held := &c.carried[s]; held.n > 0 {
			c.piece(code, held.b[:held.n])
			held.n = 0
		}
	}
}

func (c *cast) piece(code string, b []byte) {
	c.begin(code)
	if code == "o" && !c.term.pty {
		c.lines(b)
	} else {
		c.escaped(string(b))
	}
	c.printf("\"]\n")
}

// lines writes text of a program that had no terminal, which would have made a
// line feed begin a line.
func (c *cast) lines(b []byte) {
	from := 0
	for i, x := range b {
		if x == '\n' && !c.cr {
			c.escaped(string(b[from:i]))
			c.printf(`\r`)
			from = i
		}
		c.cr = x == '\r'
	}
	c.escaped(string(b[from:]))
}

func (c *cast) marker(label string) { c.write("m", label) }

func (c *cast) write(code, data string) {
	c.begin(code)
	c.escaped(data)
	c.printf("\"]\n")
}

// begin begins an event.
func (c *cast) begin(code string) {
	at := c.now
	if c.opts.Version == 3 {
		at -= c.last
	}
	c.last = c.now
	c.printf(`[%s, "%s", "`, seconds(at), code)
}

// seconds writes a time exactly, to the microsecond.
func seconds(d time.Duration) string {
	us := d.Microseconds()
	return fmt.Sprintf("%d.%06d", us/1e6, us%1e6)
}

func (c *cast) printf(format string, args ...any) {
	if c.err == nil {
		_, c.err = fmt.Fprintf(c.w, format, args...)
	}
}

func (c *cast) quoted(s string) {
	c.printf(`"`)
	c.escaped(s)
	c.printf(`"`)
}

// escaped writes s as the inside of a JSON string. What could deceive the
// reader of the file or command their terminal is escaped: it means the same.
func (c *cast) escaped(s string) {
	if c.err == nil {
		c.err = escape(c.w, s)
	}
}
