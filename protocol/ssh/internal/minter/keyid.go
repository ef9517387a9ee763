package minter

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	maxSession   = 128 // bytes, as written
	maxPrincipal = 256
)

// keyID returns the certificate's id, which sshd writes into its log as it is:
// one line of visible ASCII, in which neither a session nor a principal can
// look like something else.
func keyID(session, principal string) string {
	return "session=" + tame(session, maxSession) + " principal=" + tame(principal, maxPrincipal)
}

// tame writes all but letters, digits and some signs as % and two hexadecimal
// digits. What is longer than most is cut, and ends in eight digits of its
// SHA-256.
func tame(s string, most int) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-_.:/@|+,~", c) >= 0
		if b.Len() >= most-16 {
			digest := sha256.Sum256([]byte(s))
			return b.String() + "..." + hex.EncodeToString(digest[:4])
		}
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
