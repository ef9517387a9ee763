package proxytest

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// Operation is what the record holds of one operation.
type Operation struct {
	protocol.Operation
	// Session and ID find it.
	Session string
	ID      protocol.ExchangeID
	// Decision is the last one; Decisions are all.
	Decision  protocol.Decision
	Decisions []protocol.Decision
	// Input and Output are its parts, joined.
	Input, Output []byte
	// Outcome is how it ended; nil while it has not.
	Outcome *protocol.Outcome
}

// Operations returns the operations so far, in the order of the record.
func (r *Record) Operations() []Operation {
	type key struct {
		session string
		id      protocol.ExchangeID
	}
	var list []*Operation
	byKey := map[key]*Operation{}
	for _, e := range r.Events() {
		k := key{e.Session, e.Exchange}
		op := byKey[k]
		if e.Kind == recorder.KindOperation {
			op = &Operation{Operation: *e.Operation, Session: e.Session, ID: e.Exchange}
			byKey[k] = op
			list = append(list, op)
		}
		if op == nil {
			continue
		}
		if e.Decision != nil {
			op.Decision = *e.Decision
			op.Decisions = append(op.Decisions, *e.Decision)
		}
		if e.Outcome != nil {
			op.Outcome = e.Outcome
		}
		switch e.Kind {
		case recorder.KindInput:
			op.Input = append(op.Input, e.Payload...)
		case recorder.KindOutput, recorder.KindEnd:
			op.Output = append(op.Output, e.Payload...)
		}
	}
	out := make([]Operation, len(list))
	for i, op := range list {
		out[i] = *op
	}
	return out
}

// Operation waits for an operation whose text contains text to have an
// outcome, and returns the first. It fails the test where there is none
// within ten seconds.
func (r *Record) Operation(t testing.TB, text string) Operation {
	t.Helper()
	var found Operation
	r.WaitFor(t, func([]recorder.Event) bool {
		for _, op := range r.Operations() {
			if strings.Contains(op.Text, text) && op.Outcome != nil {
				found = op
				return true
			}
		}
		return false
	})
	return found
}

// Outcome is the result of the operation that [Record.Operation] finds.
func (r *Record) Outcome(t testing.TB, text string) protocol.Result {
	t.Helper()
	return r.Operation(t, text).Outcome.Result
}

// Holds reports whether secret stands anywhere in the record: in an event's
// header, in a payload, or across the joined parts of an operation.
func (r *Record) Holds(secret []byte) bool {
	for _, e := range r.Events() {
		if bytes.Contains(e.Payload, secret) {
			return true
		}
		e.Payload = nil
		header, err := json.Marshal(e)
		if err != nil || bytes.Contains(header, secret) {
			return true
		}
	}
	for _, op := range r.Operations() {
		if bytes.Contains(op.Input, secret) || bytes.Contains(op.Output, secret) {
			return true
		}
	}
	return false
}
