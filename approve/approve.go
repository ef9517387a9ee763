// Package approve decides what may be done: by rules, and by asking a person
// where a rule says so.
package approve

import (
	"context"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Approver asks someone, or something, whether an operation may go ahead.
type Approver interface {
	// Name is how rules refer to the approver.
	Name() string
	// Ask puts the question and waits for the answer until ctx ends. An error
	// is not an answer: the gateway waits for its other approvers, and denies
	// when none is left. Ask is called from several goroutines at once.
	Ask(ctx context.Context, q Request) (Answer, error)
}

// Request is a question to an approver. Its texts come from clients: whoever
// shows them to people escapes them with [protocol.Visible]; Text and the
// params are masked already.
type Request struct {
	// ID is the operation's id: session and exchange.
	ID string `json:"id"`
	// Digest binds the answer to this very operation: principal, target, text
	// and params, keyed. It is different for every request, so that an
	// approval cannot be used twice.
	Digest    string              `json:"digest"`
	Session   string              `json:"session"`
	Principal identity.Principal  `json:"principal"`
	Target    string              `json:"target"`
	Operation *protocol.Operation `json:"operation"`
	Rule      string              `json:"rule"`
	Reason    string              `json:"reason,omitempty"`
	Asked     time.Time           `json:"asked"`
	Deadline  time.Time           `json:"deadline"`
}

// Answer is an approver's answer.
type Answer struct {
	// Digest is the Digest of the request that is answered; an answer with
	// another one is discarded as no answer.
	Digest string `json:"digest"`
	// Approved lets the operation go ahead.
	Approved bool `json:"approved"`
	// By says who answered.
	By string `json:"by"`
	// Reason is for the client and the record; may be empty.
	Reason string `json:"reason,omitempty"`
}
