// Package replay turns recorded terminal sessions into files that people watch
// and read: [Asciicast] into recordings that the asciinema player plays,
// [Transcript] into text.
//
// Both take one exchange of a session, a shell or a command, from the events
// of package recorder, as they stream: memory is bounded whatever the session
// holds. They show what the record holds, and so what was masked stays masked
// and what was withheld is counted.
//
//	record, err := recorder.Open(dir)
//	…
//	err = replay.Asciicast(file, record.Events(session), replay.CastOptions{})
//
// # What is read
//
// An exchange whose operation has parameters of type "pty" had a terminal:
// "TERM" is its type, "columns" and "rows" its size. Output parts of kind
// "stderr" are what the program said beside its output, all others its output;
// input parts of kind "stdin" are what it read, those of kind "window-change"
// new sizes of the terminal as "120x40".
package replay

import (
	"errors"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// ErrNothing means that the events hold no such exchange: none of that number,
// or, where none was asked for, no shell, no command and nothing else with a
// terminal.
var ErrNothing = errors.New("there is no such shell or command in the session")

const (
	defaultColumns, defaultRows = 80, 24
	// mostSize is the largest width and height that are believed: players
	// reserve memory for a screen.
	mostSize = 1000
)

// terminal is what is known of the terminal of an exchange.
type terminal struct {
	pty           bool
	kind          string
	columns, rows int
}

func terminalOf(o *protocol.Operation) terminal {
	t := terminal{columns: defaultColumns, rows: defaultRows}
	for _, p := range o.Params {
		if p.Type != "pty" {
			continue
		}
		t.pty = true
		switch p.Name {
		case "TERM":
			t.kind = p.Value
		case "columns":
			t.columns = size(p.Value, defaultColumns)
		case "rows":
			t.rows = size(p.Value, defaultRows)
		}
	}
	return t
}

// size reads a width or height; what is none, or absurd, becomes def.
func size(s string, def int) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > mostSize {
		return def
	}
	return n
}

// resize reads "120x40".
func resize(payload []byte) (columns, rows int, ok bool) {
	if len(payload) > 32 {
		return 0, 0, false
	}
	x, y, ok := strings.Cut(string(payload), "x")
	columns, rows = size(x, 0), size(y, 0)
	return columns, rows, ok && columns > 0 && rows > 0
}

// exchange yields the events of one exchange, beginning with its operation.
func exchange(events iter.Seq2[*recorder.Event, error], id protocol.ExchangeID) iter.Seq2[*recorder.Event, error] {
	return func(yield func(*recorder.Event, error) bool) {
		found := false
		for e, err := range events {
			if err != nil {
				yield(nil, err)
				return
			}
			if !found && e.Operation != nil && e.Kind == recorder.KindOperation {
				if id == 0 && (e.Operation.Verb == "shell" || e.Operation.Verb == "exec" || terminalOf(e.Operation).pty) {
					id = e.Exchange
				}
				found = id != 0 && e.Exchange == id
			}
			if found && e.Exchange == id && !yield(e, nil) {
				return
			}
		}
		if !found {
			yield(nil, ErrNothing)
		}
	}
}

// stream tells which stream a part belongs to.
type stream uint8

const (
	none stream = iota
	stdout
	stderr
	stdin
	window
)

func streamOf(e *recorder.Event) stream {
	switch {
	case e.Part == nil:
		return none
	case e.Kind == recorder.KindInput && e.Part.Kind == "window-change":
		return window
	case e.Kind == recorder.KindInput && e.Part.Kind == "stdin":
		return stdin
	case e.Kind == recorder.KindInput:
		return none
	case e.Part.Kind == "stderr":
		return stderr
	}
	return stdout
}

// withheld returns how many bytes of a part are not in the record.
func withheld(e *recorder.Event) int64 {
	if e.Part == nil || !e.Part.Withheld {
		return 0
	}
	return max(0, e.Part.Length)
}

// clock tells times from the first one on, which never go back.
type clock struct {
	start time.Time
	last  time.Duration
}

// at returns the time of an event in whole microseconds.
func (c *clock) at(t time.Time) time.Duration {
	if c.start.IsZero() {
		c.start = t
	}
	c.last = max(c.last, t.Sub(c.start).Round(time.Microsecond))
	return c.last
}
