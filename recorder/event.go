package recorder

import (
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Kind is what an event tells.
type Kind string

// The kinds of event.
const (
	KindGatewayStarted Kind = "gateway started"
	KindGatewayStopped Kind = "gateway stopped"
	KindPolicyChanged  Kind = "policy changed"
	KindRefused        Kind = "refused"        // a client was turned away before a session was open
	KindSessionOpened  Kind = "session opened" // first event of a session
	KindOperation      Kind = "operation"      // a head, with the decision where it was made at once
	KindDecision       Kind = "decision"       // a decision that came later: an answer, a deadline
	KindInput          Kind = "input"          // a part on its way to the target
	KindOutput         Kind = "output"         // a part on its way to the client
	KindAnnotation     Kind = "annotation"
	KindEnd            Kind = "end" // an exchange ended; may carry its last output part
	KindNote           Kind = "note"
	KindSessionClosed  Kind = "session closed" // last event of a session
)

// Event is one recorded fact. Which of the pointers are set follows from Kind.
type Event struct {
	// Session is the id of the session; events of the gateway itself belong
	// to a session of its own.
	Session string
	// Seq numbers the events of a session from 0; Pos numbers those of the
	// journal. The log sets both.
	Seq, Pos uint64
	// Time is when the gateway made the event.
	Time time.Time
	// Kind says what it tells.
	Kind Kind
	// Exchange is the exchange that it belongs to; zero for none.
	Exchange protocol.ExchangeID

	Opened    *Opened             // session opened, gateway started
	Operation *protocol.Operation // operation
	OpKey     string              // operation: keyed digest of its Key, in hex
	Decision  *protocol.Decision  // operation, decision
	Part      *Part               // input, output, end
	Note      *Note               // annotation, note, refused, policy changed
	Outcome   *protocol.Outcome   // end, session closed

	// Payload is the part's or annotation's bytes. Borrowed: Append does not
	// keep it.
	Payload []byte
}

// Opened is what is known when a session opens.
type Opened struct {
	Gateway    string             `json:"gateway"`
	Protocol   string             `json:"protocol,omitempty"`
	Target     string             `json:"target,omitempty"`
	Address    string             `json:"address,omitempty"` // of the target
	Remote     string             `json:"remote,omitempty"`  // of the client
	Listener   string             `json:"listener,omitempty"`
	Principal  identity.Principal `json:"principal,omitzero"`
	Scheme     string             `json:"scheme,omitempty"`
	Credential string             `json:"credential,omitempty"`
	Policy     string             `json:"policy,omitempty"`
	Durability string             `json:"durability,omitempty"` // "durable" or "buffered"
	Observe    bool               `json:"observe,omitempty"`
	Outlive    bool               `json:"outlive,omitempty"` // the session may outlive its principal's proof
	User       string             `json:"user,omitempty"`    // as claimed
	Details    map[string]string  `json:"details,omitempty"`
}

// Part describes a part; its bytes are the event's payload.
type Part struct {
	Kind   string `json:"kind"`
	Shape  uint64 `json:"shape,omitempty"`
	Units  int64  `json:"units,omitempty"`
	Masked int    `json:"masked,omitempty"`
	// Withheld says that the payload is not recorded; Length and Digest (a
	// keyed digest, hex) stand for it.
	Withheld bool   `json:"withheld,omitempty"`
	Length   int64  `json:"length,omitempty"`
	Digest   string `json:"digest,omitempty"`
}

// Note is a fact in words.
type Note struct {
	Kind    string            `json:"kind"`
	Text    string            `json:"text,omitempty"`
	Shape   uint64            `json:"shape,omitempty"` // annotation: parts refer to its payload by this
	Objects []protocol.Object `json:"objects,omitempty"`
	// Withheld is as in Part.
	Withheld bool `json:"withheld,omitempty"`
}
