package protocol

import (
	"context"
	"io"
	"log/slog"
	"net"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
)

// Session is one principal's time with one target.
type Session struct{ e SessionEngine }

// Claim is a name that a rule or a mask relies on: if the target lacks it, a
// typo may be leaving open what was meant to be closed.
type Claim struct {
	// Source says who makes the claim: `rule "no-payroll"`.
	Source string
	// Kind is the object's kind as in [Object].
	Kind string
	// Name is the object's name as the rule has it.
	Name string
}

// ID returns the session's id, which is unique across gateways.
func (s *Session) ID() string { return s.e.ID() }

// Context ends with the session; its cause says why.
func (s *Session) Context() context.Context { return s.e.Context() }

// Principal returns for whom the session is.
func (s *Session) Principal() identity.Principal { return s.e.Principal() }

// Target returns where the session goes.
func (s *Session) Target() Target { return s.e.Target() }

// Logger returns a logger that names the session.
func (s *Session) Logger() *slog.Logger { return s.e.Logger() }

// Masks returns the masks now in force. A plugin asks again for each
// operation, so that an update holds from the next one on; the pointer is the
// same as long as nothing changed.
func (s *Session) Masks() *mask.Set { return s.e.Masks() }

// Claims returns the names that must be there on the target, from the rules
// now in force; masks make their own claims, see [mask.Set.Columns]. The
// plugin checks those of its kinds before it serves the session and fails the
// opening where one is missing.
func (s *Session) Claims() []Claim { return s.e.Claims() }

// Dial connects to the target. The connection is closed with the session. An
// address that is not the target's is an error.
func (s *Session) Dial(ctx context.Context, e Endpoint) (net.Conn, error) { return s.e.Dial(ctx, e) }

// Begin admits operations: all of them or none, in order. It returns nil once
// each is allowed and durably recorded; from then on their bytes may be
// forwarded. It may wait for a person; meanwhile it calls wait, which may be
// nil, from the same goroutine, at once and then every few seconds. A cancelled
// ctx withdraws the operations, and ends no session. A [*Denied] names the first that was not
// admitted; none of them may be forwarded then. Operations of gateway origin
// are recorded but not judged.
func (s *Session) Begin(ctx context.Context, wait func(Pending), ops ...Operation) ([]*Exchange, error) {
	return s.e.Begin(ctx, wait, ops)
}

// Emit records a part that belongs to no exchange, such as a notification,
// and writes it to the client.
func (s *Session) Emit(p Part) error { return s.e.EmitTo(nil, p) }

// EmitTo is Emit with a writer of the caller's, for protocols that answer
// exchanges apart: what is said before Begin has returned, or after a denial.
// It serialises nothing: the caller does where w has other writers.
func (s *Session) EmitTo(w io.Writer, p Part) error { return s.e.EmitTo(w, p) }

// Note records a fact about the session that is no payload: a fallback taken,
// something not interpreted.
func (s *Session) Note(kind, text string) error { return s.e.Note(kind, text) }

// HandleControl has handle called when another connection presents key, see
// [Gate.Control], until the session closes.
func (s *Session) HandleControl(key []byte, handle func(ctx context.Context) error) {
	s.e.HandleControl(key, handle)
}

// Close ends the session and records why; open exchanges end with outcome
// unknown, or not sent where Begin had not returned. Nothing is recorded of the
// session behind it. Only the first call counts.
func (s *Session) Close(reason string) error { return s.e.Close(reason) }
