package sigv4

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// DefaultSkew is how far a client's clock may be off.
const DefaultSkew = 15 * time.Minute

// Options are for [Claim.Verify].
type Options struct {
	// Skew is how far the time of a signature may be from now, both ways; zero means [DefaultSkew].
	Skew time.Duration
	// Keys keeps the key of one signature for the next; nil keeps none. It should not be the one that signs: it keeps
	// one key, so that two secrets that take turns gain nothing.
	Keys *Keys
}

func (o Options) skew() time.Duration {
	if o.Skew <= 0 {
		return DefaultSkew
	}
	return o.Skew
}

// Verify proves that the holder of secret signed this request, and that it is valid now. It must be the request that
// the claim was parsed from, unchanged. BodyHash is the SHA-256 of the whole body where it was read (for an empty
// body too), else nil; then a body that is signed must be read through a [Reader], which proves it. A claim whose
// payload is [Undeclared] can't be verified without it.
//
// Errors are [ErrMismatch], [ErrSkewed], [ErrExpired], [ErrPayload] or [ErrMalformed], for errors.Is. The signature
// is looked at first, so that who has no secret learns nothing of clocks.
func (c Claim) Verify(r *http.Request, secret string, now time.Time, bodyHash []byte, opt Options) error {
	if secret == "" || len(c.Signature) != signatureHex/2 {
		return ErrMismatch
	}
	var line [signatureHex]byte
	payload, err := c.appendPayload(line[:0], bodyHash)
	if err != nil {
		return err
	}
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if c.Presigned {
		query = without(query, signatureName)
	}
	headers, err := c.headers(r)
	if err != nil {
		return err
	}
	var room [usualRequest]byte
	canonical, err := appendRequest(room[:0], r, c.Service, query, headers)
	if err != nil {
		return err
	}
	text := stringToSign(c.Time, c.Date, c.Region, c.Service, append(canonical, payload...))
	if !hmac.Equal(opt.Keys.mac(secret, c.Date, c.Region, c.Service, text), c.Signature) {
		return ErrMismatch
	}
	if c.Payload == Hashed && bodyHash != nil && !hmac.Equal(bodyHash, c.PayloadHash[:]) {
		return ErrPayload
	}
	return c.inTime(now, opt.skew())
}

// headers are those that are said to be signed.
func (c Claim) headers(r *http.Request) ([]header, error) {
	headers := make([]header, len(c.SignedHeaders))
	for i, name := range c.SignedHeaders {
		headers[i] = header{name, headerValues(r, name)}
		if headers[i].values == nil {
			return nil, fmt.Errorf("%w: the header %q is said to be signed, but is not there", ErrMalformed, name)
		}
	}
	return headers, nil
}

func (c Claim) inTime(now time.Time, skew time.Duration) error {
	if c.Time.After(now.Add(skew)) {
		return fmt.Errorf("%w (signed for %s, it is %s)", ErrSkewed, c.Time.Format(timeFormat), now.UTC().Format(timeFormat))
	}
	if c.Presigned {
		if !now.Before(c.Time.Add(c.Expires)) {
			return fmt.Errorf("%w (it ended at %s)", ErrExpired, c.Time.Add(c.Expires).Format(timeFormat))
		}
		return nil
	}
	if c.Time.Before(now.Add(-skew)) {
		return fmt.Errorf("%w (signed at %s, it is %s)", ErrSkewed, c.Time.Format(timeFormat), now.UTC().Format(timeFormat))
	}
	return nil
}

// Until is when the signature stops being valid, whatever the clocks: what a [Guard] must remember it for.
func (c Claim) Until(opt Options) time.Time {
	if c.Presigned {
		return c.Time.Add(c.Expires)
	}
	return c.Time.Add(opt.skew())
}

// appendPayload appends the last line of the canonical request.
func (c Claim) appendPayload(dst, bodyHash []byte) ([]byte, error) {
	if bodyHash != nil && len(bodyHash) != len(c.PayloadHash) {
		return nil, errors.New("sigv4: the hash of the body must have 32 bytes")
	}
	switch c.Payload {
	case Undeclared:
		if bodyHash == nil {
			return nil, errors.New("sigv4: the hash of the body is part of this signature: read the body first")
		}
		return appendHex(dst, bodyHash), nil
	case Hashed:
		return appendHex(dst, c.PayloadHash[:]), nil
	}
	return append(dst, c.Payload.String()...), nil
}

func without(pairs []pair, name string) []pair {
	kept := pairs[:0]
	for _, p := range pairs {
		if p.name != name {
			kept = append(kept, p)
		}
	}
	return kept
}
