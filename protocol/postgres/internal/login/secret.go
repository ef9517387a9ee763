package login

import (
	"crypto/subtle"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a string that does not show itself: fmt, encoding/json, slog and
// reflection see "[secret]" or an address. The zero Secret is the empty string.
type Secret struct {
	// A function, because fmt prints the fields of unexported struct fields
	// without asking their methods.
	reveal func() string
}

const hidden = "[secret]"

// NewSecret returns a Secret of s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{func() string { return s }}
}

// Reveal returns the string itself.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Empty reports whether there is nothing in it.
func (s Secret) Empty() bool { return s.reveal == nil }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String returns "[secret]", or nothing for the empty Secret.
func (s Secret) String() string {
	if s.Empty() {
		return ""
	}
	return hidden
}

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler, so that a secret can be
// read from a file.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

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
		certificate = hidden
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
