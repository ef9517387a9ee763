// Package render makes recorded PostgreSQL messages readable.
package render

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// KindPiece is the kind of a part that starts inside a message: all of it
// belongs to that message, which says nothing about itself any more.
const KindPiece = "piece"

// Render writes payload to w as lines of text. The payload is messages of a
// server, or the data of a COPY from a client, one behind the other; the last
// one may be cut. shape is the RowDescription message that tells how to read
// rows, nil where the payload has its own or none is known.
//
// A table has a line of column names and a line for each row, in which line
// ends inside values are escaped; a value that can't be decoded is shown in hex.
// Cells are cut where their text is far longer than what was sent. Keys and
// login messages are not shown. What is no PostgreSQL message is an error; the
// lines before it have been written. Other control characters are passed
// through.
func Render(w io.Writer, kind string, shape, payload []byte) error {
	r := renderer{out: bufio.NewWriter(w)}
	err := r.render(kind, shape, payload)
	if flushed := r.out.Flush(); flushed != nil {
		return flushed
	}
	return err
}

type renderer struct {
	out     *bufio.Writer
	columns []wire.Column
	known   bool // columns are
	widths  []int
	inline  bool // columns came in the payload
	headed  bool // the names were written
	cells   [][]byte
}

func (r *renderer) render(kind string, shape, payload []byte) error {
	if kind == KindPiece {
		r.data(payload)
		return nil
	}
	if len(shape) > 0 {
		typ, body, rest, err := split(shape)
		if err != nil || typ != wire.TypeRowDescription || body == nil || len(rest) > 0 {
			return errors.New("the shape is no RowDescription")
		}
		if err := r.describe(body); err != nil {
			return err
		}
	}
	for len(payload) > 0 {
		typ, body, rest, err := split(payload)
		if err != nil {
			return err
		}
		if body == nil {
			r.cut(payload)
			return nil
		}
		if typ == wire.TypeDataRow && r.widths == nil {
			r.measure(payload)
		}
		if err := r.message(typ, body); err != nil {
			return err
		}
		payload = rest
	}
	return nil
}

// split takes the first message off. A nil body means that it is cut.
func split(b []byte) (typ byte, body, rest []byte, err error) {
	if len(b) < wire.HeaderSize {
		return b[0], nil, nil, nil
	}
	n := int64(binary.BigEndian.Uint32(b[1:])) + 1
	if n < wire.HeaderSize {
		return 0, nil, nil, fmt.Errorf("message '%c' has an impossible length", b[0])
	}
	if n > int64(len(b)) {
		return b[0], nil, nil, nil
	}
	return b[0], b[wire.HeaderSize:n], b[n:], nil
}

// cut shows the beginning of a message whose end is elsewhere.
func (r *renderer) cut(b []byte) {
	if len(b) < wire.HeaderSize {
		r.line("… a message is cut after %d bytes", len(b))
		return
	}
	if b[0] == wire.TypeCopyData {
		r.data(b[wire.HeaderSize:])
	}
	r.line("… a message of %d bytes, of which %d are here", int64(binary.BigEndian.Uint32(b[1:]))+1, len(b))
}

func (r *renderer) line(format string, args ...any) {
	_, _ = fmt.Fprintf(r.out, format, args...)
	_ = r.out.WriteByte('\n')
}

// message writes one message.
func (r *renderer) message(typ byte, body []byte) error {
	switch typ {
	case wire.TypeRowDescription:
		r.inline = true
		return r.describe(body)
	case wire.TypeDataRow:
		return r.row(body)
	case wire.TypeCopyData:
		r.data(body)
		return nil
	case wire.TypeErrorResponse, wire.TypeNoticeResponse:
		return r.report(body)
	}
	return r.small(typ, body)
}

// small writes messages that take a line at most.
func (r *renderer) small(typ byte, body []byte) error {
	switch typ {
	case wire.TypeCommandComplete:
		if r.inline { // the names of an empty result
			r.head()
		}
		r.widths = nil
		tag, err := wire.ParseCommandComplete(body)
		if err != nil {
			return err
		}
		r.line("%s", tag)
	case wire.TypeNotificationResponse:
		n, err := wire.ParseNotification(body)
		if err != nil {
			return err
		}
		r.line("NOTIFY %s: %s (from process %d)", inline(n.Channel), inline(n.Payload), n.PID)
	case wire.TypeParameterStatus:
		name, value, err := wire.ParseParameterStatus(body)
		if err != nil {
			return err
		}
		r.line("%s = %s", inline(name), inline(value))
	case wire.TypeCopyInResponse, wire.TypeCopyOutResponse, wire.TypeCopyBothResponse:
		return r.copying(typ, body)
	case wire.TypeParameterDescription:
		oids, err := wire.ParseParameterDescription(body)
		if err != nil {
			return err
		}
		types := make([]string, oids.Len())
		for i := range types {
			types[i] = typeName(oids.At(i))
		}
		r.line("parameters: %s", strings.Join(types, ", "))
	case wire.TypeCopyFail:
		reason, err := wire.ParseCopyFail(body)
		if err != nil {
			return err
		}
		r.line("copy given up: %s", inline(reason))
	case wire.TypePortalSuspended:
		r.line("(suspended, more rows may follow)")
	case wire.TypeEmptyQueryResponse:
		r.line("(empty query)")
	case wire.TypeFunctionCallResponse:
		r.line("(function result of %d bytes)", len(body))
	case wire.TypeReadyForQuery, wire.TypeParseComplete, wire.TypeBindComplete, wire.TypeCloseComplete, wire.TypeNoData,
		wire.TypeCopyDone, wire.TypeAuthentication, wire.TypeBackendKeyData, wire.TypeNegotiateProtocolVersion:
		// nothing that a reader would miss
	default:
		return fmt.Errorf("0x%02x is no type of message that a server sends", typ)
	}
	return nil
}

func (r *renderer) copying(typ byte, body []byte) error {
	m, err := wire.ParseCopy(body)
	if err != nil {
		return err
	}
	way := map[byte]string{wire.TypeCopyInResponse: "in", wire.TypeCopyOutResponse: "out", wire.TypeCopyBothResponse: "both ways"}[typ]
	format := "text"
	if m.Binary {
		format = "binary"
	}
	r.line("copy %s, %s format, %d columns", way, format, m.Columns.Len())
	return nil
}

// report writes an error or a notice.
func (r *renderer) report(body []byte) error {
	m, err := wire.ParseMessage(body)
	if err != nil {
		return err
	}
	severity := inline([]byte(m.Severity))
	if m.Code != "" && m.Code != "00000" {
		severity += " " + inline([]byte(m.Code))
	}
	r.line("%s: %s", severity, indent(m.Text))
	if m.Detail != "" {
		r.line("  DETAIL: %s", indent(m.Detail))
	}
	if m.Hint != "" {
		r.line("  HINT: %s", indent(m.Hint))
	}
	return nil
}

func indent(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r", `\r`), "\n", "\n    ")
}

func typeName(oid uint32) string {
	if name := pgvalue.Name(oid); name != "" {
		return name
	}
	return fmt.Sprintf("type %d", oid)
}
