package postgres

import (
	"errors"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// simple handles a Query message: each of its statements is an operation, and
// all of them are admitted or none.
func (f *frontend) simple(p wire.Piece) error {
	if f.skipping {
		return nil
	}
	if f.batch.count > 0 {
		if err := f.admit(wire.TypeFlush); err != nil || f.skipping {
			return err
		}
	}
	refuse, err := f.fenced()
	if err != nil {
		return err
	}
	text, err := wire.ParseQuery(p.Body())
	if err != nil {
		return &clientError{code: codeProtocol, err: err}
	}
	// Begin may wait and read ahead, which takes the buffer.
	raw := append(f.batch.raw[:0], p.Raw...)
	defer f.batch.reset()
	statements, exact := f.split(string(text))
	ops := make([]protocol.Operation, len(statements))
	runs := make([]*run, len(statements))
	for i, s := range statements {
		if err := f.examine(s); err != nil {
			return err
		}
		runs[i] = &run{stmt: s.stmt, expose: s.expose, guard: s.guard}
		if ops[i], err = f.operation(s, nil); err != nil {
			return err
		}
		if runs[i].inner, err = f.innerOf(s.stmt, s.text); err != nil {
			return err
		}
		f.foresee(runs[i])
		f.fence = max(f.fence, fenceFor(s.stmt))
		if refuse != "" && ops[i].Refuse == "" {
			ops[i].Refuse = refuse
		}
	}
	list, err := f.begin(ops...)
	if denied, ok := errors.AsType[*protocol.Denied](err); ok {
		return f.denySimple(denied)
	}
	if err != nil {
		return err
	}
	for i, x := range list {
		runs[i].x = x
	}
	f.open = false
	f.seen.reset()
	f.batch.raw = raw
	return f.forward(raw, []*expectation{{kind: wire.TypeQuery, runs: runs, exact: exact}})
}

// split parses a Query's text. exact is false where it did not parse; then
// the whole of it is one statement that may do anything.
func (f *frontend) split(text string) (list []*prepared, exact bool) {
	q := f.plugin.parser.Parse(f.ctx, text)
	switch len(q.Statements) {
	case 0:
		return []*prepared{{text: text, stmt: f.plugin.empty}}, true
	case 1:
		return []*prepared{{text: text, stmt: q.Statements[0], remark: q.Remark}}, q.Parsed
	}
	for _, s := range q.Statements {
		list = append(list, &prepared{text: s.Text(text), stmt: s})
	}
	return list, q.Parsed
}
