package main

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
)

type awsConfig struct {
	Keys        []secret           `yaml:"keys"`
	Revocations string             `yaml:"revocations"`
	Life        duration           `yaml:"life"`
	Authority   *certificateConfig `yaml:"authority"`
	Hosts       []string           `yaml:"hosts"`
	HandOut     []string           `yaml:"hand_out"`
	MaxBody     size               `yaml:"max_body"`
	Patience    duration           `yaml:"patience"`
}

type roleConfig struct {
	ARN        string            `yaml:"arn"`
	ExternalID string            `yaml:"external_id"`
	Region     string            `yaml:"region"`
	Tags       map[string]string `yaml:"tags"`
	Life       duration          `yaml:"life"`
}

// awsListener is what listeners that speak AWS differ in. Those that are alike
// share a plugin, and with it the signatures that were seen.
type awsListener struct {
	account   string
	plaintext bool
}

func (s *settings) awsListener(l listenerConfig) awsListener {
	return awsListener{s.target(l.Targets[0]).Account, l.RequireTLS != nil && !*l.RequireTLS}
}

// awsSettings are for the plugin of the listeners of a kind.
func (s *settings) awsSettings(l awsListener, issuer *awskeys.Issuer) aws.Config {
	c := s.AWS
	return aws.Config{
		Issuer: issuer, Login: s.awsLogin, Authority: s.authority, Account: l.account, Plaintext: l.plaintext,
		Hosts: c.Hosts, HandOut: c.HandOut, Life: time.Duration(c.Life), MaxBody: int64(c.MaxBody), Patience: time.Duration(c.Patience),
	}
}

// awsTarget is AWS itself where no address says otherwise.
func (t targetConfig) awsTarget() protocol.Target {
	target := aws.Target(t.Name)
	if t.Address != "" {
		target = protocol.Target{Name: t.Name, Address: t.Address}
	}
	return target
}

// rereadAfter is how long credentials that came with a session token are
// trusted: something renews them where they come from.
const rereadAfter = 10 * time.Minute

// awsLogin reads a target's credentials for each session, and again every few
// minutes where they are temporary.
func (s *settings) awsLogin(_ context.Context, _ identity.Principal, target protocol.Target) (aws.Login, error) {
	l := s.target(target.Name).Login
	var login aws.Login
	if l.Role != nil {
		login.Role = aws.Role{ARN: l.Role.ARN, ExternalID: l.Role.ExternalID, Region: l.Role.Region, Tags: maps.Clone(l.Role.Tags), Life: time.Duration(l.Role.Life)}
	}
	for _, from := range []struct {
		field string
		secret
		to func(string)
	}{
		{"access_key_id", l.AccessKeyID, func(v string) { login.Credentials.AccessKeyID = v }},
		{"secret_access_key", l.SecretAccessKey, func(v string) { login.Credentials.SecretAccessKey = aws.NewSecret(v) }},
		{"session_token", l.SessionToken, func(v string) {
			login.Credentials.SessionToken, login.Credentials.Expires = aws.NewSecret(v), time.Now().Add(rereadAfter)
		}},
	} {
		if !from.given() {
			continue
		}
		value, err := from.read()
		if err != nil {
			return aws.Login{}, fmt.Errorf("target %q: login.%s: %w", target.Name, from.field, err)
		}
		from.to(value)
	}
	return login, nil
}
