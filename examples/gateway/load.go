package main

import (
	"crypto/tls"
	"net"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/identity/oidc"
	"github.com/sallyport/sallyport/mask"
)

// settings is a configuration that was checked, with what was made of it.
type settings struct {
	config
	file        string
	rules       []approve.Rule
	masks       []mask.Rule
	tokens      []identity.Token
	issuers     []*oidc.Authenticator
	ssh         sshMembers
	hostKeys    []xssh.Signer
	awsKeys     []awskeys.Key
	revoked     []awskeys.Revocation
	authority   *tls.Certificate // of AWS's proxy mode; nil for none
	certificate *tls.Certificate // nil for none
}

// load reads and checks a configuration, with the files it names. The error
// joins every mistake, each with file, line and field. Without secrets it does
// not look whether the secrets that the file refers to are there.
func load(file string, secrets bool) (*settings, error) {
	d := readDocument(file)
	c := checker{document: d, secrets: secrets, settings: &settings{file: file}}
	if len(d.problems) == 0 {
		d.decode(&c.config)
		c.locate()
		c.check()
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	return c.settings, nil
}

// checker notes what is wrong with a configuration in its document.
type checker struct {
	*document
	*settings
	secrets bool
}

// locate makes all paths in the file such as seen from the file's directory.
func (c *checker) locate() {
	paths := []*string{&c.Record.Dir, &c.Record.KeyFile, &c.Admin.Token.file, &c.AWS.Revocations}
	if c.Certificate != nil {
		paths = append(paths, &c.Certificate.Cert, &c.Certificate.Key)
	}
	if c.Identity.Tokens != nil {
		paths = append(paths, &c.Identity.Tokens.File)
	}
	if c.Identity.SSH != nil {
		paths = append(paths, &c.Identity.SSH.File)
	}
	for _, list := range [][]string{c.SSH.HostKeys, c.SSH.KnownHosts} {
		for i := range list {
			paths = append(paths, &list[i])
		}
	}
	for i := range c.AWS.Keys {
		paths = append(paths, &c.AWS.Keys[i].file)
	}
	if c.AWS.Authority != nil {
		paths = append(paths, &c.AWS.Authority.Cert, &c.AWS.Authority.Key)
	}
	for i := range c.Targets {
		t := &c.Targets[i]
		paths = append(paths, &t.TLS.CA, &t.Login.Cert, &t.Login.Key, &t.Login.Authority, &t.Login.Password.file,
			&t.Login.AccessKeyID.file, &t.Login.SecretAccessKey.file, &t.Login.SessionToken.file)
	}
	for i := range c.Approvers.Webhooks {
		paths = append(paths, &c.Approvers.Webhooks[i].Secret.file)
	}
	for i := range c.Masks.Columns {
		paths = append(paths, &c.Masks.Columns[i].Key.file)
	}
	for i := range c.Record.Checkpoints.Files {
		paths = append(paths, &c.Record.Checkpoints.Files[i])
	}
	for i := range c.Record.Checkpoints.HTTP {
		paths = append(paths, &c.Record.Checkpoints.HTTP[i].Authorization.file)
	}
	for _, p := range paths {
		*p = c.beside(*p)
	}
}

// need notes that a field is missing, and reports whether it is there.
func (c *checker) need(path string, given bool, why string) bool {
	if !given && !c.complained(path) {
		c.wrong(path, "is missing: %s", why)
	}
	return given
}

// complained reports whether something is wrong with the field already.
func (c *checker) complained(path string) bool {
	return slices.ContainsFunc(c.problems, func(p problem) bool { return p.field == path })
}

// oneOf notes a value that is none of those listed; the empty one is fine.
func (c *checker) oneOf(path, value string, list ...string) {
	if value != "" && !slices.Contains(list, value) {
		c.wrong(path, "%q is none of %s", value, strings.Join(list, ", "))
	}
}

// secretThere notes a secret that cannot be read, without its content.
func (c *checker) secretThere(path string, s secret) {
	if !c.secrets || !s.given() {
		return
	}
	if _, err := s.read(); err != nil {
		c.wrong(path, "%s", err)
	}
}

// address notes what is neither host:port nor a Unix socket's path.
func (c *checker) address(path, address string) {
	if !c.need(path, address != "", "host:port, or the path of a Unix socket") || strings.HasPrefix(address, "/") {
		return
	}
	if _, port, err := net.SplitHostPort(address); err != nil || port == "" {
		c.wrong(path, "%q is neither host:port nor the path of a Unix socket", address)
	}
}

// loopback reports whether only this machine reaches the address.
func loopback(address string) bool {
	if strings.HasPrefix(address, "/") {
		return true
	}
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// keyPair loads a certificate with its key, as fields path.cert and path.key.
func (c *checker) keyPair(path, cert, key string) *tls.Certificate {
	if !c.need(path+".cert", cert != "", "a PEM file with the certificate chain") ||
		!c.need(path+".key", key != "", "a PEM file with the certificate's private key") {
		return nil
	}
	if !c.secrets {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		c.wrong(path+".cert", "cannot be used with its key: %s", err)
		return nil
	}
	return &pair
}
