// Package protocol is the vocabulary of Sallyport and the contract between a
// wire protocol's plugin and the engine that runs it.
//
// A plugin implements [Protocol]. It owns framing, decoding, native denial and
// the masking of its own fields. The engine owns identity, judging, approval,
// the record, and the order "recorded, then forwarded", which it enforces
// inside the methods that the plugin calls:
//
//	Gate.Verifier, Gate.Open      who asks, and a session for them
//	Session.Dial                  a connection to the target
//	Session.Begin                 admit heads: nil error = allowed and durable
//	Exchange.Input                a part on its way to the target: recorded
//	Exchange.Seal                 parts so far are durable
//	Exchange.Emit, Session.Emit   a part for the client: recorded, then written
//	Exchange.End, Exchange.Finish the outcome
//
// A head ([Operation]) is whole, bounded and decoded before Begin; none of its
// bytes may reach the target before Begin returned nil. A [Part] is forwarded
// to the target only after Input returned nil, and reaches the client only
// through Emit.
//
// # Errors
//
// Begin fails with a [*Denied] where the operation is not admitted: the plugin
// tells the client natively and goes on. Any other error from any method means
// that the session is over ([*Failure] carries what the client may be told):
// the plugin sends a native fatal error and returns. [Public] gives the words.
//
// # Concurrency
//
// All methods of Gate, Session and Exchange are safe for concurrent use. Order
// holds per exchange and direction. The record's order is the order of receipt.
package protocol
