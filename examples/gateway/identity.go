package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/identity/oidc"
)

func (c *checker) checkIdentity() {
	c.need("identity", c.Identity.Tokens != nil || len(c.Identity.OIDC) > 0 || c.Identity.SSH != nil, "a gateway must know who asks; give tokens, oidc, ssh or several")
	if t := c.Identity.Tokens; t != nil {
		if t.Issuer == "" {
			t.Issuer = "static"
		}
		if c.need("identity.tokens.file", t.File != "", "the file that `gateway token new` writes lines for") {
			list, problems := readTokens(t.File)
			c.tokens = list
			c.problems = append(c.problems, problems...)
		}
	}
	if s := c.Identity.SSH; s != nil {
		if s.Issuer == "" {
			s.Issuer = "keys"
		}
		if c.need("identity.ssh.file", s.File != "", "the file that lists keys and authorities") {
			members, problems := readSSHMembers(s.Issuer, s.File)
			c.ssh = members
			c.problems = append(c.problems, problems...)
		}
	}
	for i, o := range c.Identity.OIDC {
		at := fmt.Sprintf("identity.oidc[%d]", i)
		if c.need(at+".issuer", o.Issuer != "", "the URL as it stands in the tokens") && c.need(at+".audience", o.Audience != "", "what the tokens name this gateway by") {
			a, err := o.authenticator()
			if err != nil {
				c.wrong(at, "%s", err)
			}
			c.issuers = append(c.issuers, a)
		}
	}
}

// authenticator trusts the tokens of an issuer. It asks nobody yet.
func (o oidcConfig) authenticator() (*oidc.Authenticator, error) {
	var options []oidc.Option
	for _, claim := range []struct {
		name string
		set  func(string) oidc.Option
	}{
		{o.GroupsClaim, oidc.GroupsClaim}, {o.NameClaim, oidc.NameClaim},
		{o.OnBehalfOfClaim, oidc.OnBehalfOfClaim}, {o.RequireUser, oidc.RequireUser},
	} {
		if claim.name != "" {
			options = append(options, claim.set(claim.name))
		}
	}
	if len(o.AuthorizedParties) > 0 {
		options = append(options, oidc.AuthorizedParties(o.AuthorizedParties...))
	}
	if o.ClockSkew != 0 {
		options = append(options, oidc.ClockSkew(time.Duration(o.ClockSkew)))
	}
	return oidc.New(o.Issuer, o.Audience, options...)
}

// members is who may come, in a form that a reload can change. The static
// tokens stay the same object: for names that it does not know it makes up
// salts, which would give the names away if they changed with a reload.
type members struct {
	static  *identity.Tokens // nil for none
	issuers []identity.Authenticator
	aws     *awskeys.Issuer // nil where no listener speaks AWS
}

func (s *settings) members() (*members, error) {
	m := &members{}
	if s.Identity.Tokens != nil {
		tokens, err := identity.NewTokens(s.Identity.Tokens.Issuer, s.tokens...)
		if err != nil {
			return nil, err
		}
		m.static = tokens
	}
	for _, issuer := range s.issuers {
		m.issuers = append(m.issuers, issuer)
	}
	if len(s.awsKeys) > 0 {
		issuer, err := awskeys.New(s.awsKeys...)
		if err != nil {
			return nil, err
		}
		if err := issuer.Revoke(s.revoked...); err != nil {
			return nil, err
		}
		m.aws = issuer
	}
	return m, nil
}

// with returns everyone who may come, with those of ssh.
func (m *members) with(ssh sshMembers) []identity.Authenticator {
	var list []identity.Authenticator
	if m.static != nil {
		list = append(list, m.static)
	}
	if m.aws != nil {
		list = append(list, m.aws)
	}
	return slices.Concat(list, m.issuers, ssh.lists)
}

// expired returns the names of the static tokens and SSH keys that have ended at t.
func (s *settings) expired(t time.Time) []string {
	var names []string
	for _, token := range s.tokens {
		if !token.Expires.IsZero() && !t.Before(token.Expires) {
			names = append(names, token.Name)
		}
	}
	for _, key := range s.ssh.keys {
		if !key.Expires.IsZero() && !t.Before(key.Expires) {
			names = append(names, key.Name)
		}
	}
	return names
}
