package awskeys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/sallyport/sallyport/internal/secret"
)

const (
	minKey, maxKey = 32, 1024 // bytes
	keyIDLength    = 8
)

// Key seals session tokens and derives the secrets that belong to them. All
// gateways that shall take each other's credentials have the same. [NewKey] and
// [ParseKey] make one; the zero Key is refused by [New]. It shows itself to
// nobody.
type Key struct{ secret secret.Secret }

// NewKey returns a key of 32 to 1024 random bytes. It takes a copy.
func NewKey(random []byte) (Key, error) {
	switch {
	case len(random) < minKey:
		return Key{}, fmt.Errorf("the key has %d bytes and needs at least %d random ones", len(random), minKey)
	case len(random) > maxKey:
		return Key{}, fmt.Errorf("the key is longer than %d bytes", maxKey)
	}
	different := make(map[byte]bool)
	for _, b := range random {
		different[b] = true
	}
	// Of 32 random bytes fewer than 12 differ once in 10^20 keys.
	if len(different) < 12 {
		return Key{}, errors.New("the key is not random: it repeats a few bytes")
	}
	return Key{secret.New(string(random))}, nil
}

// ParseKey reads a key from text: base64 of 32 to 1024 random bytes, as
// "openssl rand -base64 32" prints it. Space around it does not count. The
// error holds nothing of the text.
func ParseKey(text string) (Key, error) {
	random, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return Key{}, errors.New(`the key is not base64; "openssl rand -base64 32" makes one`)
	}
	return NewKey(random)
}

// String returns nothing secret, and so do the methods below.
func (k Key) String() string { return k.secret.String() }

// Format implements fmt.Formatter for every verb.
func (k Key) Format(f fmt.State, verb rune) { k.secret.Format(f, verb) }

// GoString implements fmt.GoStringer.
func (k Key) GoString() string { return k.String() }

// MarshalText implements encoding.TextMarshaler, so that encoding/json prints
// nothing secret.
func (k Key) MarshalText() ([]byte, error) { return k.secret.MarshalText() }

// sealer is what is derived from a key, once. Its secrets are behind functions:
// fmt follows pointers inside a struct where the verb does not fit them.
type sealer struct {
	id      [keyIDLength]byte
	aead    func() cipher.AEAD // makes its nonces at random, and puts them in front
	secrets func() []byte      // what secret access keys are derived with
}

func newSealer(k Key) (*sealer, error) {
	if k.secret.Empty() {
		return nil, errors.New("it is empty; NewKey and ParseKey make one")
	}
	master, err := hkdf.Extract(sha256.New, []byte(k.secret.Reveal()), []byte("sallyport awskeys 1"))
	if err != nil {
		return nil, err
	}
	var expandErr error
	expand := func(what string, length int) []byte {
		b, err := hkdf.Expand(sha256.New, master, what, length)
		expandErr = errors.Join(expandErr, err)
		return b
	}
	id, seal, secrets := expand("key id", keyIDLength), expand("seal", 32), expand("secrets", 32)
	if expandErr != nil {
		return nil, expandErr
	}
	block, err := aes.NewCipher(seal)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &sealer{
		id: [keyIDLength]byte(id), aead: func() cipher.AEAD { return aead }, secrets: func() []byte { return secrets },
	}, nil
}
