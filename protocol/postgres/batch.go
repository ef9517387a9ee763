package postgres

import (
	"errors"
	"fmt"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// batch is what a client sent of the extended protocol since the last Sync or
// Flush, not yet admitted.
type batch struct {
	raw   []byte // the messages, with those that the gateway adds
	owed  []*expectation
	items []item
	count int
}

// item is an operation of a batch and what runs it.
type item struct {
	op  protocol.Operation
	run *run
	// parse is the statement that is only prepared, and the expectation that
	// ends it.
	parse *prepared
	owed  *expectation
}

func (b *batch) reset() {
	if cap(b.raw) > 4*readSize {
		b.raw = nil
	}
	clear(b.owed)
	clear(b.items)
	b.raw, b.owed, b.items, b.count = b.raw[:0], b.owed[:0], b.items[:0], 0
}

// extended gathers one message of the extended protocol. Where the batch goes
// beyond a bound, what is there is admitted first.
func (f *frontend) extended(p wire.Piece) error {
	b := &f.batch
	if b.count >= f.plugin.config.MaxBatch || len(b.raw) > 0 && len(b.raw)+len(p.Raw) > f.plugin.config.MaxStatement+readSize {
		if err := f.admit(wire.TypeFlush); err != nil || f.skipping {
			return err
		}
	}
	b.count++
	var err error
	switch p.Type {
	case wire.TypeParse:
		err = f.parse(p)
	case wire.TypeBind:
		err = f.bind(p)
	case wire.TypeDescribe:
		err = f.describe(p)
	case wire.TypeExecute:
		err = f.execute(p)
	case wire.TypeClose:
		err = f.close(p)
	}
	if _, ok := errors.AsType[*wire.FormatError](err); ok {
		return &clientError{code: codeProtocol, err: err}
	}
	return err
}

func (f *frontend) gather(p wire.Piece, e *expectation) {
	f.batch.raw = append(f.batch.raw, p.Raw...)
	f.batch.owed = append(f.batch.owed, e)
}

func (f *frontend) parse(p wire.Piece) error {
	m, err := wire.ParseParse(p.Body())
	if err != nil {
		return err
	}
	refuse, err := f.fenced()
	if err != nil {
		return err
	}
	s := f.prepare(string(m.Query))
	s.refuse = refuse
	s.types = make([]uint32, m.Types.Len())
	for i := range s.types {
		s.types[i] = m.Types.At(i)
	}
	if err := f.examine(s); err != nil {
		return err
	}
	name := string(m.Name)
	e := &expectation{kind: wire.TypeParse, name: name, stmt: s}
	f.gather(p, e)
	f.seen.setStatement(name, s)
	op, err := f.operation(s, nil)
	if err != nil {
		return err
	}
	op.Prepare = true
	f.batch.items = append(f.batch.items, item{op: op, parse: s, owed: e})
	return nil
}

func (f *frontend) bind(p wire.Piece) error {
	m, err := wire.ParseBind(p.Body())
	if err != nil {
		return err
	}
	s, ok, err := f.statement(m.Statement)
	if err != nil {
		return err
	}
	var po *portal
	if ok {
		po = bind(m, s)
	}
	// Without a statement the target will say so, and nothing can be
	// executed: there is no portal then.
	f.seen.setPortal(string(m.Portal), po)
	f.gather(p, &expectation{kind: wire.TypeBind, name: string(m.Portal), portal: po})
	return nil
}

func (f *frontend) describe(p wire.Piece) error {
	m, err := wire.ParseDescribe(p.Body())
	if err != nil {
		return err
	}
	e := &expectation{kind: wire.TypeDescribe, target: m.Kind, name: string(m.Name)}
	if m.Kind == 'S' {
		if e.stmt, _, err = f.statement(m.Name); e.stmt != nil {
			e.stmt.described = true
		}
	} else if e.portal, _, err = f.portal(m.Name); e.portal != nil {
		e.portal.described = true
	}
	if err != nil {
		return err
	}
	f.gather(p, e)
	return nil
}

func (f *frontend) close(p wire.Piece) error {
	m, err := wire.ParseClose(p.Body())
	if err != nil {
		return err
	}
	if m.Kind == 'S' {
		f.seen.setStatement(string(m.Name), nil)
	} else {
		f.seen.setPortal(string(m.Name), nil)
	}
	f.gather(p, &expectation{kind: wire.TypeClose, target: m.Kind, name: string(m.Name)})
	return nil
}

func (f *frontend) execute(p wire.Piece) error {
	m, err := wire.ParseExecute(p.Body())
	if err != nil {
		return err
	}
	po, ok, err := f.portal(m.Portal)
	if err != nil {
		return err
	}
	if !ok {
		f.batch.items = append(f.batch.items, item{op: protocol.Operation{
			Verb: "execute", Effects: protocol.Everything,
			Refuse: fmt.Sprintf("portal %q does not exist", m.Portal),
		}})
		return nil
	}
	s := po.stmt
	if err := f.examine(s); err != nil {
		return err
	}
	r := &run{stmt: s.stmt, expose: s.expose, guard: s.guard}
	if s.guard != nil && s.stmt.ReturnsRows && !po.described && !s.described {
		// Masks go by the real column, which only the target knows.
		f.batch.raw = wire.AppendDescribe(f.batch.raw, 'P', string(m.Portal))
		f.batch.owed = append(f.batch.owed, &expectation{kind: wire.TypeDescribe, target: 'P', hidden: true, portal: po})
		po.described = true
	}
	op, err := f.operation(s, po.params)
	if err != nil {
		return err
	}
	if r.inner, err = f.innerOf(s.stmt, s.text); err != nil {
		return err
	}
	f.foresee(r)
	f.executedInstead(s)
	f.fence = max(f.fence, fenceFor(s.stmt))
	f.batch.items = append(f.batch.items, item{op: op, run: r})
	f.gather(p, &expectation{kind: wire.TypeExecute, runs: []*run{r}, portal: po})
	return nil
}

// executedInstead drops the operation of a Parse in this batch: the Execute
// that follows says the same and more.
func (f *frontend) executedInstead(s *prepared) {
	items := f.batch.items
	for i := range items {
		if items[i].parse == s {
			f.batch.items = append(items[:i], items[i+1:]...)
			return
		}
	}
}

// admit has everything that was gathered admitted and forwards it, followed
// by closing: a Sync or a Flush.
func (f *frontend) admit(closing byte) error {
	b := &f.batch
	defer b.reset()
	if len(b.items) > 0 {
		ops := make([]protocol.Operation, len(b.items))
		for i := range b.items {
			ops[i] = b.items[i].op
		}
		list, err := f.begin(ops...)
		if denied, ok := errors.AsType[*protocol.Denied](err); ok {
			b.reset()
			return f.denyBatch(denied, closing)
		}
		if err != nil {
			return err
		}
		for i, x := range list {
			it := &b.items[i]
			if it.run == nil {
				it.run = &run{stmt: it.parse.stmt}
				it.owed.runs = []*run{it.run}
			}
			it.run.x = x
		}
	}
	b.raw = wire.AppendEmpty(b.raw, closing)
	f.open = closing != wire.TypeSync
	if !f.open {
		b.owed = append(b.owed, &expectation{kind: wire.TypeSync})
		f.seen.reset()
	}
	return f.forward(b.raw, b.owed)
}

// sync ends a batch.
func (f *frontend) sync() error {
	if !f.skipping {
		return f.admit(wire.TypeSync)
	}
	f.skipping, f.open = false, false
	f.seen.reset()
	return f.forward(wire.AppendEmpty(nil, wire.TypeSync), []*expectation{{kind: wire.TypeSync}})
}
