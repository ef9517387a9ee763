package main

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/protocol/ssh"
)

// speaks returns the protocol of the listeners that lead to a target. One to
// which none leads is taken for PostgreSQL.
func (c *checker) speaks(target string) string {
	for _, l := range c.Listeners {
		for _, name := range l.Targets {
			if name == target {
				return l.protocol()
			}
		}
	}
	return "postgres"
}

// checkSSHTarget notes what is wrong with a target that is reached by SSH.
func (c *checker) checkSSHTarget(at string, t targetConfig) {
	if t.Database != "" {
		c.wrong(at+".database", "means nothing to SSH; leave it out")
	}
	if t.TLS != (tlsConfig{}) {
		c.wrong(at+".tls", "is not how SSH is secured; ssh.known_hosts says which host keys are trusted")
	}
	l := t.Login
	c.need(at+".login.user", l.User != "", "the account that the gateway itself logs in to")
	if l.Cert != "" {
		c.wrong(at+".login.cert", "is for PostgreSQL; SSH takes authority, key or password")
	}
	given := 0
	for _, there := range []bool{l.Authority != "", l.Key != "", l.Password.given()} {
		if there {
			given++
		}
	}
	switch {
	case given == 0 && !c.complained(at+".login.password"):
		c.wrong(at+".login", "says nothing to log in with; give authority, key or password")
	case given > 1:
		c.wrong(at+".login", "says more than one way to log in; give one of authority, key and password")
	}
	c.privateKey(at+".login.authority", l.Authority)
	c.privateKey(at+".login.key", l.Key)
	c.secretThere(at+".login.password", l.Password)
}

// privateKey notes a key that cannot be read.
func (c *checker) privateKey(path, file string) {
	if file == "" || !c.secrets {
		return
	}
	if _, err := ssh.ReadKey(file); err != nil {
		c.wrong(path, "%s", keyProblem(file, err))
	}
}

func keyProblem(file string, err error) string {
	text := reason(err)
	if !strings.HasPrefix(text, file) {
		text = file + ": " + text
	}
	return text
}

// checkSSH checks the settings of SSH, where a listener speaks it.
func (c *checker) checkSSH() {
	used := false
	for _, l := range c.Listeners {
		used = used || l.protocol() == "ssh"
	}
	if !used {
		return
	}
	s := c.SSH
	c.need("ssh.host_keys", len(s.HostKeys) > 0, `clients know the gateway by it; ssh-keygen -q -t ed25519 -N "" -f host_key makes one`)
	for i, file := range s.HostKeys {
		at := fmt.Sprintf("ssh.host_keys[%d]", i)
		if !c.need(at, file != "", "a file") || !c.secrets {
			continue
		}
		key, err := ssh.ReadKey(file)
		switch {
		case os.IsNotExist(err):
			c.wrong(at, `%s: there is no such file; ssh-keygen -q -t ed25519 -N "" -f %s makes one`, file, file)
		case err != nil:
			c.wrong(at, "%s", keyProblem(file, err))
		case slices.ContainsFunc(c.hostKeys, func(k xssh.Signer) bool { return k.PublicKey().Type() == key.PublicKey().Type() }):
			c.wrong(at, "another one is of type %s too; one of each type is served", key.PublicKey().Type())
		default:
			c.hostKeys = append(c.hostKeys, key)
		}
	}
	c.need("ssh.known_hosts", len(s.KnownHosts)+len(s.KnownHostLines) > 0, "the gateway must know the host keys of its targets; ssh-keyscan HOST writes such a file, to be compared with what the host's console says")
	for i, file := range s.KnownHosts {
		c.known(fmt.Sprintf("ssh.known_hosts[%d]", i), ssh.HostKeys{Files: []string{file}})
	}
	for i, line := range s.KnownHostLines {
		c.known(fmt.Sprintf("ssh.known_host_lines[%d]", i), ssh.HostKeys{Lines: []string{line}})
	}
	for i, name := range s.Env {
		if _, err := path.Match(name, ""); err != nil || name == "" {
			c.wrong(fmt.Sprintf("ssh.env[%d]", i), "%q is neither a name nor a pattern such as LC_*", name)
		}
	}
	if s.MaxCommand > 64<<10 {
		c.wrong("ssh.max_command", "is over 64KiB, beyond which nothing is understood")
	}
	if s.MaxChannels < 0 {
		c.wrong("ssh.max_channels", "cannot be negative")
	}
	if s.LoginTimeout < 0 {
		c.wrong("ssh.login_timeout", "cannot be negative")
	}
}

// known notes what the plugin says of host keys that are to be trusted.
func (c *checker) known(at string, keys ssh.HostKeys) {
	err := ssh.New(ssh.Config{HostKeys: keys}).Validate(nil)
	for _, text := range strings.Split(fmt.Sprint(err), "\n") {
		if rest, ok := strings.CutPrefix(text, "hostkey: "); ok { // the rest is about what is not given here
			rest = strings.TrimPrefix(rest, "known_hosts: ")
			c.wrong(at, "%s", strings.TrimPrefix(rest, "line 1 of the configuration: "))
		}
	}
}
