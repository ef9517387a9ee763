package proxy

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
)

// rules is everything that Update swaps, as one immutable value: an operation
// sees all of one version or all of the next.
type rules struct {
	policy      *approve.Policy // nil: allow all
	masks       *mask.Set
	identity    identity.Authenticator
	certificate *tls.Certificate
	digest      string
}

// finish derives what follows from the fields that were set.
func (r *rules) finish() {
	h := sha256.New()
	if r.policy == nil {
		h.Write([]byte("allow-all"))
	} else {
		h.Write([]byte(r.policy.Digest()))
	}
	h.Write([]byte{0})
	h.Write([]byte(r.masks.Digest()))
	r.digest = hex.EncodeToString(h.Sum(nil)[:16])
}

// claims returns what the policy relies on for a target.
func (r *rules) claims(target string) []protocol.Claim {
	if r.policy == nil {
		return nil
	}
	return r.policy.Claims(target)
}
