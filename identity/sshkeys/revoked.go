package sshkeys

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"strings"

	"golang.org/x/crypto/ssh"
)

// revocation is a Revoked, read. It is not changed once it is made.
type revocation struct {
	serials           map[uint64]bool
	ids, fingerprints map[string]bool
}

func newRevocation(list Revoked) (revocation, error) {
	r := revocation{make(map[uint64]bool), make(map[string]bool), make(map[string]bool)}
	for _, serial := range list.Serials {
		r.serials[serial] = true
	}
	for _, id := range list.KeyIDs {
		r.ids[id] = true
	}
	var errs []error
	for _, f := range list.Fingerprints {
		digest, ok := strings.CutPrefix(f, "SHA256:")
		raw, err := base64.RawStdEncoding.Strict().DecodeString(digest)
		if !ok || err != nil || len(raw) != 32 { // else it would revoke nothing
			errs = append(errs, fmt.Errorf(`Revoked: %q is not a fingerprint such as "SHA256:" and 43 letters of base64`, f))
			continue
		}
		r.fingerprints[f] = true
	}
	return r, errors.Join(errs...)
}

func (r revocation) and(more revocation) revocation {
	both := revocation{maps.Clone(r.serials), maps.Clone(r.ids), maps.Clone(r.fingerprints)}
	maps.Copy(both.serials, more.serials)
	maps.Copy(both.ids, more.ids)
	maps.Copy(both.fingerprints, more.fingerprints)
	return both
}

func (r revocation) holds(cert *ssh.Certificate) bool {
	return r.serials[cert.Serial] || r.ids[cert.KeyId] ||
		r.fingerprints[ssh.FingerprintSHA256(cert.Key)] || r.fingerprints[ssh.FingerprintSHA256(cert.SignatureKey)]
}
