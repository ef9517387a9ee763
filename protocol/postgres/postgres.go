package postgres

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
)

// Plugin is the PostgreSQL protocol; [New] makes it. It is safe for concurrent
// use and may serve several listeners, which then share one SQL parser.
type Plugin struct {
	config Config
	parser *sql.Parser

	// Statements that have no text of their own.
	empty, unknown, nothing *sql.Statement
}

var (
	_ protocol.Protocol  = (*Plugin)(nil)
	_ protocol.Validator = (*Plugin)(nil)
	_ protocol.Readier   = (*Plugin)(nil)
)

// New returns the plugin. Mistakes in c are reported when the gateway is built.
func New(c Config) *Plugin {
	c = c.withDefaults()
	return &Plugin{
		config: c, parser: sql.New(sql.Options{Wait: c.ParserWait, Instances: c.Parsers}),
		empty:   &sql.Statement{Verb: "empty"},
		unknown: &sql.Statement{Verb: "unknown", Effects: protocol.Everything, ReturnsRows: true},
		nothing: &sql.Statement{Verb: "fail transaction"},
	}
}

// Name returns "postgres".
func (p *Plugin) Name() string { return "postgres" }

// Validate implements protocol.Validator.
func (p *Plugin) Validate(targets []protocol.Target) error {
	errs := []error{p.config.validate()}
	for _, t := range targets {
		if t.TLS.CAFile == "" {
			continue
		}
		pem, err := os.ReadFile(t.TLS.CAFile)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("target %q: %w", t.Name, err))
		case !x509.NewCertPool().AppendCertsFromPEM(pem):
			errs = append(errs, fmt.Errorf("target %q: %s holds no PEM certificate", t.Name, t.TLS.CAFile))
		}
	}
	return errors.Join(errs...)
}

// Ready implements protocol.Readier: it waits until the SQL parser is warm.
func (p *Plugin) Ready(ctx context.Context) error { return p.parser.Ready(ctx) }

// Serve implements protocol.Protocol.
func (p *Plugin) Serve(ctx context.Context, client net.Conn, g *protocol.Gate) error {
	return p.serve(ctx, client, g)
}
