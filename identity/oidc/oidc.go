// Package oidc proves principals by JSON Web Tokens of an OpenID Connect
// provider.
//
// A client gives the token as its secret, under [identity.SchemeToken]. It is
// checked by signature, with keys that are fetched from the issuer and fetched
// again when it rotates them; by issuer, audience, expiry and not-before, with
// an allowance for clocks that differ; and by algorithm, of which only
// asymmetric ones are ever allowed. Tokens above 16 KiB are refused unread.
//
// The issuer is first asked when the first token comes. One that is down does
// not keep a gateway from starting: tokens are answered with
// [identity.ErrUnavailable] until it is back. Keys that are known already
// serve on while it is away.
package oidc

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"

	"github.com/sallyport/sallyport/identity"
)

// maxToken is how long a token may be, in bytes.
const maxToken = 16 << 10

// Authenticator is an [identity.Authenticator] for the tokens of one issuer
// and audience. It is safe for concurrent use.
type Authenticator struct {
	issuer, audience string
	options          options
	fetch            *fetcher
	client           *http.Client

	lock     chan struct{} // held for discovery; a channel, so that waiting ends with a context
	verifier *gooidc.IDTokenVerifier
	failed   error     // of the last discovery
	tried    time.Time // when that ended
}

// New returns an authenticator for tokens that issuer made for audience. issuer
// is the issuer's URL as it stands in tokens: https, or http on loopback.
// audience is what tokens name the gateway by. Neither is asked here; the error
// joins the mistakes in the settings.
func New(issuer, audience string, opts ...Option) (*Authenticator, error) {
	a := &Authenticator{
		issuer: issuer, audience: audience, lock: make(chan struct{}, 1),
		options: options{
			skew: 30 * time.Second, algorithms: defaultAlgorithms(), groups: "groups", name: "preferred_username", timeout: 10 * time.Second, refetch: 2 * time.Second,
		},
	}
	var errs []error
	if u, err := url.Parse(issuer); err != nil || u.Host == "" {
		errs = append(errs, fmt.Errorf("oidc: the issuer %q is not a URL", issuer))
	} else if err := private(u); err != nil {
		errs = append(errs, fmt.Errorf("oidc: the issuer %q: %w", issuer, err))
	}
	if audience == "" {
		errs = append(errs, errors.New("oidc: the audience is empty; without it any token of the issuer would do"))
	}
	for _, opt := range opts {
		if err := opt(&a.options); err != nil {
			errs = append(errs, fmt.Errorf("oidc: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	a.fetch = newFetcher(a.options.transport, a.options.refetch)
	a.client = &http.Client{Transport: a.fetch, Timeout: a.options.timeout}
	return a, nil
}

// Verifier implements [identity.Authenticator]. It serves
// [identity.SchemeToken] and asks nobody. The name counts only with
// [RequireUser].
func (a *Authenticator) Verifier(_ context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	if scheme != identity.SchemeToken {
		return nil, fmt.Errorf("%w: OIDC serves %s, not %s", identity.ErrSchemeUnsupported, identity.SchemeToken, scheme)
	}
	return verifier{a, name}, nil
}

type verifier struct {
	*Authenticator
	user string
}

func (v verifier) Scheme() identity.Scheme { return identity.SchemeToken }

// VerifyToken implements [identity.TokenVerifier].
func (v verifier) VerifyToken(ctx context.Context, token string) (identity.Proven, error) {
	if err := v.plausible(token); err != nil {
		return identity.Proven{}, err
	}
	check, err := v.discover(ctx)
	if err != nil {
		return identity.Proven{}, err
	}
	var keys keyFetch
	verified, err := check.Verify(context.WithValue(ctx, keyFetch{}, &keys), token)
	switch {
	case err == nil:
	case ctx.Err() != nil, keys.failed:
		return identity.Proven{}, fmt.Errorf("%w: the issuer's keys could not be fetched", identity.ErrUnavailable)
	default:
		return identity.Proven{}, refused("signature, issuer or audience is wrong")
	}
	var c claims
	if err := verified.Claims(&c); err != nil {
		return identity.Proven{}, refused("its claims cannot be read")
	}
	return v.prove(c, time.Now())
}

func refused(why string) error { return fmt.Errorf("%w: token: %s", identity.ErrRefused, why) }

// plausible refuses without asking the issuer what cannot be a token of it.
// What it reads is not yet proven.
func (a *Authenticator) plausible(token string) error {
	if len(token) > maxToken {
		return refused("it is longer than 16 KiB")
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return refused("it is not a JSON Web Token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return refused("it is not a JSON Web Token")
	}
	var c struct {
		Issuer string `json:"iss"`
	}
	if err := json.Unmarshal(payload, &c); err != nil {
		return refused("it is not a JSON Web Token")
	}
	if c.Issuer != a.issuer {
		return refused("another issuer made it")
	}
	return nil
}

// discover returns the verifier, and finds out about the issuer where that has
// not worked yet.
func (a *Authenticator) discover(ctx context.Context) (*gooidc.IDTokenVerifier, error) {
	select {
	case a.lock <- struct{}{}:
		defer func() { <-a.lock }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%w: %w", identity.ErrUnavailable, ctx.Err())
	}
	if a.verifier != nil {
		return a.verifier, nil
	}
	if a.failed != nil && time.Since(a.tried) < a.options.refetch {
		return nil, a.failed // those who waited for the lock need not wait for the issuer as well
	}
	caller := ctx
	ctx = gooidc.ClientContext(ctx, a.client)
	provider, err := gooidc.NewProvider(ctx, a.issuer)
	if err != nil {
		err = a.undiscovered(err)
		if caller.Err() == nil {
			a.failed, a.tried = err, time.Now()
		}
		return nil, err
	}
	var metadata struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, a.undiscovered(err)
	}
	a.verifier = gooidc.NewVerifier(a.issuer, keySet{gooidc.NewRemoteKeySet(ctx, metadata.Keys)}, &gooidc.Config{
		ClientID:             a.audience,
		SupportedSigningAlgs: a.options.algorithms,
		SkipExpiryCheck:      true, // done in prove, with the allowance for clocks
	})
	return a.verifier, nil
}

// keySet tells a signature that does not fit from keys that could not be had;
// go-oidc's verifier drops the difference.
type keySet struct{ remote *gooidc.RemoteKeySet }

// keyFetch is how the fetching of keys went for one token. It travels in the
// context, as its own key: several tokens can wait for one answer of the issuer.
type keyFetch struct{ failed bool }

func (k keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, token)
	if err != nil && errors.Unwrap(err) != nil { // it wraps only what the fetching returned
		ctx.Value(keyFetch{}).(*keyFetch).failed = true
	}
	return payload, err
}

func (a *Authenticator) undiscovered(err error) error {
	if mismatch, ok := errors.AsType[*gooidc.IssuerMismatchError](err); ok {
		return fmt.Errorf("%w: the issuer %s calls itself %q; use that", identity.ErrUnavailable, a.issuer, mismatch.Discovered)
	}
	return fmt.Errorf("%w: discovery of %s failed: %s", identity.ErrUnavailable, a.issuer, brief(err))
}

// Ready asks the issuer whether it is there: nil, or an error that wraps
// [identity.ErrUnavailable].
func (a *Authenticator) Ready(ctx context.Context) error {
	_, err := a.discover(ctx)
	return err
}

// brief cuts what an issuer answered down to what a log line bears.
func brief(err error) string {
	s := fmt.Sprintf("%q", err.Error())
	if len(s) > 300 {
		s = s[:300] + "…"
	}
	return s
}
