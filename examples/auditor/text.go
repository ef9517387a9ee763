package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"golang.org/x/term"
)

func wantsColor(f *os.File, getenv func(string) string) bool {
	return getenv("NO_COLOR") == "" && getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// Colours by what they mean.
const (
	plain  = ""
	good   = "32"
	bad    = "31"
	unsure = "33"
	faint  = "2"
	strong = "1"
)

func (a *app) paint(color, s string) string {
	if !a.color || color == plain || s == "" {
		return s
	}
	return "\x1b[" + color + "m" + s + "\x1b[0m"
}

// clean makes text from a record safe to show on one line.
func clean(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(protocol.Visible(s))
}

// short cuts s, which is clean, to n characters.
func short(s string, n int) string {
	if n < 1 || utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// cell is one field of a table.
type cell struct {
	text, color string
	right       bool // aligned
}

// table writes rows in aligned columns; the first is the heading.
func (a *app) table(w io.Writer, rows [][]cell) error {
	var widths []int
	for _, r := range rows {
		for i, c := range r {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for n, r := range rows {
		var b strings.Builder
		for i, c := range r {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text))
			color := c.color
			if n == 0 {
				color = faint
			}
			if i > 0 {
				b.WriteString("  ")
			}
			switch {
			case c.right:
				b.WriteString(pad + a.paint(color, c.text))
			case i == len(r)-1:
				b.WriteString(a.paint(color, c.text))
			default:
				b.WriteString(a.paint(color, c.text) + pad)
			}
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

func lasted(d time.Duration) string {
	switch {
	case d < 0:
		return "?"
	case d < time.Second:
		return fmt.Sprintf("%dms", d.Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}

func plural(n uint64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
