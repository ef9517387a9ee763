package protocol

import (
	"errors"
	"fmt"
	"time"
)

// Verdict is what a policy says of an operation.
type Verdict uint8

// The verdicts. The zero value denies.
const (
	Deny Verdict = iota
	Ask
	Allow
)

// String returns "deny", "ask" or "allow".
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Ask:
		return "ask"
	}
	return "deny"
}

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Verdict) UnmarshalText(text []byte) error {
	switch string(text) {
	case "allow":
		*v = Allow
	case "ask":
		*v = Ask
	case "deny":
		*v = Deny
	default:
		return fmt.Errorf("unknown verdict %q; the verdicts are allow, ask, deny", text)
	}
	return nil
}

// Decision is a verdict with what made it.
type Decision struct {
	Verdict Verdict `json:"verdict"`
	// Rule names the rule that decided; empty where no rule matched.
	Rule string `json:"rule,omitempty"`
	// Reason is the words for the client and the record.
	Reason string `json:"reason,omitempty"`
	// By is the approver who answered, where a person decided.
	By string `json:"by,omitempty"`
	// Observed says that the gateway only watches: the operation was let
	// through although Verdict is not Allow.
	Observed bool `json:"observed,omitempty"`
	// Policy is the digest of the policy in force, in hex.
	Policy string `json:"policy,omitempty"`
	// Approvers are the approvers that the rule names; none means all.
	Approvers []string `json:"approvers,omitempty"`
	// Timeout is how long an ask may wait, in nanoseconds; zero means the
	// gateway's default.
	Timeout time.Duration `json:"timeout,omitempty"`
	// MaxBytes is how many bytes may stream under the operation in each
	// direction; zero means any number. The engine counts.
	MaxBytes int64 `json:"max_bytes,omitempty"`
}

// Denied is the error of an operation that was not admitted. The session goes
// on; the plugin tells the client in the protocol's own words.
type Denied struct {
	// ID names the operation to people and finds it in the record:
	// session id and exchange number.
	ID string
	// Index is the place of the denied operation in the Begin call.
	Index int
	// Decision is the decision.
	Decision Decision
}

// Error returns the words for the client. They name the operation and hold
// nothing of its content.
func (d *Denied) Error() string {
	reason := d.Decision.Reason
	if reason == "" {
		reason = "no rule allows it"
	}
	if d.Decision.Rule != "" {
		return fmt.Sprintf("denied by rule %q: %s (operation %s)", d.Decision.Rule, reason, d.ID)
	}
	return fmt.Sprintf("denied: %s (operation %s)", reason, d.ID)
}

// Failure is an error that ends a session: recording, masking, identity or
// policy failed, a limit was reached, an operator ended it. Public is all that
// the client is told; Err is for the operator.
type Failure struct {
	Public string
	Err    error
}

// Error returns both texts; it is for logs, not for clients.
func (f *Failure) Error() string {
	if f.Err == nil {
		return f.Public
	}
	return f.Public + ": " + f.Err.Error()
}

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.Err }

// What a [Failure] of the engine may wrap, for plugins that have native codes.
var (
	// ErrEnded: an operator ended the session.
	ErrEnded = errors.New("ended by the operator")
	// ErrShutdown: the gateway is shutting down.
	ErrShutdown = errors.New("shutting down")
	// ErrLimit: a limit was reached.
	ErrLimit = errors.New("limit reached")
	// ErrExpired: the principal's proof has ended.
	ErrExpired = errors.New("credentials expired")
	// ErrRecord: the record takes no more.
	ErrRecord = errors.New("cannot record")
	// ErrUnreachable: the target does not answer.
	ErrUnreachable = errors.New("target cannot be reached")
	// ErrNoTarget: there is no target of that name.
	ErrNoTarget = errors.New("no such target")
)

// Public returns the words that a client may read about err: those of a
// [Denied] or a [Failure], and otherwise nothing of err itself.
func Public(err error) string {
	if d, ok := errors.AsType[*Denied](err); ok {
		return d.Error()
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		return f.Public
	}
	return "the gateway could not go on; the operator's log says why"
}
