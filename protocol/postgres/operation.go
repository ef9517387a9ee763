package postgres

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// prepare parses the text of a Parse message, which holds one statement.
func (f *frontend) prepare(text string) *prepared {
	q := f.plugin.parser.Parse(f.ctx, text)
	switch len(q.Statements) {
	case 0:
		return &prepared{text: text, stmt: f.plugin.empty}
	case 1:
		return &prepared{text: text, stmt: q.Statements[0], remark: q.Remark}
	}
	// The target refuses this; should it not, it counts as all there is.
	return &prepared{text: text, stmt: f.plugin.unknown, remark: "several statements in a prepared statement"}
}

// examine works out how a statement's results are masked, under the guard
// that is now in force.
func (f *frontend) examine(s *prepared) error {
	g, err := f.guards.current(f.ctx)
	if err != nil {
		return err
	}
	if s.stmt.Verb == "execute" {
		// What EXECUTE runs may be another statement each time.
		inner, ok, err := f.statement([]byte(s.stmt.Name))
		if err != nil || !ok {
			return err
		}
		if err := f.examine(inner); err != nil {
			return err
		}
		s.guard, s.expose = g, g.expose(s.stmt).Union(inner.expose)
		return nil
	}
	if s.guard != g {
		s.guard, s.expose = g, g.expose(s.stmt)
	}
	return nil
}

// innerOf returns what an SQL PREPARE prepares, nil for other statements.
func (f *frontend) innerOf(s *sql.Statement, text string) (*prepared, error) {
	if s.Verb != "prepare" || s.Inner == nil {
		return nil, nil
	}
	inner := &prepared{text: s.Inner.Text(text), stmt: s.Inner}
	return inner, f.examine(inner)
}

// foresee notes how a statement that is about to run changes the names, for
// the statements that come with it.
func (f *frontend) foresee(r *run) {
	switch r.stmt.Verb {
	case "prepare":
		f.seen.setStatement(r.stmt.Name, r.inner)
	case "deallocate":
		if r.stmt.Name == "" {
			f.seen.dropAll()
		} else {
			f.seen.setStatement(r.stmt.Name, nil)
		}
	case "discard", "discard all":
		f.seen.dropAll()
	case "declare", "close":
		f.seen.setPortal(r.stmt.Name, nil)
	}
}

// changesNames reports whether a statement can change what is behind the name
// of a prepared statement or a portal.
func changesNames(s *sql.Statement) bool {
	switch s.Verb {
	case "prepare", "deallocate", "discard", "discard all", "declare", "close", "unknown":
		return true
	}
	return false
}

// apply does to the names what a statement that succeeded has done at the
// target. The caller holds the queue's mutex.
func (n *names) apply(r *run) {
	if r == nil {
		return
	}
	switch r.stmt.Verb {
	case "prepare":
		n.setStatement(r.stmt.Name, r.inner)
	case "deallocate":
		if r.stmt.Name == "" {
			clear(n.statements)
		} else {
			n.setStatement(r.stmt.Name, nil)
		}
	case "discard", "discard all":
		clear(n.statements)
		clear(n.portals)
	case "declare", "close":
		if r.stmt.Name == "" {
			clear(n.portals)
		} else {
			n.setPortal(r.stmt.Name, nil)
		}
	}
}

// operation describes a statement for judging and for the record.
func (f *frontend) operation(s *prepared, params []param) (protocol.Operation, error) {
	op := protocol.Operation{
		Verb: s.stmt.Verb, Text: s.text, Effects: s.stmt.Effects, Objects: s.stmt.Objects,
		Remark: remarks(s.remark, s.stmt.Remark),
	}
	if s.stmt.Verb == "execute" {
		inner, ok, err := f.statement([]byte(s.stmt.Name))
		switch {
		case err != nil:
			return op, err
		case !ok:
			op.Effects = protocol.Everything
			op.Refuse = fmt.Sprintf("prepared statement %q does not exist", s.stmt.Name)
		default:
			// The statement itself, and what its arguments call.
			op.Effects = inner.stmt.Effects
			for _, o := range s.stmt.Objects {
				op.Effects |= o.Effects
			}
			op.Objects = append(append([]protocol.Object(nil), op.Objects...), inner.stmt.Objects...)
			op.Remark = remarks(op.Remark, "runs: "+inner.text)
		}
	}
	if len(params) > 0 {
		op.Params = f.params(s, params)
	}
	if op.Refuse == "" {
		op.Refuse = s.refuse
	}
	if op.Refuse == "" {
		op.Refuse = refusedSetting(s.stmt)
	}
	if op.Refuse == "" {
		op.Refuse = s.expose.Refuse
	}
	f.hideSecrets(&op, s, params)
	return op, nil
}

func remarks(list ...string) string {
	var kept []string
	for _, r := range list {
		if r != "" {
			kept = append(kept, r)
		}
	}
	return strings.Join(kept, "; ")
}

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
func (f *frontend) hideSecrets(op *protocol.Operation, s *prepared, params []param) {
	set := f.gate.Masks()
	if !set.Detects() {
		return
	}
	found := false
	hide := func(text string) (string, bool) {
		b := []byte(text)
		if set.Redact(b) == 0 {
			return text, false
		}
		found = true
		return string(b), true
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
	if !found {
		return
	}
	parts := [][]byte{[]byte(op.Verb), []byte(s.text)}
	for _, p := range params {
		parts = append(parts, p.value)
	}
	op.Key = protocol.OperationKey(parts...)
}

// refusedSetting returns why a statement may not change a setting: the
// gateway reads text as UTF-8 and strings as the standard says.
func refusedSetting(s *sql.Statement) string {
	for _, c := range s.Settings {
		switch c.Name {
		case "client_encoding":
			if c.Known && !isUTF8(c.Value) || c.Known && strings.EqualFold(c.Value, "sql_ascii") {
				return "the gateway reads text as UTF8; client_encoding cannot be changed"
			}
		case "standard_conforming_strings":
			if c.Known && !isOn(c.Value) {
				return "the gateway reads strings as the SQL standard says; standard_conforming_strings must stay on"
			}
		}
	}
	return ""
}

// fenceFor returns the fence that a statement puts up: it could change how the
// target reads text in a way that its own text does not show.
func fenceFor(s *sql.Statement) fence {
	for _, c := range s.Settings {
		if !c.Known && (c.Name == "" || c.Name == "client_encoding" || c.Name == "standard_conforming_strings") {
			return fenceComputed
		}
	}
	if s.Effects.Any(protocol.Code | protocol.Opaque) {
		return fenceCode
	}
	return 0
}

func isOn(value string) bool {
	switch strings.ToLower(value) {
	case "on", "true", "yes", "1", "t", "y", "tr", "tru", "ye":
		return true
	}
	return false
}
