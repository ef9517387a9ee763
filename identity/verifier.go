package identity

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"
)

const (
	tokenPrefix   = "sp_"
	tokenBody     = 43 // characters; 62^43 > 2^256
	tokenChecksum = 6

	minSecret, maxSecret         = 16, 256 // bytes
	hashIterations               = 4096
	maxIterations                = 1 << 20
	saltLength, minSalt, maxSalt = 16, 8, 64

	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// NewToken makes a random token of at least 256 bits: "sp_", 43 letters and
// digits, and six more that hold the CRC-32 of all before them in base 62, so
// that a scanner tells a leaked token from a random word. Give it to its user
// and keep only what [HashToken] makes of it.
func NewToken() string {
	token := make([]byte, 0, len(tokenPrefix)+tokenBody+tokenChecksum)
	token = append(token, tokenPrefix...)
	var random [64]byte
	for len(token) < len(tokenPrefix)+tokenBody {
		rand.Read(random[:])
		for _, b := range random {
			// 248 is the largest multiple of 62 in a byte: no letter is likelier.
			if b < 248 && len(token) < len(tokenPrefix)+tokenBody {
				token = append(token, alphabet[b%62])
			}
		}
	}
	sum := crc32.ChecksumIEEE(token)
	var check [tokenChecksum]byte
	for i := tokenChecksum - 1; i >= 0; i-- {
		check[i] = alphabet[sum%62]
		sum /= 62
	}
	return string(append(token, check[:]...))
}

// HashToken makes the verifier under which a token is kept at rest, in the
// format of PostgreSQL's pg_authid: "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey".
// The salt is random, so each call returns another verifier. The secret must
// be 16 to 256 characters of visible ASCII: 4096 rounds protect a random token
// for good, but not a password that someone thought up.
func HashToken(secret string) (string, error) {
	switch {
	case len(secret) < minSecret:
		return "", fmt.Errorf("the token has %d characters and needs at least %d; NewToken makes a good one", len(secret), minSecret)
	case len(secret) > maxSecret:
		return "", fmt.Errorf("the token is longer than %d characters", maxSecret)
	}
	for i := range len(secret) {
		if secret[i] <= ' ' || secret[i] > '~' {
			return "", errors.New("the token may hold visible ASCII characters only, and no space")
		}
	}
	salt := make([]byte, saltLength)
	rand.Read(salt)
	c, err := derive(secret, salt, hashIterations)
	if err != nil {
		return "", err
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", c.Iters, b64([]byte(c.Salt)), b64(c.StoredKey), b64(c.ServerKey)), nil
}

// derive computes what RFC 5802, section 3, keeps of a secret.
func derive(secret string, salt []byte, iterations int) (scram.StoredCredentials, error) {
	salted, err := pbkdf2.Key(sha256.New, secret, salt, iterations, sha256.Size)
	if err != nil {
		return scram.StoredCredentials{}, fmt.Errorf("hash the token: %w", err)
	}
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(salt), Iters: iterations},
		StoredKey:  stored[:],
		ServerKey:  keyed(salted, "Server Key"),
	}, nil
}

func keyed(key []byte, text ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, s := range text {
		h.Write([]byte(s))
	}
	return h.Sum(nil)
}

// parseVerifier reads what HashToken writes. No error holds any of it.
func parseVerifier(s string) (scram.StoredCredentials, error) {
	var none scram.StoredCredentials
	rest, ok := strings.CutPrefix(s, "SCRAM-SHA-256$")
	factors, keys, ok2 := strings.Cut(rest, "$")
	iterations, salt64, ok3 := strings.Cut(factors, ":")
	stored64, server64, ok4 := strings.Cut(keys, ":")
	if !ok || !ok2 || !ok3 || !ok4 {
		return none, errors.New(`Verifier is not of the form "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey"; HashToken makes it`)
	}
	n, err := strconv.Atoi(iterations)
	if err != nil || n < hashIterations || n > maxIterations {
		return none, fmt.Errorf("Verifier: iterations must be a number from %d to %d", hashIterations, maxIterations)
	}
	b64 := base64.StdEncoding.Strict()
	salt, err := b64.DecodeString(salt64)
	if err != nil || len(salt) < minSalt || len(salt) > maxSalt {
		return none, fmt.Errorf("Verifier: the salt must be base64 of %d to %d bytes", minSalt, maxSalt)
	}
	stored, err := b64.DecodeString(stored64)
	if err != nil || len(stored) != sha256.Size {
		return none, errors.New("Verifier: the StoredKey must be base64 of 32 bytes")
	}
	server, err := b64.DecodeString(server64)
	if err != nil || len(server) != sha256.Size {
		return none, errors.New("Verifier: the ServerKey must be base64 of 32 bytes")
	}
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(salt), Iters: n}, StoredKey: stored, ServerKey: server,
	}, nil
}
