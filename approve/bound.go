package approve

import (
	"fmt"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// How much of an operation is put before people. A digest binds the answer to
// all of it, and what is left out says so.
const (
	maxText  = 32 << 10 // bytes of its text
	maxValue = 2 << 10  // bytes of a parameter, and of most other texts
	maxList  = 100      // parameters, objects
)

// bounded returns q with an operation that is no larger than people read.
func bounded(q Request) Request {
	q.Reason = cut(q.Reason, maxValue)
	if q.Operation == nil {
		q.Operation = &protocol.Operation{}
		return q
	}
	op := *q.Operation
	q.Operation = &op
	op.Text = cut(op.Text, maxText)
	op.Remark = cut(op.Remark, maxValue)
	if n := len(op.Params); n > maxList {
		op.Remark += fmt.Sprintf(" [%d more parameters are not shown]", n-maxList)
		op.Params = op.Params[:maxList]
	}
	if n := len(op.Objects); n > maxList {
		op.Remark += fmt.Sprintf(" [%d more objects are not shown]", n-maxList)
		op.Objects = op.Objects[:maxList]
	}
	params := make([]protocol.Param, len(op.Params))
	for i, p := range op.Params {
		p.Value = cut(p.Value, maxValue)
		if n := len(p.Raw); n > maxValue {
			p.Raw = p.Raw[:maxValue]
			p.Type += fmt.Sprintf(" [%d more bytes are not shown]", n-maxValue)
		}
		params[i] = p
	}
	op.Params = params
	return q
}

// cut shortens s to at most most bytes: its beginning, and a quarter from its end.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const note = 64 // bytes, and more than the note in the middle takes
	head, tail := most-most/4-note, len(s)-most/4
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return fmt.Sprintf("%s [… %d bytes are not shown …] %s", s[:head], tail-head, s[tail:])
}
