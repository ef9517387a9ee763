package postgres

import (
	"slices"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// hiddenText stands for what an error would have said.
const hiddenText = "[hidden by the gateway: it may show masked values]"

// hideError returns an error or notice as the client may see it, and the
// outcome to record. Where columns are masked, details never pass, because
// they quote values of rows, as those of a unique violation do; nor does the
// message of a statement that touches what is masked.
func (b *backend) hideError(p wire.Piece, fields []wire.ErrorField, e *expectation, r *run) ([]byte, protocol.Outcome) {
	raw := p.Raw
	guarded := b.guards.active() || r != nil && r.guard != nil
	if guarded {
		hide := r == nil || r.expose.HideErrors || e != nil && slices.ContainsFunc(e.runs, hidesErrors)
		for i := range fields {
			switch fields[i].Code {
			case wire.FieldDetail, wire.FieldWhere, wire.FieldInternalQuery:
				fields[i].Value = []byte(hiddenText)
			case wire.FieldMessage, wire.FieldHint:
				if hide {
					fields[i].Value = []byte(hiddenText)
				}
			}
		}
		raw = wire.AppendErrorFields(nil, p.Type, fields)
	}
	o := protocol.Outcome{Result: protocol.Failed}
	for _, f := range fields {
		switch f.Code {
		case wire.FieldCode:
			o.Code = string(f.Value)
		case wire.FieldMessage:
			text := append([]byte(nil), f.Value...)
			b.gate.Masks().Redact(text)
			o.Text = string(text)
		}
	}
	return raw, o
}

// hidesErrors tells of one statement of a Query. What an earlier one has done
// may be checked when the last one ends.
func hidesErrors(r *run) bool { return r.expose.HideErrors }

// severe reports whether the target ends the connection with this error.
func severe(fields []wire.ErrorField) bool {
	for _, f := range fields {
		if f.Code == wire.FieldSeverityPlain || f.Code == wire.FieldSeverity {
			switch string(f.Value) {
			case "FATAL", "PANIC":
				return true
			}
		}
	}
	return false
}
