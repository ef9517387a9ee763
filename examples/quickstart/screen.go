//go:build unix

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/sallyport/sallyport/protocol"
)

// screen writes the tour for people: in colour on a terminal that wants it,
// and as plain lines everywhere else.
type screen struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	color    bool
}

func newScreen(w io.Writer) *screen {
	s := &screen{w: w}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.terminal = os.Getenv("TERM") != "dumb"
		s.color = s.terminal && os.Getenv("NO_COLOR") == ""
	}
	return s
}

// The colours, as ANSI's numbers.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

func (s *screen) paint(color, text string) string {
	if !s.color || color == "" || text == "" {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

func (s *screen) title(text string) { s.line("\n%s", s.paint(bold, text)) }

// line writes one line. What comes from a record or a server goes through
// protocol.Visible before it gets here.
func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintf(s.w, format+"\n", args...)
}

// width is how wide lines get before they are broken.
const width = 100

// item writes a name and what is said of it, aligned, with what does not fit
// on one line below. The text is from elsewhere and is made visible.
func (s *screen) item(indent, wide int, color, name, format string, args ...any) {
	text := protocol.Visible(fmt.Sprintf(format, args...))
	for i, line := range wrap(text, width-indent-wide-2) {
		if i > 0 {
			name = ""
		}
		padded := fmt.Sprintf("%-*s", wide, name)
		if line == "" {
			padded = name
		}
		s.line("%*s%s%s", indent, "", s.paint(color, padded), strings.TrimRight("  "+line, " "))
	}
}

// field writes a property of something.
func (s *screen) field(name, format string, args ...any) { s.item(2, 9, dim, name, format, args...) }

// wrap breaks text at blanks into lines of at most limit characters, where
// its words allow that. It returns at least one line.
func wrap(text string, limit int) []string {
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case utf8.RuneCountInString(*last)+1+utf8.RuneCountInString(word) <= limit:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// step does something that takes a while and says how long it took. On a
// terminal the seconds count up meanwhile.
func (s *screen) step(name string, do func() error) error {
	const wide = 40
	start := time.Now()
	done, ticked := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ticked)
		if !s.terminal {
			return
		}
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			s.mu.Lock()
			fmt.Fprintf(s.w, "\r  %-*s %5.1f s ", wide, name+" ...", time.Since(start).Seconds())
			s.mu.Unlock()
			select {
			case <-tick.C:
			case <-done:
				fmt.Fprint(s.w, "\r\x1b[K")
				return
			}
		}
	}()
	err := do()
	close(done)
	<-ticked
	if err == nil {
		s.line("  %-*s %5.1f s", wide, name, time.Since(start).Seconds())
	}
	return err
}

// cut shortens a line and shows that it did.
func cut(line string, limit int) string {
	if r := []rune(line); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return line
}
