package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

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
	if !s.color || text == "" {
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

// field writes a name and what is said of it, aligned.
func (s *screen) field(name, format string, args ...any) {
	s.line("  %s  %s", s.paint(dim, fmt.Sprintf("%-9s", name)), fmt.Sprintf(format, args...))
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

// oneLine makes text fit for one line of the screen.
func oneLine(text string, limit int) string {
	return cut(protocol.Visible(strings.Join(strings.Fields(text), " ")), limit)
}

// cut shortens a line and shows that it did.
func cut(line string, limit int) string {
	if r := []rune(line); len(r) > limit {
		return string(r[:limit-3]) + "..."
	}
	return line
}
