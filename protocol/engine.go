package protocol

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
)

// Engine is what stands behind a [Gate]. Package proxy implements it; plugins
// use Gate. It may grow methods at any time: do not implement it.
type Engine interface {
	Verifier(ctx context.Context, scheme identity.Scheme, name string) (identity.Verifier, error)
	Open(ctx context.Context, who identity.Proven, route Route) (SessionEngine, error)
	Control(ctx context.Context, key []byte) error
	Refused(name string, reason error)
	Logger() *slog.Logger
	Private() bool
	TLS() *tls.Config
	TargetFor(route Route) (Target, error)
}

// SessionEngine is what stands behind a [Session]; see [Engine].
type SessionEngine interface {
	ID() string
	Context() context.Context
	Principal() identity.Principal
	Target() Target
	Logger() *slog.Logger
	Masks() *mask.Set
	Claims() []Claim
	Dial(ctx context.Context, e Endpoint) (net.Conn, error)
	Begin(ctx context.Context, wait func(Pending), ops []Operation) ([]*Exchange, error)
	EmitTo(w io.Writer, p Part) error
	Note(kind, text string) error
	HandleControl(key []byte, handle func(ctx context.Context) error)
	Close(reason string) error
}

// ExchangeEngine is what stands behind an [Exchange]; see [Engine].
type ExchangeEngine interface {
	ID() ExchangeID
	Name() string
	To(w io.Writer)
	Input(p Part) error
	Seal() error
	EmitTo(w io.Writer, p Part) error
	Annotate(a Annotation) error
	End(o Outcome) error
	Finish(p Part, o Outcome) error
}

// NewGate returns the Gate over an engine. Only engines call it.
func NewGate(e Engine) *Gate { return &Gate{e} }

// NewExchange returns the Exchange over an engine. Only engines call it.
func NewExchange(e ExchangeEngine) *Exchange { return &Exchange{e} }
