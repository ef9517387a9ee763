package postgres

import (
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
	text, err := wire.ParseQuery(p.Body())
	if err != nil {
		return &clientError{code: codeProtocol, err: err}
	}
	statements, exact, err := f.split(string(text))
	if err != nil {
		return err
	}
	items := f.batch.items[:0]
	runs := make([]*run, len(statements))
	for i, s := range statements {
		it, err := f.operation(s, nil, false)
		if err != nil {
			return err
		}
		if err := f.begins(&it, s); err != nil {
			return err
		}
		runs[i] = it.run
		items = append(items, it)
	}
	f.batch.items = items
	defer f.batch.reset()
	denied, err := f.beginItems(items)
	if err != nil {
		return err
	}
	if denied != nil {
		return f.denySimple(denied)
	}
	f.nextGroup()
	return f.forward(p.Raw, []*expectation{{kind: wire.TypeQuery, runs: runs, exact: exact}})
}

// split parses a Query's text. exact is false where it did not parse; then
// the whole of it is one statement that may do anything.
func (f *frontend) split(text string) (list []*prepared, exact bool, err error) {
	q, err := f.read(text)
	if err != nil {
		return nil, false, err
	}
	switch len(q.Statements) {
	case 0:
		return []*prepared{{text: text, stmt: f.plugin.empty}}, true, nil
	case 1:
		return []*prepared{{text: text, stmt: q.Statements[0], remark: q.Remark}}, q.Parsed, nil
	}
	for _, s := range q.Statements {
		list = append(list, &prepared{text: s.Text(text), stmt: s})
	}
	return list, q.Parsed, nil
}
