package identity

import (
	"context"
	"crypto/subtle"
	"errors"

	"github.com/xdg-go/scram"
)

// KnownVerifier is a [SCRAMVerifier] that tells whether its name is listed.
// A plugin may choose the scheme by it: SCRAM for names with a static token,
// another scheme for the rest. It lets clients see which names have one.
type KnownVerifier interface {
	SCRAMVerifier
	// Known reports whether the name is listed now.
	Known() bool
}

type tokenVerifier struct{ claim }

func (v tokenVerifier) Scheme() Scheme { return SchemeToken }

// VerifyToken hashes the token once, whether the name is listed or not, and
// compares in constant time. What cannot be a static token for its length,
// such as a JWT, is refused without.
func (v tokenVerifier) VerifyToken(_ context.Context, token string) (Proven, error) {
	if len(token) < minSecret || len(token) > maxSecret {
		return Proven{}, ErrRefused
	}
	listed, want := v.look()
	got, err := derive(token, []byte(want.Salt), want.Iters)
	if err != nil || subtle.ConstantTimeCompare(got.StoredKey, want.StoredKey) != 1 {
		return Proven{}, ErrRefused
	}
	return v.prove(listed, SchemeToken)
}

type scramVerifier struct{ claim }

var _ KnownVerifier = scramVerifier{}

func (v scramVerifier) Scheme() Scheme { return SchemeSCRAMSHA256 }

func (v scramVerifier) Known() bool {
	return v.tokens.list.Load().byName[v.name] != nil
}

func (v scramVerifier) Start() SCRAMConversation {
	c := &scramConversation{claim: v.claim}
	var stored scram.StoredCredentials
	c.listed, stored = v.look()
	// The name in the SCRAM message does not count, as in PostgreSQL, whose
	// clients leave it empty.
	lookup := func(string) (scram.StoredCredentials, error) { return stored, nil }
	server, err := scram.SHA256.NewServer(lookup)
	if err == nil {
		c.server = server.NewConversation()
	}
	return c
}

// maxSCRAMMessage is far above what clients send: a nonce and a proof.
const maxSCRAMMessage = 4096

type scramConversation struct {
	claim
	listed *listedToken
	server *scram.ServerConversation
	failed error
	proven Proven
}

// Step implements [SCRAMConversation]. Its errors hold nothing of the messages.
func (c *scramConversation) Step(message []byte) ([]byte, error) {
	if c.failed == nil && (c.server == nil || c.server.Done() || len(message) > maxSCRAMMessage) {
		c.failed = ErrRefused
	}
	if c.failed != nil {
		return nil, c.failed
	}
	answer, err := c.server.Step(string(message))
	switch {
	case err != nil, c.server.AuthzID() != "" && c.server.AuthzID() != c.name:
		c.failed = ErrRefused
	case c.server.Done() && !c.server.Valid():
		c.failed = ErrRefused
	case c.server.Done():
		c.proven, c.failed = c.prove(c.listed, SchemeSCRAMSHA256)
	}
	if c.failed != nil {
		return nil, c.failed
	}
	return []byte(answer), nil
}

func (c *scramConversation) Proven() (Proven, error) {
	if c.failed != nil {
		return Proven{}, c.failed
	}
	if c.proven.Scheme == "" {
		return Proven{}, errors.Join(ErrRefused, errors.New("the SCRAM exchange is not through"))
	}
	return c.proven, nil
}
