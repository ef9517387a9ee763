package postgres

import (
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// params decodes parameters by their types, where these are known.
func (f *frontend) params(s *prepared, params []param) []protocol.Param {
	f.queue.mu.Lock()
	types := s.types
	f.queue.mu.Unlock()
	list := make([]protocol.Param, len(params))
	for i, p := range params {
		out := &list[i]
		out.Name = "$" + strconv.Itoa(i+1)
		var oid uint32
		if i < len(types) {
			oid = types[i]
		}
		if oid != 0 {
			out.Type = pgvalue.Name(oid)
		}
		if p.null {
			out.Null = true
			continue
		}
		if p.format == wire.FormatText {
			out.Value = string(p.value)
			continue
		}
		if text, ok := pgvalue.Text(nil, oid, p.format, p.value); ok {
			out.Value = string(text)
		} else {
			out.Raw = p.value
		}
	}
	return list
}

// hideSecrets overwrites what detectors find in text and parameters: the
// record and the approvers see no more. The key still tells apart what is
// really asked for.
func (f *frontend) hideSecrets(op *protocol.Operation) (found bool) {
	set := f.gate.Masks()
	if !set.Detects() {
		return false
	}
	hide := func(text string) (string, bool) {
		f.scratch = append(f.scratch[:0], text...)
		if len(text) == 0 || !set.Suspect(f.scratch) || set.Redact(f.scratch) == 0 {
			return text, false
		}
		found = true
		return string(f.scratch), true
	}
	op.Text, _ = hide(op.Text)
	op.Remark, _ = hide(op.Remark)
	for i := range op.Params {
		p := &op.Params[i]
		p.Value, p.Masked = hide(p.Value)
		if raw, masked := hide(string(p.Raw)); masked {
			p.Raw, p.Masked = []byte(raw), true
		}
	}
	return found
}
