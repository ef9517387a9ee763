package awskeys

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/identity"
)

const (
	// maxToken is how long a session token may be, in characters. Servers and
	// proxies take about that much in one header.
	maxToken = 8 << 10
	version  = 1
	overhead = 1 + keyIDLength + 12 + 16 // version, key id, nonce, tag

	accessKeyPrefix = "ASIA" // what AWS begins temporary access keys with
	accessKeyLength = 20
)

// A session token is base64url, without padding, of
//
//	version (1 byte), key id (8), nonce (12), AES-256-GCM of the content, tag (16)
//
// with version, key id and access key id as additional data, so that a token
// opens only beside the access key id that it was issued with.
func tokenEncoding() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// content is what a session token holds. The names are short because the token
// travels with every request.
type content struct {
	Issuer     string            `json:"i"`
	Subject    string            `json:"s"`
	Name       string            `json:"n,omitempty"`
	Groups     []string          `json:"g,omitempty"`
	Attributes map[string]string `json:"a,omitempty"`
	OnBehalfOf string            `json:"o,omitempty"`
	Scheme     identity.Scheme   `json:"m"` // how the principal was proven first
	Credential string            `json:"c,omitempty"`
	Issued     int64             `json:"t"` // Unix time, milliseconds
	Expires    int64             `json:"e"` // Unix time, seconds
}

func (c *content) issued() time.Time  { return time.UnixMilli(c.Issued).UTC() }
func (c *content) expires() time.Time { return time.Unix(c.Expires, 0).UTC() }

// parts are the texts of the content by the names that callers know them by.
func (c *content) parts() []part {
	list := []part{
		{"Principal.Issuer", []string{c.Issuer}}, {"Principal.Subject", []string{c.Subject}}, {"Principal.Name", []string{c.Name}},
		{"Principal.Groups", c.Groups}, {"Principal.OnBehalfOf", []string{c.OnBehalfOf}},
		{"Scheme", []string{string(c.Scheme)}}, {"Credential", []string{c.Credential}},
	}
	attributes := part{name: "Principal.Attributes"}
	for k, v := range c.Attributes {
		attributes.texts = append(attributes.texts, k, v)
	}
	return append(list, attributes)
}

type part struct {
	name  string
	texts []string
}

func (p part) size() int {
	n := 0
	for _, s := range p.texts {
		n += len(s) + 3 // quotes and comma
	}
	return n
}

// encode returns the content as JSON, or says what of it cannot be sealed.
func (c *content) encode() ([]byte, error) {
	total, largest := 0, part{}
	for _, p := range c.parts() {
		for _, s := range p.texts {
			// JSON would put U+FFFD in its place: two subjects could become one.
			if !utf8.ValidString(s) {
				return nil, fmt.Errorf("%s is not valid UTF-8", p.name)
			}
		}
		total += p.size()
		if p.size() > largest.size() {
			largest = p
		}
	}
	tooLarge := func(size int) error {
		return fmt.Errorf("%w: %d bytes, and %d are possible; the largest part is %s with %d in %d texts",
			ErrTooLarge, size, maxContent(), largest.name, largest.size(), len(largest.texts))
	}
	if total > maxContent() { // before it is copied
		return nil, tooLarge(total)
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(c); err != nil {
		return nil, err
	}
	if b.Len() > maxContent() {
		return nil, tooLarge(b.Len())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

func maxContent() int { return tokenEncoding().DecodedLen(maxToken) - overhead }

// seal returns the session token that goes with the access key id.
func (s *sealer) seal(accessKeyID string, plain []byte) string {
	head := append([]byte{version}, s.id[:]...)
	return tokenEncoding().EncodeToString(s.aead().Seal(head, nil, plain, s.additional(accessKeyID)))
}

// additional is what the seal covers besides the content.
func (s *sealer) additional(accessKeyID string) []byte {
	return fmt.Appendf(nil, "%c%s%s", version, s.id[:], accessKeyID)
}

// secret derives the secret access key. It goes by the whole token, so that a
// token that nobody issued has no secret that anybody knows. It is of AWS's length and
// alphabet, so that scanners know one that leaked.
func (s *sealer) secret(accessKeyID, token string) string {
	h := hmac.New(sha256.New, s.secrets())
	_, _ = io.WriteString(h, accessKeyID)
	_, _ = io.WriteString(h, token)
	return base64.StdEncoding.EncodeToString(h.Sum(nil)[:30])
}

// open returns what a session token holds, and with which of the keys it was
// sealed. Every error wraps ErrRefused and says nothing of the token.
func open(keys []*sealer, accessKeyID, token string) (*content, *sealer, error) {
	switch {
	case !validAccessKeyID(accessKeyID):
		return nil, nil, refused("the access key id was not issued by a gateway")
	case token == "":
		return nil, nil, refused("the session token is missing")
	case len(token) > maxToken:
		return nil, nil, refused("the session token is too long")
	case strings.ContainsAny(token, "\r\n"): // base64 would pass over them
		return nil, nil, refused("the session token is malformed")
	}
	raw, err := tokenEncoding().DecodeString(token)
	if err != nil || len(raw) < overhead || raw[0] != version {
		return nil, nil, refused("the session token is malformed, or not a gateway's")
	}
	head, sealed := raw[:1+keyIDLength], raw[1+keyIDLength:]
	for _, s := range keys {
		if !bytes.Equal(head[1:], s.id[:]) { // it is public
			continue
		}
		plain, err := s.aead().Open(nil, nil, sealed, s.additional(accessKeyID))
		if err != nil {
			return nil, nil, refused("the session token is forged, or belongs to another access key id")
		}
		var c content
		if err := json.Unmarshal(plain, &c); err != nil || c.Issuer == "" || c.Subject == "" {
			return nil, nil, refused("the session token holds no principal") // another version of this package made it
		}
		return &c, s, nil
	}
	return nil, nil, refused("the session token was sealed with a key that is not listed")
}

func refused(why string) error { return fmt.Errorf("%w: AWS: %s", identity.ErrRefused, why) }

// newAccessKeyID returns "ASIA" and 80 random bits in base32.
func newAccessKeyID() string {
	var random [10]byte
	rand.Read(random[:])
	return accessKeyPrefix + base32.StdEncoding.EncodeToString(random[:])
}

func validAccessKeyID(id string) bool {
	if len(id) != accessKeyLength || !strings.HasPrefix(id, accessKeyPrefix) {
		return false
	}
	for _, c := range []byte(id[len(accessKeyPrefix):]) {
		if (c < 'A' || c > 'Z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}
