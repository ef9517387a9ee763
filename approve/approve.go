// Package approve decides what may be done: by rules, and by asking a person
// where a rule says so.
//
// # Rules
//
// A [Policy] holds rules; deny beats ask beats allow, and what no rule matches
// is denied. A deny or ask rule matches as soon as anything about an operation
// does; an operation is allowed only if allow rules together cover all of it:
//
//   - every object, with each of that object's effects, by rules whose Objects
//     match it (or that have none) and whose Effects hold the effect;
//   - every effect that belongs to none of the objects, by rules that have no
//     Objects;
//   - an operation that does nothing to anything (BEGIN, SET) by any rule that
//     applies to its principal, target and verb.
//
// So a rule that allows reading customers and another that allows reading
// orders allow a join of both, and a rule that allows reading never allows a
// SELECT that calls a function nobody knows, because that has the effect Code.
// An ask rule that matches puts the whole operation before a person; nothing
// else of it need be allowed.
//
// # Names of objects
//
// Names come as fully as the plugin knows them: "public.orders" where the
// target confirmed it, else perhaps "orders". What a bare name means depends
// on the search path, which a client can set. So the two sides differ:
//
//   - Deny and ask rules match whatever may be meant. "payroll" matches
//     payroll in every schema. "hr.payroll" matches the bare name payroll too,
//     as long as the target has not confirmed what it is. So does "hr.*" with
//     every bare name, unless an allow rule that applies has that very name,
//     or it is a function, whose bare names are mostly the system's: beside a
//     rule that closes a schema, and rules that do not name tables, clients
//     must write schemas, and the denial says so. Case does not count. An
//     operation with the effect Code or Opaque matches every deny and ask rule
//     that has Objects and applies to it: nobody can say what it touches.
//   - Allow rules match only what must be meant. "orders" matches orders and
//     public.orders and no other; "ord*" likewise reaches into no other
//     schema; "sales.orders" does not match the bare name orders. "*" alone is
//     everything. Letters fold to lower case as in SQL, and then case counts;
//     quotes, as in public."Orders", keep letters, dots, "*" and "?" as they are.
//
// Who may create objects in public, or set a search path and use bare names
// that the plugin does not resolve, can make an allowed name mean something
// else; name the schema in allow rules where that matters.
//
// A pattern with a slash or a colon is a path or an ARN: allow rules compare
// it as it is. "table:", "function:", "path:", "command:", "subsystem:",
// "address:", "host:", "url:" or "variable:" in front make a pattern hold for one kind of
// object only. The names of all but tables and functions are compared as they
// are: what is said here of schemas and quotes does not hold for them.
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
