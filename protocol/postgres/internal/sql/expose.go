package sql

import (
	"slices"

	"github.com/sallyport/sallyport/protocol"
)

// Exposure is what of protected columns a statement could bring out, and what
// must be done about it.
type Exposure struct {
	// Refuse, where not empty, says why the statement cannot be carried out;
	// clients read it.
	Refuse string
	// MaskComputed: fields of the result without a column of their own (table
	// OID zero or attribute number not above zero) must be masked whole.
	MaskComputed bool
	// MaskAll: all fields must be masked whole, wherever they are said to come
	// from.
	MaskAll bool
	// HideErrors: errors and notices of the target may quote protected values.
	HideErrors bool
	// Probes: a protected column is used in a condition, an order or an
	// expression. Masking does not hide what the number and order of rows tell.
	Probes bool
}

// Expose tells what of the protected columns the statement could bring out. It
// is a pure function of the two. Where it cannot tell, it expects the worst.
//
// For EXECUTE, FETCH and MOVE it can only say "anything". Where the statement
// of PREPARE or DECLARE is known, its exposure holds for them instead, together
// with Refuse of this one, which looks at the parameters.
func (s *Statement) Expose(g *Guard) Exposure {
	if g == nil || len(g.Relations) == 0 {
		return Exposure{}
	}
	return s.facts.expose(g, s.Effects.Any(protocol.Schema))
}

// Union returns what must be done where both apply.
func (e Exposure) Union(o Exposure) Exposure {
	if e.Refuse == "" {
		e.Refuse = o.Refuse
	}
	e.MaskComputed = e.MaskComputed || o.MaskComputed
	e.MaskAll = e.MaskAll || o.MaskAll
	e.HideErrors = e.HideErrors || o.HideErrors
	e.Probes = e.Probes || o.Probes
	return e
}

func (f *facts) expose(g *Guard, defines bool) Exposure {
	r := f.reach(g)
	e := Exposure{
		MaskComputed: r.seen || f.unknown,
		HideErrors:   r.touched || f.unknown || f.commits || f.hidden != "",
		Probes:       r.probed,
		MaskAll:      r.all,
	}
	e.Refuse = f.refuse(r)
	keeps := f.stores || f.copyOut || f.unknown || defines
	for _, c := range f.calls {
		if c.class == unknown && slices.Contains(g.Harmless, c.name) {
			continue
		}
		if e.Refuse == "" {
			e.Refuse = c.refuse(r.read, keeps)
		}
		switch c.class {
		case unknown:
			e.MaskComputed, e.HideErrors = true, true
		case reveals:
			e.MaskComputed, e.MaskAll = true, true
		}
	}
	// "x.f" may be a call of f with the row x.
	for _, m := range f.mentions {
		if !m.attribute || !slices.Contains(g.RowFunctions, m.name) {
			continue
		}
		e.MaskComputed, e.HideErrors = true, true
		if e.Refuse == "" {
			e.Refuse = call{m.name, unknown}.refuse(r.read, keeps)
		}
	}
	return e
}

func (f *facts) refuse(r reached) string {
	switch {
	case f.hidden != "":
		return "while columns are masked, " + f.hidden + " cannot be used here"
	case r.altered:
		return "a relation with masked columns cannot be altered, and nothing can be derived from it, through this gateway"
	case f.copyOut && r.seen:
		return "COPY would bring out masked columns; name only other columns, or use SELECT"
	case f.stores && r.stored:
		return "masked columns cannot be written elsewhere; leave them out of what is stored"
	case f.unknown && f.stores:
		return "the result of a prepared statement cannot be stored while columns are masked"
	}
	return ""
}

// refuse tells why a function cannot be called: in a statement that reads a
// protected relation, its arguments could be carried away; where something is
// kept (stored, defined, copied out), its result could be the protected values
// that its body reads.
func (c call) refuse(reads, keeps bool) string {
	switch {
	case c.class == runner:
		return "while columns are masked, the function " + c.name + " cannot be called: it reads or runs what the statement does not show"
	case reads && (c.class == unknown || c.class == carrier):
		return "the function " + c.name + " cannot be called in a statement that reads a table with masked columns"
	case keeps && (c.class == unknown || c.class == reveals):
		return "while columns are masked, the result of the function " + c.name + " cannot be stored or copied out: it may hold masked values"
	}
	return ""
}

// reached tells how the statement meets the protected relations.
type reached struct {
	touched bool // names one
	read    bool // its rows can be read
	seen    bool // a protected column can be read
	stored  bool // into something that is written
	altered bool
	probed  bool
	all     bool // fields cannot be told apart
}

func (f *facts) reach(g *Guard) reached {
	var r reached
	for _, u := range f.relations {
		for i := range g.Relations {
			if p := &g.Relations[i]; p.matches(u) {
				f.meet(&r, g, u, p.Columns, p.Derived)
			}
		}
		if columns, ok := builtin(u); ok {
			f.meet(&r, g, u, columns, true)
		}
	}
	return r
}

func (f *facts) meet(r *reached, g *Guard, u relationUse, columns []string, derived bool) {
	r.touched = true
	r.altered = r.altered || u.changed
	if !u.visible {
		return
	}
	r.read = true
	if len(columns) == 0 {
		r.seen, r.probed = true, true
		r.stored = r.stored || u.stored
		r.all = r.all || derived
	}
	for _, m := range f.mentions {
		if !f.reads(m, g, columns) {
			continue
		}
		r.seen = true
		r.probed = r.probed || !m.plain
		r.stored = r.stored || m.stored
		r.all = r.all || derived
	}
}

// reads reports whether a mention can bring out one of the columns: by its
// name, as one of all columns, as a part of the whole row, or as an argument
// of a function that is called as if it were a column.
func (f *facts) reads(m mention, g *Guard, columns []string) bool {
	switch {
	case m.excluded && !slices.Contains(f.aliases, "excluded"):
		return false
	case m.star, slices.Contains(columns, m.name), slices.Contains(f.aliases, m.name):
		return true
	case m.name == "old" || m.name == "new" || m.name == "excluded":
		return true
	case m.attribute:
		return builtinRowFunction(m.name) || slices.Contains(g.RowFunctions, m.name)
	}
	return false
}
