package main

import (
	"fmt"
	"net/url"
	"os"
	"strings"
)

// check notes every mistake in the decoded configuration.
func (c *checker) check() {
	c.need("name", c.Name != "", "it stands in front of every session's id")
	c.oneOf("log.format", c.Log.Format, "json", "text")
	c.checkAdmin()
	if c.Certificate != nil {
		c.certificate = c.keyPair("certificate", c.Certificate.Cert, c.Certificate.Key)
	}
	c.checkIdentity()
	c.checkTargets()
	c.checkListeners()
	c.checkSSH()
	c.checkAWS()
	c.checkRules()
	c.checkApprovers()
	c.checkMasks()
	c.checkRecord()
	c.checkLimits()
}

func (c *checker) checkAdmin() {
	a := c.Admin
	if a.Listen == "" {
		if a.Token.given() {
			c.wrong("admin.listen", "is missing: there is a token for it")
		}
		return
	}
	c.address("admin.listen", a.Listen)
	if strings.HasPrefix(a.Listen, "/") {
		return // who may open the socket may use it
	}
	if !loopback(a.Listen) {
		c.wrong("admin.listen", "%q can be reached from elsewhere; it must be on 127.0.0.1, [::1] or a Unix socket", a.Listen)
	}
	c.need("admin.token", a.Token.given(), "everyone on this machine reaches the address; give a token, or listen on a Unix socket")
	c.secretThere("admin.token", a.Token)
}

func (c *checker) checkTargets() {
	c.need("targets", len(c.Targets) > 0, "a gateway leads somewhere")
	seen := map[string]bool{}
	for i, t := range c.Targets {
		at := fmt.Sprintf("targets[%d]", i)
		if c.need(at+".name", t.Name != "", "rules, people and the record call the target by it") && seen[t.Name] {
			c.wrong(at+".name", "another target is called %q", t.Name)
		}
		seen[t.Name] = true
		speaks := c.speaks(t.Name)
		if speaks != "aws" {
			c.address(at+".address", t.Address)
			c.notAWS(at, t)
		}
		switch speaks {
		case "ssh":
			c.checkSSHTarget(at, t)
			continue
		case "aws":
			c.checkAWSTarget(at, t)
			continue
		case "postgres":
		default: // what it speaks is complained about
			continue
		}
		if t.Login.Authority != "" {
			c.wrong(at+".login.authority", "is for SSH; PostgreSQL takes password, or cert and key")
		}
		c.oneOf(at+".tls.mode", t.TLS.Mode, "verify-full", "disable")
		if t.TLS.Mode == "disable" && (t.TLS.CA != "" || t.TLS.ServerName != "") {
			c.wrong(at+".tls.mode", "disable makes ca and server_name useless; leave them out, or use verify-full")
		}
		if t.TLS.CA != "" {
			if _, err := os.Stat(t.TLS.CA); err != nil {
				c.wrong(at+".tls.ca", "%s: %s", t.TLS.CA, reason(err))
			}
		}
		c.need(at+".login.user", t.Login.User != "", "the role that the gateway itself logs in as")
		c.secretThere(at+".login.password", t.Login.Password)
		if t.Login.Cert != "" || t.Login.Key != "" {
			c.keyPair(at+".login", t.Login.Cert, t.Login.Key)
		}
	}
}

func (c *checker) checkListeners() {
	c.need("listeners", len(c.Listeners) > 0, "a gateway listens somewhere")
	targets := map[string]bool{}
	for _, t := range c.Targets {
		targets[t.Name] = true
	}
	for i, l := range c.Listeners {
		at := fmt.Sprintf("listeners[%d]", i)
		c.address(at+".address", l.Address)
		c.oneOf(at+".protocol", l.Protocol, "postgres", "ssh", "aws")
		if l.protocol() == "ssh" && (l.Scheme != "" || l.RequireTLS != nil) {
			c.wrong(at+".protocol", "ssh has neither scheme nor require_tls; leave them out")
		}
		if l.protocol() == "aws" {
			c.checkAWSListener(at, l)
		}
		c.oneOf(at+".scheme", l.Scheme, "auto", "scram", "token")
		c.need(at+".targets", len(l.Targets) > 0, "the names of the targets behind the listener")
		seen := map[string]bool{}
		for j, name := range l.Targets {
			switch field := fmt.Sprintf("%s.targets[%d]", at, j); {
			case !targets[name]:
				c.wrong(field, "there is no target %q", name)
			case seen[name]:
				c.wrong(field, "target %q is there twice", name)
			case c.speaks(name) != l.protocol():
				c.wrong(field, "target %q is behind a listener of %s already", name, c.speaks(name))
			}
			seen[name] = true
		}
		if l.protocol() == "postgres" && l.requireTLS() && c.Certificate == nil {
			if l.RequireTLS != nil {
				c.wrong(at+".require_tls", "needs a certificate for the gateway")
			} else {
				c.wrong(at+".address", "%q can be reached from elsewhere: give the gateway a certificate, or say require_tls: false where something else protects the way", l.Address)
			}
		}
	}
}

// requireTLS is what the listener says, else whether others can read along.
func (l listenerConfig) requireTLS() bool {
	if l.RequireTLS != nil {
		return *l.RequireTLS
	}
	return l.Address != "" && !loopback(l.Address)
}

func (c *checker) checkRecord() {
	r := c.Record
	c.need("record.dir", r.Dir != "", "where everything is written down; it belongs on a disk that survives a reboot")
	if r.SegmentSize != 0 && r.SegmentSize < 4<<10 {
		c.wrong("record.segment_size", "the least is 4KiB")
	}
	if r.Checkpoints.Interval < 0 {
		c.wrong("record.checkpoints.interval", "cannot be negative")
	}
	for i, f := range r.Checkpoints.Files {
		if r.Dir != "" && strings.HasPrefix(f, r.Dir+"/") {
			c.wrong(fmt.Sprintf("record.checkpoints.files[%d]", i), "is in the journal's own directory; a checkpoint is of use elsewhere")
		}
	}
	for i, h := range r.Checkpoints.HTTP {
		at := fmt.Sprintf("record.checkpoints.http[%d]", i)
		u, err := url.Parse(h.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback(hostPort(u))) {
			c.wrong(at+".url", "must be an https URL (http only on loopback)")
		} else if u.User != nil {
			c.wrong(at+".url", "must hold no password; use authorization")
		}
		c.secretThere(at+".authorization", h.Authorization)
	}
}

func hostPort(u *url.URL) string {
	if u.Port() == "" {
		return u.Host + ":80"
	}
	return u.Host
}

func (c *checker) checkLimits() {
	for field, v := range map[string]duration{"handshake": c.Limits.Handshake, "approval": c.Limits.Approval} {
		if v < 0 {
			c.wrong("limits."+field, "must end some time")
		}
	}
	for field, v := range map[string]int{"max_batch": c.Postgres.MaxBatch, "parsers": c.Postgres.Parsers} {
		if v < 0 {
			c.wrong("postgres."+field, "cannot be negative")
		}
	}
	if c.Postgres.MaxStatement > 64<<20 {
		c.wrong("postgres.max_statement", "is over 64MiB, which every session could take as memory")
	}
	for field, v := range map[string]duration{"login_timeout": c.Postgres.LoginTimeout, "parser_wait": c.Postgres.ParserWait} {
		if v < 0 {
			c.wrong("postgres."+field, "cannot be negative")
		}
	}
}
