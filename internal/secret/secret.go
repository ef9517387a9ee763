// Package secret keeps strings that must not show: passwords and keys in
// settings.
package secret

import (
	"crypto/subtle"
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

// Hidden is what stands in a secret's place.
const Hidden = "[secret]"

// New returns a Secret of s.
func New(s string) Secret {
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
	return Hidden
}

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler, so that a secret can be
// read from a file.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = New(string(text))
	return nil
}

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
