package protocol

import (
	"context"
	"io"
	"net"
)

// Protocol speaks one wire protocol with clients on one side and a target on
// the other. A Protocol may also implement [Validator] and [Readier], and
// its package usually offers a [Renderer].
type Protocol interface {
	// Name is the protocol's short name, such as "postgres". Sessions are
	// recorded under it.
	Name() string
	// Serve speaks with one client until it leaves, ctx ends or something
	// fails. It returns once nothing of it runs any more. The engine closes
	// client and everything that [Session.Dial] returned after Serve, and
	// closes them early to end a session, so that blocked reads return. A nil
	// error means that client and gateway parted in order.
	Serve(ctx context.Context, client net.Conn, g *Gate) error
}

// Validator is for protocols that can check their settings before a gateway
// starts.
type Validator interface {
	// Validate reports every mistake in the protocol's settings for the
	// targets that a listener has.
	Validate(targets []Target) error
}

// Readier is for protocols that need to warm up, such as for a parser.
type Readier interface {
	// Ready starts the warm-up where it has not started, waits for it until
	// ctx ends, and returns nil once the protocol is warm.
	Ready(ctx context.Context) error
}

// Renderer makes recorded payload readable.
type Renderer interface {
	// Protocol names the protocol whose payload it reads.
	Protocol() string
	// Render writes a part's payload for people to w, as lines of text. shape
	// is the payload of the annotation that the part refers to, or nil. Both
	// come from a record and are not to be trusted; what cannot be read is an
	// error. What is written may hold control characters from the payload:
	// who shows it to people passes it through [Visible].
	Render(w io.Writer, kind string, shape, payload []byte) error
}

// Target is where operations go. It is data: plugins find in it what they
// need, the engine dials.
type Target struct {
	// Name is how rules, people and the record call the target.
	Name string
	// Address is host:port, or the path of a Unix socket where it starts with "/".
	Address string
	// Endpoints are patterns of further addresses that belong to the target:
	// host:port, where a leading "*." stands for one or more labels, as in
	// "*.amazonaws.com:443". [Session.Dial] connects to those too.
	Endpoints []string
	// Database is the database to use; empty leaves it to the client.
	Database string
	// TLS says how the connection to the target is secured.
	TLS TargetTLS
	// Dial replaces the dialer; nil means a net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// TargetTLS says how a connection to a target is secured.
type TargetTLS struct {
	// Mode is the way; the zero value verifies chain and name.
	Mode TLSMode
	// CAFile is a PEM file of the authorities to trust; empty means the
	// system's.
	CAFile string
	// ServerName is the name to verify; empty means the host of Address.
	ServerName string
}

// TLSMode says whether a connection to a target uses TLS.
type TLSMode uint8

// The modes.
const (
	// TLSVerifyFull demands TLS and verifies chain and name. A Unix socket
	// needs none and gets none.
	TLSVerifyFull TLSMode = iota
	// TLSDisable uses no TLS. The gateway logs it for targets that are not
	// on loopback or a Unix socket.
	TLSDisable
)

// Endpoint is where [Session.Dial] connects to. The zero value is the
// target's own address.
type Endpoint struct {
	// Address is host:port: the target's address, or one that its Endpoints
	// cover.
	Address string
}

// Route is what a client asks for when it opens a session.
type Route struct {
	// Target names the target; empty means the listener's only one.
	Target string
	// Client is where Emit writes to; required unless every exchange has its
	// own, see [Exchange.To]. The engine serialises writes.
	Client io.Writer
	// Join, where not empty, lets connections share a session, for protocols
	// whose clients come on many: what was opened on the same listener for the
	// same principal, target and Join is returned again. The engine closes
	// such a session: some time after its last connection has left, or when it
	// is ended. One that an operator ended is not opened again until the
	// principal's proof has expired. Client is not used then.
	Join string
	// User is the name that the client claimed.
	User string
	// Details are further facts for the record: database, application name.
	Details map[string]string
}
