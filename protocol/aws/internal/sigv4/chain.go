package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
)

// chain is the sequence of signatures of one chunked body: each is made over the one before, beginning with that of
// the head.
type chain struct {
	key  []byte
	when string
	over string // the scope
	last []byte // the signature before, in hex

	trailers bool // signed trailers end the body
}

func chainOf(c Claim, secret string) *chain {
	return &chain{key: signingKey(secret, c.Date, c.Region, c.Service), when: c.Time.Format(timeFormat),
		over: c.Scope(), last: appendHex(nil, c.Signature), trailers: c.Payload == StreamingSignedTrailer}
}

func (r Resign) chain() *chain {
	t := r.Time.UTC()
	date := t.Format(dateFormat)
	return &chain{key: signingKey(r.SecretAccessKey, date, r.Region, r.Service), when: t.Format(timeFormat),
		over: scope(date, r.Region, r.Service), last: appendHex(nil, r.Seed)}
}

// chunk is the signature of the next chunk, in hex, by the hash of its data.
func (c *chain) chunk(sum [sha256.Size]byte) []byte {
	return c.sign("AWS4-HMAC-SHA256-PAYLOAD\n" + c.when + "\n" + c.over + "\n" + string(c.last) + "\n" + emptyHash +
		"\n" + hex.EncodeToString(sum[:]))
}

// trailer is the signature of the trailers, in hex, by their canonical text.
func (c *chain) trailer(text []byte) []byte {
	sum := sha256.Sum256(text)
	return c.sign("AWS4-HMAC-SHA256-TRAILER\n" + c.when + "\n" + c.over + "\n" + string(c.last) + "\n" +
		hex.EncodeToString(sum[:]))
}

func (c *chain) sign(text string) []byte {
	c.last = appendHex(c.last[:0], mac(c.key, []byte(text)))
	return c.last
}

func appendHex(dst, src []byte) []byte { return hex.AppendEncode(dst, src) }
