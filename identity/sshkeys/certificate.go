package sshkeys

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/identity"
)

const sourceAddress = "source-address"

// check returns why a certificate does not prove name at the time now. That it
// has expired is said only of one that is good in all else.
func (t *trust) check(cert *ssh.Certificate, name string, from netip.Addr, now time.Time) error {
	if cert.CertType != ssh.UserCert {
		return refused("it is not a user's certificate")
	}
	if err := strong(cert.Key); err != nil {
		return refused(err.Error())
	}
	if !t.authorities[string(cert.SignatureKey.Marshal())] {
		return refused("no trusted authority signed the certificate")
	}
	if !signedWell(cert) {
		return refused("the certificate is signed with an algorithm that is too weak")
	}
	if t.revoked.holds(cert) {
		return refused("the certificate is revoked")
	}
	// One without principals would be good for every name.
	if name == "" || !slices.Contains(cert.ValidPrincipals, name) {
		return refused("the certificate is not for this name")
	}
	if err := honour(cert.CriticalOptions, from); err != nil {
		return err
	}
	at := now
	expired := cert.ValidBefore != ssh.CertTimeInfinity && uint64(now.Unix()) >= cert.ValidBefore
	if expired { // would it have been good just before?
		at = time.Unix(int64(cert.ValidBefore)-1, 0)
	}
	checker := ssh.CertChecker{
		SupportedCriticalOptions: []string{sourceAddress},
		Clock:                    func() time.Time { return at },
	}
	// Its own words may quote as much as the client likes.
	if checker.CheckCert(name, cert) != nil {
		return refused("the certificate's signature is wrong, or its time has not come")
	}
	if expired {
		return fmt.Errorf("%w: SSH certificate", identity.ErrExpired)
	}
	return nil
}

// signedWell reports whether the authority signed with an algorithm that is
// good enough. An RSA key can sign with SHA-1 too.
func signedWell(cert *ssh.Certificate) bool {
	switch cert.Signature.Format {
	case ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512:
		return cert.SignatureKey.Type() == ssh.KeyAlgoRSA
	case ssh.KeyAlgoRSA:
		return false
	}
	return cert.Signature.Format == cert.SignatureKey.Type()
}

// honour carries out critical options. As in OpenSSH, one entry of
// source-address that cannot be read spoils all of it.
func honour(options map[string]string, from netip.Addr) error {
	for name, value := range options {
		if name != sourceAddress {
			return refused("the certificate has a critical option that is not honoured here")
		}
		var networks []netip.Prefix
		for entry := range strings.SplitSeq(value, ",") {
			p, err := netip.ParsePrefix(entry)
			if err != nil {
				a, aerr := netip.ParseAddr(entry)
				if aerr != nil {
					return refused("the certificate's source-address cannot be read")
				}
				a = a.WithZone("")
				p = netip.PrefixFrom(a, a.BitLen())
			}
			if p != p.Masked() || p.Addr().Is4In6() {
				return refused("the certificate's source-address cannot be read")
			}
			networks = append(networks, p)
		}
		if !within(networks, from) {
			return refused("the certificate is not good from the client's address")
		}
	}
	return nil
}

// end returns when a certificate ends; zero means never.
func end(cert *ssh.Certificate) time.Time {
	if cert.ValidBefore == ssh.CertTimeInfinity {
		return time.Time{}
	}
	// Times beyond cannot be written in JSON, and so in no record.
	last := time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
	if cert.ValidBefore > uint64(last.Unix()) {
		return last
	}
	return time.Unix(int64(cert.ValidBefore), 0)
}

// permitted returns the names of the extensions. One whose name could be
// taken for several, or is not plain text, permits nothing that is known.
func permitted(cert *ssh.Certificate) string {
	names := slices.Sorted(maps.Keys(cert.Extensions))
	names = slices.DeleteFunc(names, func(name string) bool {
		return name == "" || len(name) > 64 || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == ',' })
	})
	const most = 64
	return strings.Join(names[:min(len(names), most)], ",")
}

// credential names a certificate in one line of ASCII, of at most some 400 bytes.
func credential(cert *ssh.Certificate) string {
	const most = 64
	id, cut := cert.KeyId, ""
	if len(id) > most {
		id, cut = id[:most], "..."
	}
	return fmt.Sprintf("%s ID %s%s (serial %d) CA %s", ssh.FingerprintSHA256(cert.Key),
		strconv.QuoteToASCII(id), cut, cert.Serial, ssh.FingerprintSHA256(cert.SignatureKey))
}
