package mask

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Method hides one value. Plugins call it for values whose type is text; a
// value of another type (a number, a date) that must be hidden becomes NULL,
// because no text would parse as it. A Method is used from several goroutines
// at once.
type Method interface {
	// Name describes the method, with its settings but no key: "keep(4)".
	Name() string
	// Apply appends to dst what is shown in place of value. It returns
	// null = true where the value is shown as NULL; dst is then returned as
	// it was. It must not keep value.
	Apply(dst, value []byte) (shown []byte, null bool)
}

// Full hides the value whole: eight asterisks, whatever its length.
func Full() Method { return full{} }

type full struct{}

func (full) Name() string { return "full" }

func (full) Apply(dst, _ []byte) ([]byte, bool) { return append(dst, "********"...), false }

// Keep shows the last n characters and an asterisk for each one before. A
// value of no more than n characters is hidden whole. n is at least 1.
func Keep(n int) Method { return keep(n) }

type keep int

func (n keep) check() error {
	if n < 1 {
		return fmt.Errorf("Keep(%d) keeps nothing; Full() hides values whole", int(n))
	}
	return nil
}

func (n keep) Name() string { return fmt.Sprintf("keep(%d)", int(n)) }

func (n keep) Apply(dst, value []byte) ([]byte, bool) {
	tail := len(value)
	for range int(n) {
		_, size := utf8.DecodeLastRune(value[:tail])
		tail -= size
	}
	if tail <= 0 {
		tail = len(value)
	}
	for range utf8.RuneCount(value[:tail]) {
		dst = append(dst, '*')
	}
	return append(dst, value[tail:]...), false
}

// Null shows NULL.
func Null() Method { return null{} }

type null struct{}

func (null) Name() string { return "null" }

func (null) Apply(dst, _ []byte) ([]byte, bool) { return dst, true }

// Hash shows 16 hex digits of the value's HMAC-SHA-256 under key: equal values
// look equal, so that they can be joined and counted, and nobody without the
// key can try values out. key is at least 16 bytes and is never printed.
func Hash(key []byte) Method {
	key = append([]byte(nil), key...)
	sum := func(value []byte) [sha256.Size]byte {
		h := hmac.New(sha256.New, key)
		h.Write(value)
		var out [sha256.Size]byte
		h.Sum(out[:0])
		return out
	}
	mark := sum([]byte("sallyport: fingerprint of a mask's key"))
	return hash{sum: sum, size: len(key), fingerprint: hex.EncodeToString(mark[:8])}
}

// hash keeps its key in a closure, out of reach of every kind of printing.
type hash struct {
	sum         func([]byte) [sha256.Size]byte
	size        int
	fingerprint string
}

func (h hash) check() error {
	if h.size < 16 {
		return errors.New("Hash needs a key of at least 16 random bytes")
	}
	return nil
}

func (hash) Name() string { return "hash" }

func (h hash) keyFingerprint() string { return h.fingerprint }

func (h hash) Apply(dst, value []byte) ([]byte, bool) {
	sum := h.sum(value)
	return hex.AppendEncode(dst, sum[:8]), false
}
