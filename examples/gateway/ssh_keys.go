package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/sshkeys"
)

// sshIdentityConfig says where the list of SSH keys and authorities is.
type sshIdentityConfig struct {
	Issuer string `yaml:"issuer"`
	File   string `yaml:"file"`
}

// sshMembersConfig is that list: a file of its own, so that it can be reloaded
// and kept by others. It holds public keys alone.
type sshMembersConfig struct {
	Keys        []sshKeyConfig       `yaml:"keys"`
	Authorities []sshAuthorityConfig `yaml:"authorities"`
}

type sshKeyConfig struct {
	Name       string            `yaml:"name"`
	Key        string            `yaml:"key"`
	Subject    string            `yaml:"subject"`
	Groups     []string          `yaml:"groups"`
	Attributes map[string]string `yaml:"attributes"`
	OnBehalfOf string            `yaml:"on_behalf_of"`
	Expires    instant           `yaml:"expires"`
	From       []network         `yaml:"from"`
}

type sshAuthorityConfig struct {
	Issuer  string        `yaml:"issuer"`
	Keys    []string      `yaml:"keys"`
	Groups  []string      `yaml:"groups"`
	Revoked revokedConfig `yaml:"revoked"`
}

type revokedConfig struct {
	Serials      []serial `yaml:"serials"`
	KeyIDs       []string `yaml:"key_ids"`
	Fingerprints []string `yaml:"fingerprints"`
}

// network is a netip.Prefix as text.
type network netip.Prefix

func (n *network) UnmarshalText(text []byte) error {
	p, err := netip.ParsePrefix(string(text))
	if err != nil || p != p.Masked() {
		return errors.New("must be a network such as 10.1.0.0/16 or 2001:db8::/32")
	}
	*n = network(p)
	return nil
}

// serial is a certificate's serial number as text.
type serial uint64

func (s *serial) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		return errors.New("must be a serial number such as 17")
	}
	*s = serial(n)
	return nil
}

// sshMembers is who may come by SSH key or certificate.
type sshMembers struct {
	keys  []sshkeys.Key
	lists []identity.Authenticator
}

// readSSHMembers reads the file of SSH keys and authorities.
func readSSHMembers(issuer, file string) (sshMembers, []problem) {
	var m sshMembers
	var content sshMembersConfig
	d := readDocument(file)
	if len(d.problems) > 0 {
		return m, d.problems
	}
	d.decode(&content)
	seen := map[[2]string]bool{}
	for i, k := range content.Keys {
		m.addKey(d, fmt.Sprintf("keys[%d]", i), k, seen)
	}
	if len(d.problems) == 0 { // also where there are none: the last one can be taken out
		keys, err := sshkeys.New(issuer, m.keys...)
		if err != nil {
			d.wrong("keys", "%s", err)
		}
		m.lists = append(m.lists, keys)
	}
	issuers := map[string]bool{issuer: true}
	for i, a := range content.Authorities {
		at := fmt.Sprintf("authorities[%d]", i)
		switch {
		case a.Issuer == "":
			d.wrong(at+".issuer", "is missing: the record calls the principals issuer|name")
			continue
		case issuers[a.Issuer]:
			d.wrong(at+".issuer", "%q is there already; principals of two would be one", a.Issuer)
		}
		issuers[a.Issuer] = true
		m.addAuthority(d, at, a)
	}
	return m, d.problems
}

func (m *sshMembers) addKey(d *document, at string, k sshKeyConfig, seen map[[2]string]bool) {
	key := sshkeys.Key{
		Name: k.Name, Line: k.Key, Subject: k.Subject, Groups: k.Groups,
		Attributes: k.Attributes, OnBehalfOf: k.OnBehalfOf, Expires: k.Expires.Time,
	}
	for _, n := range k.From {
		if p := netip.Prefix(n); p.IsValid() { // else it is complained about
			key.From = append(key.From, p)
		}
	}
	id := [2]string{k.Name, fingerprint(k.Key)}
	switch {
	case k.Name == "":
		d.wrong(at+".name", "is missing: it is the user name that the client gives")
	case k.Key == "":
		d.wrong(at+".key", "is missing: the line of the .pub file")
	case seen[id]:
		d.wrong(at+".key", "%q has this key already", k.Name)
	default:
		if _, err := sshkeys.New("x", key); err != nil {
			d.wrong(at+".key", "%s", last(err, "Line: "))
		}
	}
	seen[id] = true
	m.keys = append(m.keys, key)
}

func (m *sshMembers) addAuthority(d *document, at string, a sshAuthorityConfig) {
	config := sshkeys.CAConfig{
		Authorities: a.Keys,
		Revoked:     sshkeys.Revoked{KeyIDs: a.Revoked.KeyIDs, Fingerprints: a.Revoked.Fingerprints},
		Principal: func(_ *xssh.Certificate, p *identity.Principal) error {
			p.Groups = a.Groups
			return nil
		},
	}
	for _, s := range a.Revoked.Serials {
		config.Revoked.Serials = append(config.Revoked.Serials, uint64(s))
	}
	good := true
	complain := func(field, format string, args ...any) {
		good = false
		d.wrong(at+field, format, args...)
	}
	if len(a.Keys) == 0 {
		complain(".keys", "is missing: the lines of the authority's .pub files")
	}
	for i, line := range a.Keys {
		if _, err := sshkeys.NewCA("x", sshkeys.CAConfig{Authorities: []string{line}}); err != nil {
			complain(fmt.Sprintf(".keys[%d]", i), "%s", last(err, "SSH key 1: "))
		}
	}
	for i, f := range a.Revoked.Fingerprints {
		one := sshkeys.CAConfig{Authorities: a.Keys, Revoked: sshkeys.Revoked{Fingerprints: []string{f}}}
		if _, err := sshkeys.NewCA("x", one); err != nil && good {
			d.wrong(fmt.Sprintf("%s.revoked.fingerprints[%d]", at, i), "%s", last(err, "Revoked: "))
		}
	}
	if !good {
		return
	}
	if ca, err := sshkeys.NewCA(a.Issuer, config); err == nil {
		m.lists = append(m.lists, ca)
	}
}

// fingerprint tells keys apart, whatever comment stands behind them.
func fingerprint(line string) string {
	key, _, _, _, err := xssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return line
	}
	return xssh.FingerprintSHA256(key)
}

// last returns what an error says behind mark.
func last(err error, mark string) string {
	text := err.Error()
	if i := strings.LastIndex(text, mark); i >= 0 {
		text = text[i+len(mark):]
	}
	return text
}
