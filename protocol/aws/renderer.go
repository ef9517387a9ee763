package aws

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/wire"
)

// Renderer makes the payload of recorded AWS calls readable: answers, heads and
// bodies as they are, JSON with its lines, events one by one. The zero value is ready
// for use.
type Renderer struct{}

var _ protocol.Renderer = Renderer{}

// Protocol returns "aws".
func (Renderer) Protocol() string { return "aws" }

// Render implements protocol.Renderer.
func (r Renderer) Render(w io.Writer, kind string, _, payload []byte) error {
	switch {
	case kind == "event":
		frames := wire.NewFrames(bytes.NewReader(payload), 0)
		for {
			f, err := frames.Next()
			if err == io.EOF {
				return nil
			}
			if err != nil {
				return fmt.Errorf("aws: %w", err)
			}
			if _, err := fmt.Fprintf(w, "%s %s: %s\n", f.Message, f.Type, f.Payload); err != nil {
				return err
			}
		}
	case kind == "response":
		head, body, _ := bytes.Cut(payload, []byte("\r\n\r\n"))
		if err := r.Render(w, "head", nil, head); err != nil || len(body) == 0 {
			return err
		}
		return r.Render(w, "body", nil, body)
	case kind == "head" || kind == "body" || kind == "gateway" || kind == "object" || strings.HasPrefix(kind, "large"):
		text := payload
		var lines bytes.Buffer
		if json.Indent(&lines, payload, "", "  ") == nil {
			text = lines.Bytes()
		}
		_, err := fmt.Fprintf(w, "%s\n", bytes.TrimRight(text, "\r\n"))
		return err
	}
	return fmt.Errorf("aws: parts of kind %q are unknown", kind)
}
