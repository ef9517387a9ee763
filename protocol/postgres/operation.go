package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
)

// item is an operation that is about to be admitted, and what carries it out.
type item struct {
	op protocol.Operation
	// code is the SQLSTATE of a refusal.
	code string
	run  *run
	// last is what runs in the end: the statement itself, or what it names.
	last *prepared
	// parse is the statement that is only prepared, and the expectation that
	// ends it.
	parse *prepared
	owed  *expectation
}

// refuse says why the item can't be carried out. The first reason counts.
func (it *item) refuse(code, why string) {
	if it.op.Refuse == "" && why != "" {
		it.op.Refuse, it.code = why, code
	}
}

// prepare parses the text of a Parse message, which holds one statement.
func (f *frontend) prepare(text string) (*prepared, error) {
	q, err := f.read(text)
	if err != nil {
		return nil, err
	}
	switch len(q.Statements) {
	case 0:
		return &prepared{text: text, stmt: f.plugin.empty}, nil
	case 1:
		return &prepared{text: text, stmt: q.Statements[0], remark: q.Remark}, nil
	}
	// The target refuses this; should it not, it counts as all there is.
	return &prepared{text: text, stmt: f.plugin.unknown, remark: "several statements in a prepared statement"}, nil
}

// maxChain bounds how far statements may run each other by name.
const maxChain = 4

// chain is what a statement runs that it only names: EXECUTE a prepared
// statement, FETCH and MOVE a portal, which may in turn run another.
type chain struct {
	links  []*prepared
	params []param // of the portal
	// missing is the prepared statement that is not there; endless says that
	// the chain is too long or has no end.
	missing string
	absent  bool
	endless bool
}

// follow finds out what a statement runs by name. A cursor of SQL's own is no
// link: its statement was judged when it was declared.
func (f *frontend) follow(s *prepared) (c chain, err error) {
	for {
		var next *prepared
		switch name := s.stmt.Name; s.stmt.Verb {
		case "execute":
			if next, err = f.statement(name); err == nil && next == nil {
				c.missing, c.absent = name, true
			}
		case "fetch", "move":
			var po *portal
			if po, err = f.portal(name); po != nil && !po.cursor {
				next, c.params = po.stmt, po.params
			}
		}
		if err != nil || next == nil {
			return c, err
		}
		if len(c.links) == maxChain {
			c.endless = true
			return c, nil
		}
		c.links = append(c.links, next)
		s = next
	}
}

// examine works out how a statement's results are masked, under the guard
// that is now in force. Its exposure is that of all that it runs.
func (f *frontend) examine(s *prepared, c chain) error {
	g, err := f.guards.current(f.ctx)
	if err != nil {
		return err
	}
	if s.guard == g && len(c.links) == 0 {
		return nil
	}
	var inner sql.Exposure
	for _, link := range c.links {
		inner = inner.Union(g.expose(link.stmt))
	}
	s.guard, s.expose, s.unfixed = g, g.expose(s.stmt).Union(inner), inner.MaskComputed
	return nil
}

// begins gives an item its run, and notes what it will change for the
// messages that come with it.
func (f *frontend) begins(it *item, s *prepared) error {
	last := it.last
	r := &run{stmt: last.stmt, expose: s.expose, guard: s.guard}
	r.renames = last.stmt.Verb == "unknown" && couldRename(last.text)
	if (last.stmt.Verb == "prepare" || last.stmt.Verb == "declare") && last.stmt.Inner != nil {
		r.inner = &prepared{text: last.stmt.Inner.Text(last.text), stmt: last.stmt.Inner}
		if err := f.examine(r.inner, chain{}); err != nil {
			return err
		}
	}
	it.run = r
	f.foresee(r)
	f.fence = f.fence || fences(s.stmt) || fences(last.stmt)
	return nil
}

// operation describes a statement for judging and for the record, and works
// out how its results are masked. What it runs by name counts as what it does.
// prepare says that it is not to be carried out yet.
func (f *frontend) operation(s *prepared, params []param, prepare bool) (item, error) {
	c, err := f.follow(s)
	if err != nil {
		return item{}, err
	}
	if err := f.examine(s, c); err != nil {
		return item{}, err
	}
	it := item{op: protocol.Operation{
		Verb: s.stmt.Verb, Text: s.text, Effects: ownEffects(s.stmt), Objects: s.stmt.Objects,
		Remark: remarks(s.remark, s.stmt.Remark), Prepare: prepare,
	}}
	op := &it.op
	it.last = s
	for _, inner := range c.links {
		it.last, op.Verb = inner, inner.stmt.Verb
		op.Effects |= ownEffects(inner.stmt)
		op.Objects = append(slices.Clip(op.Objects), inner.stmt.Objects...)
		op.Remark = remarks(op.Remark, "runs: "+inner.text, inner.remark)
	}
	described := s
	if c.params != nil {
		params, described = c.params, c.links[0]
	}
	if len(params) > 0 {
		op.Params = f.params(described, params)
	}
	switch {
	case prepare: // what it runs by name is judged when it runs
	case c.absent:
		op.Effects = protocol.Everything
		it.refuse(codeNoStatement, fmt.Sprintf("prepared statement %q does not exist", c.missing))
	case c.endless:
		op.Effects = protocol.Everything
		it.refuse(codeTooLarge, "it runs statements by name that run others by name")
	}
	if _, ok := nameOf([]byte(s.stmt.Name)); !ok && namesStatement(s.stmt.Verb) {
		it.refuse(codeNameTooLong, nameTooLong)
	}
	if it.last.stmt.Verb == "prepare" && f.queue.full() {
		it.refuse(codeTooLarge, tooManyNames)
	}
	it.refuse(codeDenied, refusedSetting(s.stmt))
	it.refuse(codeDenied, s.expose.Refuse)
	if f.hideSecrets(op) || len(c.links) > 0 {
		op.Key = operationKey(op.Verb, s, c.links, params)
	}
	return it, nil
}

// operationKey digests what is really asked for, where the operation's text
// does not say all of it.
func operationKey(verb string, s *prepared, links []*prepared, params []param) []byte {
	parts := [][]byte{[]byte(verb), []byte(s.text)}
	for _, inner := range links {
		parts = append(parts, []byte(inner.text))
	}
	for _, p := range params {
		parts = append(parts, p.value)
	}
	return protocol.OperationKey(parts...)
}

const (
	nameTooLong  = "the name is longer than 63 bytes in some encodings, so that the target may cut it where the gateway does not"
	tooManyNames = "the session has too many prepared statements and portals; close some"
)

// namesStatement reports whether a statement's Name is that of a prepared
// statement or a portal.
func namesStatement(verb string) bool {
	switch verb {
	case "prepare", "execute", "deallocate", "declare", "fetch", "move", "close":
		return true
	}
	return false
}

// ownEffects returns what a statement does besides what it runs by name.
func ownEffects(s *sql.Statement) protocol.Effects {
	if s.Verb != "execute" {
		return s.Effects
	}
	var e protocol.Effects
	for _, o := range s.Objects { // functions that its arguments call
		e |= o.Effects
	}
	return e
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
