package login

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/xdg-go/scram"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

const scramSHA256Plus = "SCRAM-SHA-256-PLUS"

// maxIterations bounds the work that a target can ask for: about half a
// second. PostgreSQL's default is 4096.
const maxIterations = 1_000_000

// saslClient is the gateway's side of SCRAM-SHA-256.
type saslClient struct {
	mechanism    string
	conversation *scram.ClientConversation
	steps        int
	proven       bool // the target proved that it knows the password
}

// newSASLClient picks the mechanism and returns the first message. The name in
// it is empty: the server takes the one from the startup packet.
func newSASLClient(offer wire.Authentication, password string, state *tls.ConnectionState) (*saslClient, []byte, error) {
	client, err := scram.SHA256.NewClient("", password, "")
	if err != nil {
		// Not fit for SASLprep: PostgreSQL then takes the bytes as they are.
		if client, err = scram.SHA256.NewClientUnprepped("", password, ""); err != nil {
			return nil, nil, errors.New("the password is not fit for SCRAM")
		}
	}
	c := &saslClient{mechanism: scramSHA256, conversation: client.NewConversation()}
	var bound bool
	if state != nil && offer.Offers(scramSHA256Plus) {
		// Some certificates have no hash to bind to, such as Ed25519 ones.
		if binding, err := scram.NewTLSServerEndpointBinding(state); err == nil {
			c.mechanism, c.conversation, bound = scramSHA256Plus, client.NewConversationWithChannelBinding(binding), true
		}
	} else if state != nil {
		// Says that binding was possible: a target that did offer it then
		// knows that somebody took the offer away.
		c.conversation = client.NewConversationAdvertisingChannelBinding()
	}
	if !bound && !offer.Offers(scramSHA256) {
		return nil, nil, errors.New("it offers no SASL mechanism that is supported; those are SCRAM-SHA-256 and, through TLS, SCRAM-SHA-256-PLUS")
	}
	first, err := c.conversation.Step("")
	return c, []byte(first), err
}

// next answers the target's challenge.
func (c *saslClient) next(challenge []byte) ([]byte, error) {
	if c.steps++; c.steps > 1 {
		return nil, errors.New("it sent a second SCRAM challenge")
	}
	if err := checkIterations(string(challenge)); err != nil {
		return nil, err
	}
	answer, err := c.conversation.Step(string(challenge))
	if err != nil {
		return nil, errors.New("its SCRAM challenge is malformed")
	}
	return []byte(answer), nil
}

func checkIterations(challenge string) error {
	for field := range strings.SplitSeq(challenge, ",") {
		if digits, ok := strings.CutPrefix(field, "i="); ok {
			n, err := strconv.Atoi(digits)
			if err != nil || n < 1 || n > maxIterations {
				return fmt.Errorf("it asks for more SCRAM iterations than the %d allowed, or for none", maxIterations)
			}
		}
	}
	return nil
}

// final verifies that the target knows the password too.
func (c *saslClient) final(message []byte) error {
	if c.steps != 1 || c.proven {
		return errors.New("its SCRAM messages are out of order")
	}
	if _, err := c.conversation.Step(string(message)); err != nil || !c.conversation.Valid() {
		return errors.New("it could not prove that it knows the password; it may not be the server it claims to be")
	}
	c.proven = true
	return nil
}
