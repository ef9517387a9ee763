package ssh

import (
	"bytes"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// Renderer makes the payload of recorded SSH sessions readable: streams as they
// are, SFTP packets as a line each. The zero value is ready for use. Sessions
// with a terminal are better read as package replay writes them.
type Renderer struct{}

var _ protocol.Renderer = Renderer{}

// Protocol returns "ssh".
func (Renderer) Protocol() string { return "ssh" }

// Render implements protocol.Renderer.
func (Renderer) Render(w io.Writer, kind string, _, payload []byte) error {
	switch kind {
	case "stdin", "stdout", "stderr", "in", "out":
		return renderText(w, payload)
	case "window-change":
		_, err := fmt.Fprintf(w, "terminal is now %s\n", payload)
		return err
	case "signal", "break", "eow@openssh.com":
		_, err := fmt.Fprintf(w, "%s %s\n", kind, payload)
		return err
	case "request":
		return renderPackets(w, payload, renderRequest)
	case "response", "gateway":
		return renderPackets(w, payload, renderResponse)
	}
	return fmt.Errorf("ssh: parts of kind %q are unknown", kind)
}

func renderText(w io.Writer, payload []byte) error {
	_, err := w.Write(payload)
	if err == nil && !bytes.HasSuffix(payload, []byte{'\n'}) {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// renderPackets renders the packets in payload, which holds whole ones.
func renderPackets(w io.Writer, payload []byte, render func(io.Writer, []byte) error) error {
	for len(payload) > 0 {
		packet, _, err := wire.Next(payload)
		if err != nil {
			return fmt.Errorf("ssh: %w", err)
		}
		if packet == nil {
			return fmt.Errorf("ssh: an SFTP packet is cut off")
		}
		payload = payload[len(packet):]
		if err := render(w, packet); err != nil {
			return err
		}
	}
	return nil
}

func renderRequest(w io.Writer, packet []byte) error {
	var hello wire.Hello
	if wire.DecodeHello(packet, &hello) == nil && hello.Kind == wire.Init {
		_, err := fmt.Fprintf(w, "init, version %d\n", hello.Version)
		return err
	}
	var q wire.Request
	if err := wire.DecodeRequest(packet, &q); err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	line := fmt.Sprintf("%d %v", q.ID, q.Kind)
	for _, path := range [][]byte{q.Path, q.Path2} {
		if len(path) > 0 {
			line += fmt.Sprintf(" %q", path)
		}
	}
	switch q.Kind {
	case wire.Read:
		line += fmt.Sprintf(" %d bytes at %d", q.Length, q.Offset)
	case wire.Write:
		line += fmt.Sprintf(" %d bytes at %d", len(q.Data), q.Offset)
	}
	_, err := fmt.Fprintln(w, line)
	return err
}

func renderResponse(w io.Writer, packet []byte) error {
	var hello wire.Hello
	if wire.DecodeHello(packet, &hello) == nil && hello.Kind == wire.VersionReply {
		_, err := fmt.Fprintf(w, "version %d\n", hello.Version)
		return err
	}
	var a wire.Response
	if err := wire.DecodeResponse(packet, &a); err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	line := fmt.Sprintf("%d %v", a.ID, a.Kind)
	switch a.Kind {
	case wire.Status:
		line = fmt.Sprintf("%d %v", a.ID, a.Code)
		if len(a.Message) > 0 {
			line += fmt.Sprintf(": %s", a.Message)
		}
	case wire.Data:
		line += fmt.Sprintf(", %d bytes", len(a.Data))
	case wire.Name:
		var e wire.Entry
		for a.Entries.Next(&e) {
			shown := e.Long
			if len(shown) == 0 {
				shown = e.Name
			}
			line += fmt.Sprintf("\n  %s", shown)
		}
	case wire.Attributes:
		if a.Attrs.Flags&wire.AttrSize != 0 {
			line += fmt.Sprintf(", %d bytes", a.Attrs.Size)
		}
		if a.Attrs.Flags&wire.AttrMode != 0 {
			line += fmt.Sprintf(", mode %o", a.Attrs.Mode&0o7777)
		}
	}
	_, err := fmt.Fprintln(w, line)
	return err
}
