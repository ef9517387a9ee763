package protocol

import (
	"context"
	"crypto/tls"
	"log/slog"

	"github.com/sallyport/sallyport/identity"
)

// Gate is one client connection's way into the gateway.
type Gate struct{ e Engine }

// Verifier returns what checks a proof by scheme for the name that the client
// claims, before any proof is there. The error wraps
// [identity.ErrSchemeUnsupported] where the gateway has no such scheme.
func (g *Gate) Verifier(ctx context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	return g.e.Verifier(ctx, scheme, name)
}

// Target returns the target that route leads to on this listener, without
// opening a session.
func (g *Gate) Target(route Route) (Target, error) { return g.e.TargetFor(route) }

// Open opens a session for a proven principal: it picks the target, checks
// the limits and records the opening durably. The plugin closes the session;
// the engine does where Serve returns without. See [Route.Join] for sessions
// that several connections share.
func (g *Gate) Open(ctx context.Context, who identity.Proven, route Route) (*Session, error) {
	s, err := g.e.Open(ctx, who, route)
	if err != nil {
		return nil, err
	}
	return &Session{s}, nil
}

// Control carries a request that arrived on this connection, and needs no
// other proof than key, to the session that announced key by
// [Session.HandleControl]; PostgreSQL's CancelRequest is one. An unknown key
// is an error, which the client must not learn.
func (g *Gate) Control(ctx context.Context, key []byte) error { return g.e.Control(ctx, key) }

// Refused records and logs that the client was turned away before a session
// was open: wrong credentials, garbage, an unknown database. name is who the
// client said it was, and may be empty.
func (g *Gate) Refused(name string, reason error) { g.e.Refused(name, reason) }

// Logger returns the connection's logger.
func (g *Gate) Logger() *slog.Logger { return g.e.Logger() }

// Private reports whether nobody else can read the connection as it is: it
// came over loopback or a Unix socket, or the listener itself speaks TLS.
func (g *Gate) Private() bool { return g.e.Private() }

// TLS returns the settings for the gateway's side of a TLS handshake with the
// client, or nil where the gateway has no certificate. Certificates that are
// updated hold from the next handshake on. The caller must not change it.
func (g *Gate) TLS() *tls.Config { return g.e.TLS() }
