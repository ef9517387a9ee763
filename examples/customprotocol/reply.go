package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

const (
	chunk    = 32 << 10 // how much of a value is in memory at once
	overlap  = 4 << 10  // a secret up to this length is found wherever chunks meet
	maxItems = 1 << 20  // of one array
	maxDepth = 8
)

// reply relays one reply from the target: it reads, hides and hands on, piece
// by piece, whatever the reply's size.
type reply struct {
	in    *bufio.Reader
	masks *mask.Set
	emit  func(protocol.Part) error // a piece that is not the last
	out   []byte                    // what the next piece will be
	units int64                     // values in out
	hid   int                       // of them with something hidden

	outcome protocol.Outcome
}

// relay reads the whole reply. What is left in out goes with the outcome.
func (r *reply) relay() error {
	r.out, r.units, r.hid, r.outcome = r.out[:0], 0, 0, protocol.Outcome{Result: protocol.OK}
	return r.value(0)
}

// part takes what was collected.
func (r *reply) part() protocol.Part {
	p := protocol.Part{Kind: "reply", Data: r.out, Units: r.units, Masked: r.hid}
	r.units, r.hid = 0, 0
	return p
}

func (r *reply) flush(limit int) error {
	if len(r.out) < limit {
		return nil
	}
	err := r.emit(r.part())
	r.out = r.out[:0]
	return err
}

// value relays one value: a line, a bulk string or an array of values.
func (r *reply) value(depth int) error {
	line, err := readLine(r.in)
	if err != nil {
		return unexpected(err)
	}
	if len(line) == 0 {
		return fmt.Errorf("%w: an empty line", errWire)
	}
	kind, text := line[0], line[1:]
	switch kind {
	case '+', '-', ':':
		if r.masks.Redact(text) > 0 {
			r.hid++
			if kind == ':' { // a number must stay one
				for i := range text {
					if text[i] == '*' {
						text[i] = '0'
					}
				}
			}
		}
		if kind == '-' && depth == 0 {
			code, _, _ := bytes.Cut(text, []byte(" "))
			r.outcome = protocol.Outcome{Result: protocol.Failed, Code: string(code), Text: string(text)}
		}
		r.line(kind, text)
		return r.flush(chunk)
	case '$', '*':
		if string(text) == "-1" {
			r.line(kind, text)
			return nil
		}
	}
	switch {
	case kind == '$':
		n, err := parseCount(text, maxDrain)
		if err != nil {
			return err
		}
		r.line(kind, text)
		return r.bulk(n)
	case kind == '*' && depth < maxDepth:
		n, err := parseCount(text, maxItems)
		if err != nil {
			return err
		}
		r.line(kind, text)
		for range n {
			if err := r.value(depth + 1); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a reply of type %q", errWire, kind)
}

func (r *reply) line(kind byte, text []byte) {
	r.out = append(r.out, kind)
	r.out = append(r.out, text...)
	r.out = append(r.out, "\r\n"...)
	if kind != '*' {
		r.units++
		r.outcome.Units++
	}
}

// bulk relays a string of n bytes. Detectors look at windows that overlap, and
// what one of them hides stays hidden in the next.
func (r *reply) bulk(n int64) error {
	var raw, shown []byte // the window: as it came, and with secrets hidden
	hid := 0
	for {
		kept := len(raw)
		size := int(min(n, chunk))
		raw = append(raw, make([]byte, size)...)
		if _, err := io.ReadFull(r.in, raw[kept:]); err != nil {
			return unexpected(err)
		}
		n -= int64(size)
		next := bytes.Clone(raw)
		hid += r.masks.Redact(next)
		for i := range kept {
			if shown[i] != raw[i] {
				next[i] = shown[i]
			}
		}
		shown = next
		done := len(shown)
		if n > 0 && r.masks.Detects() {
			done = max(0, done-overlap)
		}
		r.out = append(r.out, shown[:done]...)
		raw, shown = raw[done:], shown[done:]
		if n == 0 {
			break
		}
		if err := r.flush(1); err != nil {
			return err
		}
	}
	if hid > 0 {
		r.hid++
	}
	r.out = append(r.out, "\r\n"...)
	if err := readEnd(r.in); err != nil {
		return err
	}
	return r.flush(chunk)
}

// errorLine is an error in RESP's words: one line, with a code in front.
func errorLine(code, text string) []byte {
	text = protocol.Visible(text)
	b := append([]byte("-"), code...)
	b = append(b, ' ')
	for _, c := range []byte(text) {
		if c == '\n' || c == '\r' || c == '\t' {
			c = ' '
		}
		b = append(b, c)
	}
	return append(b, "\r\n"...)
}
