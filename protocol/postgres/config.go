package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/login"
)

// Login is what the gateway logs in to a target with.
type Login = login.Login

// Secret is a string that prints as "[secret]".
type Secret = login.Secret

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return login.NewSecret(s) }

// Scheme is how clients prove who they are.
type Scheme = login.Scheme

// The schemes.
const (
	// SchemeAuto offers SCRAM-SHA-256 to the names that have it, and takes a
	// token as the password of others where the wire is private.
	SchemeAuto = login.SchemeAuto
	// SchemeSCRAM offers SCRAM-SHA-256 alone.
	SchemeSCRAM = login.SchemeSCRAM
	// SchemeToken takes a token as password alone, only on a private wire.
	SchemeToken = login.SchemeToken
)

// LoginFunc returns the credential for a principal on a target. It is called
// for every session and may take its time within ctx. Its error ends the
// opening of the session; the client is told only that it failed.
type LoginFunc func(ctx context.Context, who identity.Principal, target protocol.Target) (Login, error)

// StaticLogin returns the same user and password for everyone.
func StaticLogin(user, password string) LoginFunc {
	return func(context.Context, identity.Principal, protocol.Target) (Login, error) {
		return Login{User: user, Password: login.NewSecret(password)}, nil
	}
}

// Config is the plugin's settings.
type Config struct {
	// Login returns the target's credential. Required.
	Login LoginFunc
	// Scheme is how clients prove who they are. The zero value is SchemeAuto.
	Scheme Scheme
	// RequireTLS turns away clients that ask for a session without TLS. It
	// needs the gateway's Certificate.
	RequireTLS bool
	// MaxStatement is the largest statement in bytes, parameters included;
	// larger ones are refused without being buffered. Zero means 1 MiB.
	MaxStatement int
	// MaxRow is the largest row in bytes that is looked into; where masks or
	// detectors apply, a larger one fails its statement. Zero means 8 MiB.
	// Rows that nothing looks into have no bound.
	MaxRow int
	// MaxBatch is how many statements a client may send before a Sync.
	// Zero means 1000.
	MaxBatch int
	// LoginTimeout bounds logging in to the target. Zero means 15 s.
	LoginTimeout time.Duration
	// ParserWait is how long a statement waits for the SQL parser to warm up;
	// after that it counts as everything. Zero means 10 s.
	ParserWait time.Duration
	// Parsers is how many SQL parsers may run side by side; each takes about
	// 250 MB. Zero means 1, the most is 2.
	Parsers int
}

func (c Config) withDefaults() Config {
	if c.MaxStatement == 0 {
		c.MaxStatement = 1 << 20
	}
	if c.MaxRow == 0 {
		c.MaxRow = 8 << 20
	}
	if c.MaxBatch == 0 {
		c.MaxBatch = 1000
	}
	if c.LoginTimeout == 0 {
		c.LoginTimeout = 15 * time.Second
	}
	return c
}

// LogValue keeps the function and all else that is no setting out of logs.
func (c Config) LogValue() slog.Value {
	d := c.withDefaults()
	return slog.GroupValue(slog.Bool("require_tls", d.RequireTLS), slog.Int("max_statement", d.MaxStatement),
		slog.Int("max_row", d.MaxRow), slog.Int("max_batch", d.MaxBatch))
}

func (c Config) validate() error {
	var errs []error
	if c.Login == nil {
		errs = append(errs, errors.New("postgres.Config.Login is missing: it gives the credential for the target"))
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"MaxStatement", c.MaxStatement}, {"MaxRow", c.MaxRow}, {"MaxBatch", c.MaxBatch}, {"Parsers", c.Parsers}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("postgres.Config.%s is %d; zero means the default", f.name, f.value))
		}
	}
	if c.MaxStatement > 64<<20 {
		errs = append(errs, errors.New("postgres.Config.MaxStatement is over 64 MiB, which every session could take as memory"))
	}
	return errors.Join(errs...)
}
