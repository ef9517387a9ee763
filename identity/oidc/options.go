package oidc

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Option changes a setting of [New].
type Option func(*options) error

type options struct {
	skew       time.Duration
	algorithms []string
	parties    []string
	groups     string
	name       string
	onBehalfOf string
	attributes []string
	user       string
	timeout    time.Duration
	refetch    time.Duration
	transport  http.RoundTripper
}

func defaultAlgorithms() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
}

// ClockSkew is how far the issuer's clock and ours may differ: a token counts
// from as much before its time and as much after its expiry. The default is 30
// seconds, the most 5 minutes; zero allows nothing.
func ClockSkew(d time.Duration) Option {
	return func(o *options) error {
		if d < 0 || d > 5*time.Minute {
			return fmt.Errorf("ClockSkew(%v) is not within 0 and 5 minutes", d)
		}
		o.skew = d
		return nil
	}
}

// Algorithms are the signing algorithms allowed, such as "ES256". The default
// is all of RSA, RSA-PSS, ECDSA and Ed25519; others cannot be allowed.
func Algorithms(names ...string) Option {
	return func(o *options) error {
		for _, name := range names {
			if !slices.Contains(defaultAlgorithms(), name) {
				return fmt.Errorf("Algorithms: %q is not one of %v", name, defaultAlgorithms())
			}
		}
		if len(names) == 0 {
			return errors.New("Algorithms names none")
		}
		o.algorithms = slices.Clone(names)
		return nil
	}
}

// AuthorizedParties are the clients that tokens may have been made for, by
// their "azp" claim or else "client_id". The default is any client, as the
// audience is checked all the same.
func AuthorizedParties(clients ...string) Option {
	return func(o *options) error {
		if len(clients) == 0 || slices.Contains(clients, "") {
			return errors.New("AuthorizedParties has an empty entry or none")
		}
		o.parties = slices.Clone(clients)
		return nil
	}
}

// GroupsClaim is the claim that holds the principal's groups: a list, or one
// name. Dots lead into objects, as in "realm_access.roles", where no claim has
// the whole name. The default is "groups".
func GroupsClaim(claim string) Option { return claimOption("GroupsClaim", claim, (*options).setGroups) }

// NameClaim is the claim by which people and rules know the principal. The
// default is "preferred_username". Mind that in many providers users may change
// claims like "name" themselves: rules that allow much had better match groups
// or the subject.
func NameClaim(claim string) Option { return claimOption("NameClaim", claim, (*options).setName) }

// OnBehalfOfClaim is the claim that names the person for whom an agent works.
// There is no default. Where the token has RFC 8693's "act", the actor's
// subject is in the attribute "act" without any setting.
func OnBehalfOfClaim(claim string) Option {
	return claimOption("OnBehalfOfClaim", claim, (*options).setOnBehalfOf)
}

// RequireUser demands that the user name that the client claims is the value
// of this claim, or one of its values. The default is that any name will do.
func RequireUser(claim string) Option { return claimOption("RequireUser", claim, (*options).setUser) }

// Attributes are the claims to take as the principal's attributes, where they
// are text, numbers or truth values of at most 1 KiB.
func Attributes(claims ...string) Option {
	return func(o *options) error {
		if slices.Contains(claims, "") {
			return errors.New("Attributes has an empty entry")
		}
		o.attributes = slices.Clone(claims)
		return nil
	}
}

// Timeout bounds each request to the issuer. The default is 10 seconds.
func Timeout(d time.Duration) Option {
	return func(o *options) error {
		if d <= 0 {
			return fmt.Errorf("Timeout(%v) is not positive", d)
		}
		o.timeout = d
		return nil
	}
}

// Transport carries the requests to the issuer, for proxies and private
// authorities. The default is http.DefaultTransport.
func Transport(t http.RoundTripper) Option {
	return func(o *options) error {
		o.transport = t
		return nil
	}
}

func (o *options) setGroups(claim string)     { o.groups = claim }
func (o *options) setName(claim string)       { o.name = claim }
func (o *options) setOnBehalfOf(claim string) { o.onBehalfOf = claim }
func (o *options) setUser(claim string)       { o.user = claim }

func claimOption(name, claim string, set func(*options, string)) Option {
	return func(o *options) error {
		if claim == "" {
			return fmt.Errorf("%s names no claim", name)
		}
		set(o, claim)
		return nil
	}
}
