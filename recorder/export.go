package recorder

import (
	"encoding/base64"
	"io"
	"iter"
)

// Export writes events as JSON lines: the header of each as it is in the
// journal (docs/record-format.md), with the payload as base64 in "payload". It
// stops at the first error.
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
		if _, err := w.Write(b); err != nil {
			return err
		}
	}
	return nil
}
