package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// Renderer makes recorded replies readable: one value a line.
type Renderer struct{}

var _ protocol.Renderer = Renderer{}

// Protocol implements protocol.Renderer.
func (Renderer) Protocol() string { return "redis" }

// Render implements protocol.Renderer. A part may begin and end anywhere in a
// reply; what cannot be read as values is shown as it is.
func (Renderer) Render(w io.Writer, kind string, _, payload []byte) error {
	if kind != "reply" {
		return fmt.Errorf("redis: parts of kind %q are unknown", kind)
	}
	src := bytes.NewReader(payload)
	in := bufio.NewReader(src)
	for {
		at := len(payload) - in.Buffered() - src.Len() // where the line begins
		line, err := readLine(in)
		if err != nil || len(line) == 0 { // the rest of a value that began in another part
			if _, err := w.Write(payload[at:]); err != nil || at == len(payload) {
				return err
			}
			_, err := fmt.Fprintln(w)
			return err
		}
		text := string(line[1:])
		switch line[0] {
		case '+', ':', '-':
			text = strings.TrimPrefix(string(line), "+")
		case '*':
			text += " values:"
		case '$':
			if text == "-1" {
				text = "(nothing)"
				break
			}
			n, err := parseCount(line[1:], int64(in.Buffered()))
			if err != nil { // the value goes on in the next part
				text = "value of " + text + " bytes:"
				break
			}
			value := make([]byte, n)
			if _, err := io.ReadFull(in, value); err != nil {
				return err
			}
			_, _ = in.Discard(2)
			text = string(value)
		default:
			text = string(line)
		}
		if _, err := fmt.Fprintln(w, text); err != nil {
			return err
		}
	}
}
