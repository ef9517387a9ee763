// Package identity says who is asking.
//
// An [Authenticator] hands out a [Verifier] for one scheme and one claimed
// name; the verifier checks the proof that the client then gives and returns
// a [Proven] principal. Handing out comes first because SCRAM, SSH keys and
// AWS signatures need the verifier before the proof exists.
//
// Nothing in this package trusts a claim: a Principal that came from anywhere
// but a verifier is only a name.
//
// Everything here is safe for concurrent use unless it says otherwise.
package identity

import (
	"context"
	"errors"
	"net/netip"
	"time"
)

// Principal is who asks: a subject as one issuer knows it.
type Principal struct {
	// Issuer names who vouches for Subject: an OIDC issuer URL, or the name
	// of a static token list. Never empty in a proven principal.
	Issuer string `json:"issuer"`
	// Subject is unique within Issuer.
	Subject string `json:"subject"`
	// Name is what people call the principal; empty means Subject.
	Name string `json:"name,omitempty"`
	// Groups are what rules usually match on.
	Groups []string `json:"groups,omitempty"`
	// Attributes are further facts that the issuer states.
	Attributes map[string]string `json:"attributes,omitempty"`
	// OnBehalfOf is the person for whom an agent works, if the issuer says so.
	OnBehalfOf string `json:"on_behalf_of,omitempty"`
	// Expires is when the proof ends; zero means that it does not.
	Expires time.Time `json:"expires,omitzero"`
}

// String returns the name by which people and rules know the principal:
// Name, or else Subject.
func (p Principal) String() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Subject
}

// ID returns issuer and subject as one string that is unique across issuers.
func (p Principal) ID() string { return p.Issuer + "|" + p.Subject }

// Expired reports whether the proof has ended at t.
func (p Principal) Expired(t time.Time) bool {
	return !p.Expires.IsZero() && !t.Before(p.Expires)
}

// Proven is a principal together with how it was proven. Only a [Verifier]
// makes one in earnest; tests may write one down.
type Proven struct {
	Principal Principal
	// Scheme is the way of the proof.
	Scheme Scheme
	// Credential names the credential without giving it away: a token's id or
	// a key's fingerprint. It may be recorded.
	Credential string
}

// Scheme names a way of proving who one is.
type Scheme string

// The schemes that Sallyport's own plugins ask for. Plugins may name others.
const (
	// SchemeToken is a secret that travels: a bearer token given as a
	// password. Plugins ask for it only where the wire is private. Its
	// verifier implements [TokenVerifier].
	SchemeToken Scheme = "token"
	// SchemeSCRAMSHA256 is RFC 7677: the secret does not travel. Its verifier
	// implements [SCRAMVerifier].
	SchemeSCRAMSHA256 Scheme = "scram-sha-256"
	// SchemeSSHKey is RFC 4252, section 7: the client signs with a private
	// key. Its verifier implements [KeyVerifier].
	SchemeSSHKey Scheme = "ssh-publickey"
	// SchemeSigV4 is AWS's Signature Version 4: the client signs each request
	// with a secret that does not travel. The name is the access key's id. Its
	// verifier implements [SigningVerifier].
	SchemeSigV4 Scheme = "aws-sigv4"
)

// Authenticator knows principals. It is what a gateway's Identify takes.
type Authenticator interface {
	// Verifier returns the verifier that checks a proof by scheme for the
	// name that a client claims. It returns [ErrSchemeUnsupported] where it
	// has none for the scheme. Whether the name is known must not show: for
	// an unknown name it returns a verifier that refuses at the end of the
	// exchange.
	Verifier(ctx context.Context, scheme Scheme, name string) (Verifier, error)
}

// Verifier checks proofs of one scheme; what else it can do is in the
// interface that its scheme names, such as [TokenVerifier].
type Verifier interface {
	Scheme() Scheme
}

// TokenVerifier checks secrets that travelled.
type TokenVerifier interface {
	Verifier
	// VerifyToken returns who the token proves, or an error that wraps
	// [ErrRefused], [ErrExpired] or, where the issuer could not be asked,
	// [ErrUnavailable]. The token is in no error.
	VerifyToken(ctx context.Context, token string) (Proven, error)
}

// KeyVerifier says who holds a public key, before and after its holder has
// signed.
type KeyVerifier interface {
	Verifier
	// Holder returns whom key proves once its holder has signed with it, or
	// an error that wraps [ErrRefused], [ErrExpired] or [ErrUnavailable]. key
	// is in SSH's wire format (RFC 4253, section 6.6), OpenSSH's certificates
	// included; it is only read during the call. from is the address that the
	// client comes from; where it is not valid, a key that is good only from
	// some addresses is refused.
	//
	// It proves nothing by itself: a client may ask about any key. Who asks
	// verifies the signature, and takes the principal of the key that signed,
	// not of the one that was asked about last.
	Holder(ctx context.Context, key []byte, from netip.Addr) (Proven, error)
}

// SigningVerifier tells the secret that a signature must have been made with.
type SigningVerifier interface {
	Verifier
	// Secret returns the secret that belongs to the name the verifier was asked
	// for, and whom a signature made with it proves, or an error that wraps
	// [ErrRefused], [ErrExpired] or [ErrUnavailable]. sessionToken is what came
	// with the request, and is empty where nothing did; it is in no error.
	//
	// It proves nothing by itself: names and session tokens travel, and whoever
	// saw them can repeat them. Who asks verifies the signature, and gives the
	// secret to nobody. It is to be asked for each request anew, so that what
	// is revoked ends.
	Secret(ctx context.Context, sessionToken string) (secret string, who Proven, err error)
}

// SCRAMVerifier checks RFC 5802 exchanges.
type SCRAMVerifier interface {
	Verifier
	// Start begins the server's side of one exchange.
	Start() SCRAMConversation
}

// SCRAMConversation is the server's side of one SCRAM exchange. It is for one
// goroutine.
type SCRAMConversation interface {
	// Step takes the client's message and returns the server's answer. An
	// error ends the conversation; it wraps [ErrRefused] where the proof is
	// wrong.
	Step(message []byte) (answer []byte, err error)
	// Proven returns the principal once the exchange is through, and an error
	// that wraps [ErrRefused] before.
	Proven() (Proven, error)
}

// Errors that verifiers and authenticators wrap. What is shown to a client
// says no more than these.
var (
	// ErrRefused means that the proof is wrong or the name unknown.
	ErrRefused = errors.New("credentials refused")
	// ErrExpired means that the proof was good once.
	ErrExpired = errors.New("credentials have expired")
	// ErrUnavailable means that the proof could not be checked now.
	ErrUnavailable = errors.New("identity provider is not available")
	// ErrSchemeUnsupported means that no authenticator serves the scheme.
	ErrSchemeUnsupported = errors.New("authentication scheme is not supported")
)
