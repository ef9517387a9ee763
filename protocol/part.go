package protocol

import (
	"fmt"
	"time"
)

// Part is a piece of what streams under an exchange, in either direction.
type Part struct {
	// Kind says what Data is, in the plugin's words: "rows", "copy", "stdout".
	Kind string
	// Data is the bytes for the other side, already masked. It is borrowed:
	// the call that takes it does not keep it.
	Data []byte
	// Shape refers to the annotation that tells how to read Data, see
	// [Annotation.Shape]; zero for none.
	Shape uint64
	// Units counts what Data holds: rows, messages. Zero where it means nothing.
	Units int64
	// Withheld keeps the content out of the record: only its length and,
	// from 16 bytes on and not Digested, a keyed digest are recorded.
	Withheld bool
	// Digested says that the plugin digests what it withholds over the whole
	// exchange and records that when it ends: the part has no digest then, and
	// its bytes are hashed once.
	Digested bool
	// Content is how many bytes of Data count against [Decision.MaxBytes],
	// where the others are a protocol's own, such as the headers of packets.
	// Zero means all of them, and a negative number none.
	Content int64
	// Masked counts the values in Data that were hidden.
	Masked int
}

// Annotation is what is learned about an exchange after its head.
type Annotation struct {
	// Kind says what it is: "shape", "types", "objects", "notice".
	Kind string
	// Shape, where not zero, is the number under which later parts of the
	// session refer to Data. The plugin numbers its shapes per session.
	Shape uint64
	// Text is for people.
	Text string
	// Objects are the objects as they were resolved.
	Objects []Object
	// Data is the payload, such as a RowDescription. Borrowed.
	Data []byte
}

// Result is how an exchange ended.
type Result uint8

// The results. The zero value says that nobody knows.
const (
	// Unknown means that the target may or may not have carried it out.
	Unknown Result = iota
	// OK means that the target said so.
	OK
	// Failed means that the target reported an error.
	Failed
	// Skipped means that the target passed over it because of an earlier error.
	Skipped
	// Refused means that it was denied.
	Refused
	// NotSent means that it was admitted, or needed no admission, but nothing
	// of it reached the target.
	NotSent
	// Aborted means that the gateway broke it off when it was under way.
	Aborted
)

var resultNames = []string{"unknown", "ok", "error", "skipped", "denied", "not sent", "aborted"}

// String returns "unknown", "ok", "error", "skipped", "denied", "not sent"
// or "aborted".
func (r Result) String() string {
	if int(r) < len(resultNames) {
		return resultNames[r]
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (r Result) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Result) UnmarshalText(text []byte) error {
	for i, name := range resultNames {
		if name == string(text) {
			*r = Result(i)
			return nil
		}
	}
	return fmt.Errorf("unknown outcome %q", text)
}

// Outcome is how an exchange ended, with what the target said.
type Outcome struct {
	Result Result `json:"result"`
	// Code is the target's code: an SQLSTATE, an exit status.
	Code string `json:"code,omitempty"`
	// Text is the target's words: a command tag, an error message (masked).
	Text string `json:"text,omitempty"`
	// Units counts rows, or whatever the protocol counts.
	Units int64 `json:"units,omitempty"`
}

// Pending tells a plugin, while Begin waits for a person, where it stands.
type Pending struct {
	// ID names the operation.
	ID string
	// Rule is the rule that asks.
	Rule string
	// Asked says who is asked.
	Asked []string
	// Waited is the time since the question was put.
	Waited time.Duration
	// Deadline is when the wait ends in a denial.
	Deadline time.Time
}
