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
	if b.count >= f.plugin.config.MaxBatch || b.count > 0 && len(b.raw)+len(p.Raw) > f.plugin.config.MaxStatement+readSize {
		if err := f.admit(wire.TypeFlush); err != nil || f.skipping {
			return err
		}
		// What the target has confirmed needs no overlay, which would grow.
		settled, err := f.queue.drained()
		if err != nil {
			return err
		}
		if settled {
			f.seen.reset()
		}
	}
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
	if bad, ok := errors.AsType[*refusal](err); ok {
		return f.refuseMessage(p.Type, bad.code, protocol.Operation{Verb: bad.verb, Effects: protocol.Everything, Refuse: bad.why})
	}
	return err
}

// refusal is why a message cannot be gathered. Whatever it would have been is
// answered by an error in its place.
type refusal struct{ verb, code, why string }

func (r *refusal) Error() string { return r.why }

// name returns a name that a message of the client's holds.
func (f *frontend) name(name []byte) (string, error) {
	s, ok := nameOf(name)
	if !ok {
		return "", &refusal{"unknown", codeNameTooLong, nameTooLong}
	}
	return s, nil
}

func (f *frontend) gather(p wire.Piece, e *expectation) {
	f.batch.count++
	f.batch.raw = append(f.batch.raw, p.Raw...)
	f.batch.owed = append(f.batch.owed, e)
}

func (f *frontend) parse(p wire.Piece) error {
	m, err := wire.ParseParse(p.Body())
	if err != nil {
		return err
	}
	name, err := f.name(m.Name)
	if err != nil {
		return err
	}
	if f.queue.full() {
		return &refusal{"prepare", codeTooLarge, tooManyNames}
	}
	s, err := f.prepare(string(m.Query))
	if err != nil {
		return err
	}
	s.types = make([]uint32, m.Types.Len())
	for i := range s.types {
		s.types[i] = m.Types.At(i)
	}
	it, err := f.operation(s, nil, true)
	if err != nil {
		return err
	}
	it.parse = s
	it.owed = &expectation{kind: wire.TypeParse, name: name, stmt: s}
	f.gather(p, it.owed)
	f.seen.setStatement(name, s)
	f.batch.items = append(f.batch.items, it)
	return nil
}

func (f *frontend) bind(p wire.Piece) error {
	m, err := wire.ParseBind(p.Body())
	if err != nil {
		return err
	}
	statement, err := f.name(m.Statement)
	if err != nil {
		return err
	}
	name, err := f.name(m.Portal)
	if err != nil {
		return err
	}
	s, err := f.statement(statement)
	switch {
	case err != nil:
		return err
	case s == nil:
		return &refusal{"bind", codeNoStatement, fmt.Sprintf("prepared statement %q does not exist", statement)}
	case f.queue.full():
		return &refusal{"bind", codeTooLarge, tooManyNames}
	}
	po := bind(m, s)
	f.seen.setPortal(name, po)
	f.gather(p, &expectation{kind: wire.TypeBind, name: name, portal: po})
	return nil
}

func (f *frontend) describe(p wire.Piece) error {
	m, err := wire.ParseDescribe(p.Body())
	if err != nil {
		return err
	}
	name, err := f.name(m.Name)
	if err != nil {
		return err
	}
	e := &expectation{kind: wire.TypeDescribe, target: m.Kind, name: name}
	if m.Kind == 'S' {
		e.stmt, err = f.statement(name)
	} else if e.portal, err = f.portal(name); e.portal != nil {
		e.portal.describedIn = f.group
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
	name, err := f.name(m.Name)
	if err != nil {
		return err
	}
	if m.Kind == 'S' {
		f.seen.setStatement(name, nil)
	} else {
		f.seen.setPortal(name, nil)
	}
	f.gather(p, &expectation{kind: wire.TypeClose, target: m.Kind, name: name})
	return nil
}

func (f *frontend) execute(p wire.Piece) error {
	m, err := wire.ParseExecute(p.Body())
	if err != nil {
		return err
	}
	name, err := f.name(m.Portal)
	if err != nil {
		return err
	}
	po, err := f.portal(name)
	if err != nil {
		return err
	}
	if po == nil {
		return &refusal{"execute", codeNoPortal, fmt.Sprintf("portal %q does not exist", name)}
	}
	s := po.stmt
	it, err := f.operation(s, po.params, false)
	if err != nil {
		return err
	}
	if it.code == codeNoStatement {
		return &refusal{s.stmt.Verb, it.code, it.op.Refuse}
	}
	if err := f.begins(&it, s); err != nil {
		return err
	}
	f.executedInstead(s)
	f.batch.items = append(f.batch.items, it)
	if s.stmt.Verb == "execute" && s.unfixed {
		it.run.expose.MaskAll = true // another session may change its plan at any time
	}
	described := po.ranIn == f.group || po.describedIn == f.group && po.fixed()
	po.ranIn = f.group
	if s.guard != nil && s.stmt.ReturnsRows && !described && !f.queue.knows(po) {
		// Masks go by the real column, which only the target knows, and which
		// another Bind of the same statement may have changed.
		f.batch.raw = append(f.batch.raw, wire.AppendDescribe(nil, 'P', name)...)
		f.batch.owed = append(f.batch.owed, &expectation{kind: wire.TypeDescribe, target: 'P', hidden: true, portal: po})
	}
	f.gather(p, &expectation{kind: wire.TypeExecute, runs: []*run{it.run}, portal: po})
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
	denied, err := f.beginItems(b.items)
	if err != nil {
		return err
	}
	if denied != nil {
		b.reset()
		return f.denyBatch(denied, closing)
	}
	b.raw = wire.AppendEmpty(b.raw, closing)
	if closing == wire.TypeSync {
		b.owed = append(b.owed, &expectation{kind: wire.TypeSync})
		f.nextGroup()
	}
	return f.forward(b.raw, b.owed)
}

// beginItems has items admitted, all or none.
func (f *frontend) beginItems(items []item) (*protocol.Denied, error) {
	if len(items) == 0 {
		return nil, nil
	}
	ops := make([]protocol.Operation, len(items))
	for i := range items {
		ops[i] = items[i].op
	}
	list, err := f.begin(ops...)
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		if i := denied.Index; i >= 0 && i < len(items) && items[i].code != "" {
			f.denialCode = items[i].code
		}
		return denied, nil
	}
	if err != nil {
		return nil, err
	}
	for i, x := range list {
		it := &items[i]
		if it.run == nil {
			it.run = &run{stmt: it.parse.stmt}
			it.owed.runs = []*run{it.run}
		}
		it.run.x = x
	}
	return nil, nil
}

// nextGroup says that a Sync or a Query ends a group of messages.
func (f *frontend) nextGroup() {
	f.group++
	f.seen.reset()
}

// sync ends a batch.
func (f *frontend) sync() error {
	if !f.skipping {
		return f.admit(wire.TypeSync)
	}
	f.skipping = false
	f.nextGroup()
	return f.forward(wire.AppendEmpty(nil, wire.TypeSync), []*expectation{{kind: wire.TypeSync}})
}
