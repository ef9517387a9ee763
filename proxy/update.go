package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/recorder"
)

// Change is what [Gateway.Update] swaps. A nil field leaves what is there; an
// empty, non-nil slice of rules is an empty list: it allows nothing, or masks
// nothing.
type Change struct {
	Policy      []approve.Rule
	Masks       []mask.Rule
	Identity    []identity.Authenticator
	Certificate *tls.Certificate
}

// Update puts a change in force as one: live sessions follow at their next
// operation, new clients at their handshake. The change is recorded durably
// first. After an error nothing has changed. A gateway that was built with
// AllowAll takes no policy.
func (g *Gateway) Update(ctx context.Context, change Change) error {
	g.updating.Lock()
	defer g.updating.Unlock()
	next := *g.rules.Load()
	var errs []error
	var err error
	if change.Policy != nil {
		switch {
		case next.policy == nil:
			errs = append(errs, errors.New("Policy: the gateway was built with AllowAll"))
		default:
			if next.policy, err = approve.NewPolicy(change.Policy...); err != nil {
				errs = append(errs, each("Policy", err)...)
			}
			if err = checkApprovers(change.Policy, g.approvers); err != nil {
				errs = append(errs, each("Policy", err)...)
			}
		}
	}
	if change.Masks != nil {
		if next.masks, err = mask.New(change.Masks...); err != nil {
			errs = append(errs, each("Masks", err)...)
		}
	}
	if change.Identity != nil {
		if len(change.Identity) == 0 || slices.Contains(change.Identity, nil) {
			errs = append(errs, errors.New("Identity: needs authenticators, none of them nil"))
		}
		next.identity = identity.Any(change.Identity...)
	}
	if c := change.Certificate; c != nil {
		if len(c.Certificate) == 0 || c.PrivateKey == nil {
			errs = append(errs, errors.New("Certificate: needs a chain and its private key"))
		}
		next.certificate = c
	}
	if len(errs) > 0 {
		return fmt.Errorf("update: nothing was changed: %w", errors.Join(errs...))
	}
	before := next.digest
	next.finish()
	err = g.own.append(ctx, recorder.Durable, &recorder.Event{
		Kind: recorder.KindPolicyChanged,
		Note: &recorder.Note{Kind: "policy", Text: fmt.Sprintf("from %s to %s", before, next.digest)},
	})
	if err != nil {
		return fmt.Errorf("update: nothing was changed: it could not be recorded: %w", err)
	}
	g.rules.Store(&next)
	g.logger.Info("policy, masks, identity and certificate updated", "policy", next.digest, "before", before)
	return nil
}
