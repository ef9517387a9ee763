package sshkeys

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
)

// Key is one public key, and whom it proves.
type Key struct {
	// Name is the user name that a client gives with the key, and how people
	// and rules know the principal. Required. A name may have several keys, and
	// a key several names.
	Name string
	// Line is the public key as it stands in authorized_keys or in a .pub
	// file: "ssh-ed25519 AAAA… comment". Required; without options, and no
	// certificate. ssh.MarshalAuthorizedKey writes one.
	Line string
	// Subject is the principal's subject; empty means Name.
	Subject string
	// Groups, Attributes and OnBehalfOf are the principal's.
	// [AttributeExtensions] among the attributes limits what the key may do, as
	// in a certificate.
	Groups     []string
	Attributes map[string]string
	OnBehalfOf string
	// Expires is when the key ends; zero means that it does not.
	Expires time.Time
	// From are the networks that a client may come from; empty means any.
	From []netip.Prefix
}

// Keys is an [identity.Authenticator] over a list of public keys. It serves
// [identity.SchemeSSHKey]. The credential of what it proves is the key's
// fingerprint, "SHA256:…", as ssh-keygen -l shows it.
//
// For a name that is not listed it does what it does for a listed name with
// another key. Neither it nor its errors tell which of the two it was.
type Keys struct {
	issuer string
	list   atomic.Pointer[map[holding]Key]
}

// holding is a name with a key in wire format.
type holding struct{ name, key string }

// New returns an authenticator over keys. issuer becomes the Issuer of the
// principals and must not be empty. The error joins all mistakes.
func New(issuer string, keys ...Key) (*Keys, error) {
	list, err := listKeys(keys)
	if issuer == "" {
		err = errors.Join(errors.New("the list of SSH keys has no issuer name; rules and the record need one"), err)
	}
	if err != nil {
		return nil, err
	}
	k := &Keys{issuer: issuer}
	k.list.Store(&list)
	return k, nil
}

// Replace puts other keys in place of all there are, at once. After an error
// nothing has changed. A session that is open stays open.
func (k *Keys) Replace(keys ...Key) error {
	list, err := listKeys(keys)
	if err != nil {
		return err
	}
	k.list.Store(&list)
	return nil
}

func listKeys(keys []Key) (map[holding]Key, error) {
	list := make(map[holding]Key, len(keys))
	var errs []error
	for i, from := range keys {
		wrong := func(err error) {
			errs = append(errs, fmt.Errorf("SSH key %d, of %q: %w", i+1, from.Name, err))
		}
		if from.Name == "" {
			wrong(errors.New("Name is empty"))
		}
		for _, p := range from.From {
			if !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() {
				wrong(fmt.Errorf("From: %s is not a network such as 10.1.0.0/16", p))
			}
		}
		key, err := parseLine(from.Line)
		if err != nil {
			wrong(fmt.Errorf("Line: %w", err))
			continue
		}
		at := holding{from.Name, string(key.Marshal())}
		if _, twice := list[at]; twice {
			wrong(errors.New("the name has this key already"))
		}
		from.Groups, from.Attributes, from.From = slices.Clone(from.Groups), maps.Clone(from.Attributes), slices.Clone(from.From)
		list[at] = from
	}
	return list, errors.Join(errs...)
}

// Verifier implements [identity.Authenticator]. The verifier is an
// [identity.KeyVerifier].
func (k *Keys) Verifier(_ context.Context, scheme identity.Scheme, name string) (identity.Verifier, error) {
	if scheme != identity.SchemeSSHKey {
		return nil, unsupported("listed SSH keys", scheme)
	}
	return keyVerifier{k, name}, nil
}

func unsupported(what string, scheme identity.Scheme) error {
	return fmt.Errorf("%w: %s serve %s, not %s", identity.ErrSchemeUnsupported, what, identity.SchemeSSHKey, scheme)
}

type keyVerifier struct {
	keys *Keys
	name string
}

var _ identity.KeyVerifier = keyVerifier{}

func (v keyVerifier) Scheme() identity.Scheme { return identity.SchemeSSHKey }

// Holder implements [identity.KeyVerifier]. It reads the list of this moment.
func (v keyVerifier) Holder(_ context.Context, wire []byte, from netip.Addr) (identity.Proven, error) {
	var none identity.Proven
	key, err := parse(wire)
	if err != nil {
		return none, err
	}
	if err := strong(key); err != nil {
		return none, refused(err.Error())
	}
	listed, ok := (*v.keys.list.Load())[holding{v.name, string(wire)}]
	if !ok {
		return none, refused("it is not listed for this name")
	}
	if len(listed.From) > 0 && !within(listed.From, from) {
		return none, refused("it is not good from the client's address")
	}
	p := identity.Principal{
		Issuer: v.keys.issuer, Subject: listed.Subject, Name: listed.Name, Groups: slices.Clone(listed.Groups),
		Attributes: maps.Clone(listed.Attributes), OnBehalfOf: listed.OnBehalfOf, Expires: listed.Expires,
	}
	if p.Subject == "" {
		p.Subject = listed.Name
	}
	if p.Expired(time.Now()) {
		return none, identity.ErrExpired
	}
	return identity.Proven{Principal: p, Scheme: identity.SchemeSSHKey, Credential: ssh.FingerprintSHA256(key)}, nil
}

// within reports whether one of the networks holds the address. None holds one
// that is not valid.
func within(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(a) })
}
