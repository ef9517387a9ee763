package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol/aws"
)

// notAWS notes what only targets of AWS have, in another.
func (c *checker) notAWS(at string, t targetConfig) {
	l := t.Login
	for field, there := range map[string]bool{
		".account": t.Account != "", ".login.access_key_id": l.AccessKeyID.given(), ".login.secret_access_key": l.SecretAccessKey.given(),
		".login.session_token": l.SessionToken.given(), ".login.role": l.Role != nil,
	} {
		if there {
			c.wrong(at+field, "is for AWS")
		}
	}
}

// checkAWSTarget notes what is wrong with a target that is AWS, or a server
// that speaks as AWS does.
func (c *checker) checkAWSTarget(at string, t targetConfig) {
	l := t.Login
	for field, there := range map[string]bool{
		".database": t.Database != "", ".login.user": l.User != "", ".login.password": l.Password.given(),
		".login.cert": l.Cert != "", ".login.key": l.Key != "", ".login.authority": l.Authority != "",
	} {
		if there {
			c.wrong(at+field, "means nothing to AWS; leave it out")
		}
	}
	c.oneOf(at+".tls.mode", t.TLS.Mode, "verify-full", "disable")
	switch {
	case strings.HasPrefix(t.Address, "/"):
		c.wrong(at+".address", "must be host:port; leave it out for AWS itself")
	case t.Address != "":
		c.address(at+".address", t.Address)
		if t.TLS.Mode == "disable" && (t.TLS.CA != "" || t.TLS.ServerName != "") {
			c.wrong(at+".tls.mode", "disable makes ca and server_name useless; leave them out, or use verify-full")
		}
	default:
		if t.TLS.Mode == "disable" || t.TLS.ServerName != "" {
			c.wrong(at+".tls", "AWS is spoken to by TLS, under its own names; mode: disable and server_name are for a target with an address")
		}
		c.need(at+".account", t.Account != "", "the id of the account, 12 digits in quotes, for the ARNs that rules match")
	}
	if t.TLS.CA != "" {
		if _, err := os.Stat(t.TLS.CA); err != nil {
			c.wrong(at+".tls.ca", "%s: %s", t.TLS.CA, reason(err))
		}
	}
	if t.Account != "" {
		c.awsSays(at+".account", "Account", aws.Config{Account: t.Account})
	}
	const whose = "the gateway's own credentials for the target; env:NAME or file:PATH"
	c.need(at+".login.access_key_id", l.AccessKeyID.given(), whose)
	c.need(at+".login.secret_access_key", l.SecretAccessKey.given(), whose)
	c.secretThere(at+".login.access_key_id", l.AccessKeyID)
	c.secretThere(at+".login.secret_access_key", l.SecretAccessKey)
	c.secretThere(at+".login.session_token", l.SessionToken)
	if l.Role != nil {
		c.checkRole(at+".login.role", *l.Role)
	}
}

var roleARN = regexp.MustCompile(`^arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]{1,576}$`)

func (c *checker) checkRole(at string, r roleConfig) {
	if c.need(at+".arn", r.ARN != "", "the role that the gateway assumes for each session") && !roleARN.MatchString(r.ARN) {
		c.wrong(at+".arn", "%q is no role; one looks like arn:aws:iam::123456789012:role/agents", r.ARN)
	}
	if life := time.Duration(r.Life); life != 0 && (life < 15*time.Minute || life > 12*time.Hour) {
		c.wrong(at+".life", "must be from 15m to 12h")
	}
	if len(r.Tags) > 47 {
		c.wrong(at+".tags", "there may be 47; the gateway adds three of its own")
	}
	for name := range r.Tags {
		if strings.HasPrefix(name, "sallyport:") || strings.HasPrefix(name, "aws:") || name == "" || len(name) > 128 {
			c.wrong(at+".tags."+name, "must be a name of at most 128 bytes that begins with neither sallyport: nor aws:")
		}
	}
}

// checkAWSListener notes what is wrong with a listener for clients of AWS.
func (c *checker) checkAWSListener(at string, l listenerConfig) {
	if l.Scheme != "" {
		c.wrong(at+".scheme", "is for PostgreSQL; leave it out")
	}
	switch {
	case loopback(l.Address) && l.RequireTLS != nil:
		c.wrong(at+".require_tls", "says nothing where only this machine reaches the address; leave it out")
	case l.requireTLS() && c.Certificate == nil && c.AWS.Authority == nil && !c.complained(at+".address"):
		c.wrong(at+".address", "%q can be reached from elsewhere: give the gateway a certificate, or an authority under aws for clients that take it as a proxy, or say require_tls: false where something else protects the way", l.Address)
	}
	accounts := map[string]bool{}
	for _, t := range c.Targets {
		if slices.Contains(l.Targets, t.Name) {
			accounts[t.Account] = true
		}
	}
	if len(accounts) > 1 {
		c.wrong(at+".targets", "are of several accounts; give each account a listener of its own")
	}
}

// checkAWS checks the settings of AWS, where a listener speaks it.
func (c *checker) checkAWS() {
	if !slices.ContainsFunc(c.Listeners, func(l listenerConfig) bool { return l.protocol() == "aws" }) {
		return
	}
	s := c.AWS
	if c.Identity.Tokens == nil && len(c.Identity.OIDC) == 0 {
		c.wrong("identity", "has neither tokens nor oidc: clients of AWS get their credentials for a token")
	}
	c.need("aws.keys", len(s.Keys) > 0, "the credentials of clients are sealed with it; `gateway aws key FILE` makes one")
	for i, k := range s.Keys {
		c.checkAWSKey(fmt.Sprintf("aws.keys[%d]", i), k)
	}
	if _, err := awskeys.New(c.awsKeys...); len(c.awsKeys) > 0 && err != nil {
		_, text, _ := strings.Cut(err.Error(), ": ")
		c.wrong("aws.keys", "%s", text)
	}
	if s.Revocations != "" {
		list, problems := readAWSRevocations(s.Revocations)
		c.revoked = list
		c.problems = append(c.problems, problems...)
	}
	if s.Authority != nil {
		if c.authority = c.keyPair("aws.authority", s.Authority.Cert, s.Authority.Key); c.authority != nil {
			c.awsSays("aws.authority", "Authority", aws.Config{Authority: c.authority})
		}
	}
	for i, h := range s.Hosts {
		c.awsSays(fmt.Sprintf("aws.hosts[%d]", i), "Hosts", aws.Config{Hosts: []string{h}})
	}
	for i, verb := range s.HandOut {
		c.awsSays(fmt.Sprintf("aws.hand_out[%d]", i), "HandOut", aws.Config{HandOut: []string{verb}})
	}
	if life := time.Duration(s.Life); life != 0 && (life < awskeys.MinLife || life > awskeys.MaxLife) {
		c.wrong("aws.life", "must be from %s to %s", awskeys.MinLife, awskeys.MaxLife)
	}
	if s.MaxBody > 128<<20 {
		c.wrong("aws.max_body", "is over 128MiB, which every call could take as memory")
	}
	if s.Patience < 0 {
		c.wrong("aws.patience", "cannot be negative")
	}
}

// checkAWSKey reads a key that credentials are sealed with.
func (c *checker) checkAWSKey(at string, from secret) {
	if !c.need(at, from.given(), "env:NAME or file:PATH") || !c.secrets {
		return
	}
	text, err := from.read()
	if err != nil {
		c.wrong(at, "%s; `gateway aws key FILE` makes one", err)
		return
	}
	key, err := awskeys.ParseKey(text)
	if err != nil {
		c.wrong(at, "%s", err)
		return
	}
	c.awsKeys = append(c.awsKeys, key)
}

// awsSays notes what the plugin says of one of its fields.
func (c *checker) awsSays(at, field string, config aws.Config) {
	for text := range strings.SplitSeq(fmt.Sprint(aws.New(config).Validate(nil)), "\n") {
		if rest, ok := strings.CutPrefix(text, "Config."+field); ok {
			c.wrong(at, "%s", strings.TrimLeft(rest, ": "))
		}
	}
}
