package login

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"log/slog"

	"github.com/sallyport/sallyport/internal/secret"
)

// Secret is a string that does not show itself.
type Secret = secret.Secret

// NewSecret returns a Secret of s.
func NewSecret(s string) Secret { return secret.New(s) }

// Login is the gateway's own credential for a target. A target takes the one
// that it asks for.
type Login struct {
	// User is the role to log in as. Required.
	User string
	// Password answers SCRAM-SHA-256, md5 and cleartext password requests.
	Password Secret
	// Certificate is shown in the TLS handshake; nil means none. Its key
	// never leaves it.
	Certificate *tls.Certificate
	// Database overrides the target's. Where both are empty the target
	// takes the one named like User.
	Database string
}

// LogValue implements slog.LogValuer.
func (l Login) LogValue() slog.Value {
	return slog.GroupValue(slog.String("user", l.User), slog.Any("password", l.Password),
		slog.Bool("certificate", l.Certificate != nil), slog.String("database", l.Database))
}

// Format implements fmt.Formatter: a certificate holds a private key.
func (l Login) Format(f fmt.State, _ rune) {
	certificate := ""
	if l.Certificate != nil {
		certificate = secret.Hidden
	}
	_, _ = fmt.Fprintf(f, "{User:%s Password:%s Certificate:%s Database:%s}", l.User, l.Password, certificate, l.Database)
}

// MarshalJSON implements json.Marshaler.
func (l Login) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		User        string `json:"user"`
		Password    Secret `json:"password"`
		Certificate bool   `json:"certificate"`
		Database    string `json:"database"`
	}{l.User, l.Password, l.Certificate != nil, l.Database})
}
