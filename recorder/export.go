package recorder

import (
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// Export writes events as JSON lines: the header of each as it is in the
// journal (docs/record-format.md), with the payload as base64 in "payload".
// Characters that could deceive a reader or command a terminal are escaped, as
// JSON has it, so that the lines mean the same and can be looked at. It stops at
// the first error.
func Export(w io.Writer, events iter.Seq2[*Event, error]) error {
	enc := newEncoder()
	var b []byte
	for e, err := range events {
		if err != nil {
			return err
		}
		b = enc.event(b[:0], e)
		if len(e.Payload) > 0 {
			b = append(b[:len(b)-1], `,"payload":"`...)
			b = base64.StdEncoding.AppendEncode(b, e.Payload)
			b = append(b, `"}`...)
		}
		b = append(b, '\n')
		if _, err := w.Write(escapeJSON(b)); err != nil {
			return err
		}
	}
	return nil
}

// escapeJSON escapes what [protocol.Visible] would, in b, which is JSON.
func escapeJSON(b []byte) []byte {
	clean := true
	for _, c := range b {
		if c >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return b
	}
	out := make([]byte, 0, len(b)+64)
	for _, r := range string(b) {
		s := string(r)
		if r < 0x7f || protocol.Visible(s) == s {
			out = append(out, s...)
			continue
		}
		if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		} else {
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return out
}
