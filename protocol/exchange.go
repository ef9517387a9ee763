package protocol

import "io"

// Exchange is an admitted operation under way, in both directions. Its end is
// the last of it: after End or Finish, Input, Seal, Emit and Finish fail and
// record nothing.
type Exchange struct{ e ExchangeEngine }

// ID returns the exchange's number in its session.
func (x *Exchange) ID() ExchangeID { return x.e.ID() }

// Name returns the id by which people find the operation in the record.
func (x *Exchange) Name() string { return x.e.Name() }

// To sets where Emit writes to, for protocols that answer exchanges apart.
// It is called before the first Emit.
func (x *Exchange) To(w io.Writer) { x.e.To(w) }

// Input records a part on its way to the target; the plugin forwards it after
// a nil error. A *Denied says that the part would exceed what the operation was
// admitted for ([Decision.MaxBytes]): it must not be forwarded, and the exchange
// takes no more in that direction; the plugin tells the client and ends it.
func (x *Exchange) Input(p Part) error { return x.e.Input(p) }

// Seal makes the parts so far durable. Plugins call it before they forward
// what makes the parts count: CopyDone, the last byte of a body.
func (x *Exchange) Seal() error { return x.e.Seal() }

// Emit records a part for the client, then writes it. A *Denied is as for
// Input: nothing was written.
func (x *Exchange) Emit(p Part) error { return x.e.EmitTo(nil, p) }

// EmitTo is Emit with a writer for this part, for protocols that have several
// ways to the client in one exchange, such as stdout and stderr. It keeps the
// order among all parts of the exchange.
func (x *Exchange) EmitTo(w io.Writer, p Part) error { return x.e.EmitTo(w, p) }

// Annotate records what was learned about the operation.
func (x *Exchange) Annotate(a Annotation) error { return x.e.Annotate(a) }

// End records the outcome. Only the first call counts. It is recorded also
// while the session is ending, as long as it has not closed: what the target
// did is worth knowing.
func (x *Exchange) End(o Outcome) error { return x.e.End(o) }

// Finish is Emit and End in one: the record has one event for both. Where the
// client can no longer be written to, the outcome is recorded without the part;
// where the part is denied, the outcome is Aborted.
func (x *Exchange) Finish(p Part, o Outcome) error { return x.e.Finish(p, o) }
