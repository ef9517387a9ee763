// Package hostkey verifies the host keys of targets, by OpenSSH's known_hosts or
// by keys and authorities that are pinned. A key that is not known is refused,
// always; the error says what is missing, and where.
//
// Lines are read as ssh(1) reads them: patterns with "*", "?" and "!", hashed
// names, "[host]:port", @cert-authority and @revoked. A host on a port other than
// 22 is also known by its lines without a port, where there is none with it. In
// three things this is stricter: a @revoked key is refused from every host; a
// host certificate without principals is, from each; and so are DSA keys and RSA keys
// of less than 2048 bits.
package hostkey

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"

	xssh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// Config says what is known. At least one field is required.
type Config struct {
	// Files are known_hosts files.
	Files []string
	// Lines are lines as in such a file.
	Lines []string
	// Keys are host keys that are good for every host.
	Keys []xssh.PublicKey
	// Authorities sign host certificates for every host.
	Authorities []xssh.PublicKey
}

// Checker knows host keys. It is safe for concurrent use, and does not change:
// a file that has changed needs a new one.
type Checker struct {
	entries []*entry
	revoked map[string]bool // by wire format
	places  []string        // where a missing line could go
}

// New reads what is known. The error joins all mistakes, each with its file and
// line. A line with a key of a kind that is not known here is passed over, unless
// it revokes.
func New(c Config) (*Checker, error) {
	k := &Checker{revoked: make(map[string]bool), places: c.Files}
	var errs []error
	if len(c.Files)+len(c.Lines)+len(c.Keys)+len(c.Authorities) == 0 {
		errs = append(errs, errors.New("hostkey: nothing is known, neither by file nor by line nor by key"))
	}
	for _, name := range c.Files {
		text, err := os.ReadFile(name)
		if err != nil {
			errs = append(errs, fmt.Errorf("hostkey: known_hosts: %w", err))
			continue
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			errs = append(errs, k.add(line, fmt.Sprintf("%s:%d", name, number)))
		}
	}
	for i, text := range c.Lines {
		for line := range strings.Lines(text) {
			errs = append(errs, k.add(line, fmt.Sprintf("line %d of the configuration", i+1)))
		}
	}
	for _, key := range c.Keys {
		k.entries = append(k.entries, &entry{names: everyone{}, key: key, place: "the configuration"})
	}
	for _, key := range c.Authorities {
		k.entries = append(k.entries, &entry{names: everyone{}, key: key, authority: true, place: "the configuration"})
	}
	for _, e := range k.entries {
		if e.key == nil {
			errs = append(errs, errors.New("hostkey: a key of the configuration is nil"))
		} else if _, ok := e.key.(*xssh.Certificate); ok {
			errs = append(errs, fmt.Errorf("hostkey: %s: it is a certificate; give the key of the authority that signed it", e.place))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return k, nil
}

// For returns what verifies the host at address, "host:port" or a host alone for
// port 22, and the algorithms to offer it, those of the keys that are known
// first: of several keys a server proves the first one that it is asked for, and
// another than the known one would look like an attack. The callback goes by
// this address, whatever name it is called with. It is safe for concurrent use.
// The error says that the address is none.
func (k *Checker) For(address string) (xssh.HostKeyCallback, []string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]"), "22"
	}
	if host == "" || port == "" || strings.ContainsAny(host, " \t\r\n,*?!|[]") {
		return nil, nil, fmt.Errorf("hostkey: %q is no address of a host", address)
	}
	h := &known{checker: k, host: strings.ToLower(host), name: knownhosts.Normalize(net.JoinHostPort(strings.ToLower(host), port))}
	h.entries = k.match(h.name)
	if !slices.ContainsFunc(h.entries, (*entry).named) {
		for _, e := range k.match(h.host) {
			if !slices.Contains(h.entries, e) {
				h.entries = append(h.entries, e)
			}
		}
	}
	return h.check, h.algorithms(), nil
}

func (k *Checker) match(name string) []*entry {
	var list []*entry
	for _, e := range k.entries {
		if e.names.match(name) {
			list = append(list, e)
		}
	}
	return list
}
