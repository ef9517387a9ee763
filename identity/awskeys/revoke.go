package awskeys

import (
	"errors"
	"fmt"
	"time"
)

// Revocation ends credentials before their time. It names either one access
// key, or a principal.
type Revocation struct {
	// AccessKeyID ends the credentials with this access key id. The other
	// fields are then empty.
	AccessKeyID string
	// Issuer and Subject name a principal, exactly. Both or neither.
	Issuer, Subject string
	// Before ends the principal's credentials that were issued before then,
	// and lets it have new ones afterwards: write down the time at which the
	// entry is made. Clocks of gateways differ: a few seconds more do no harm.
	//
	// Zero ends all of the principal's credentials, whenever they were or will
	// be issued: it is locked out for as long as the entry is in the list. That does not
	// depend on when the list was read, so that every gateway, and every
	// restart, makes the same of it.
	Before time.Time
}

// Revoke puts list in place of what was revoked until now, at once. After an
// error, which joins all mistakes, nothing has changed. An empty list revokes
// nothing.
//
// What is revoked is refused at its next request, here; each gateway needs the
// list. An entry may go when its credentials have expired, 12 hours at most
// after they were issued.
func (i *Issuer) Revoke(list ...Revocation) error {
	r, err := newRevocation(list)
	if err != nil {
		return err
	}
	i.revoked.Store(r)
	return nil
}

// revocation is a list, read. It is not changed once it is made.
type revocation struct {
	keys       map[string]bool
	principals map[named]time.Time // zero: always
}

type named struct{ issuer, subject string }

func newRevocation(list []Revocation) (*revocation, error) {
	r := &revocation{make(map[string]bool), make(map[named]time.Time)}
	var errs []error
	for n, one := range list {
		wrong := func(text string) { errs = append(errs, fmt.Errorf("revocation %d: %s", n+1, text)) }
		switch {
		case one.AccessKeyID == "" && (one.Issuer == "" || one.Subject == ""):
			wrong("it needs AccessKeyID, or both Issuer and Subject")
		case one.AccessKeyID != "" && (one.Issuer != "" || one.Subject != "" || !one.Before.IsZero()):
			wrong("AccessKeyID stands alone; say Issuer, Subject and Before in another entry")
		case one.AccessKeyID != "" && !validAccessKeyID(one.AccessKeyID): // else it would revoke nothing
			wrong("AccessKeyID is not one of ours: ASIA and 16 letters or digits from 2 to 7, in capitals")
		case one.AccessKeyID != "":
			r.keys[one.AccessKeyID] = true
		default:
			at := named{one.Issuer, one.Subject}
			if before, twice := r.principals[at]; twice && (before.IsZero() || before.After(one.Before) && !one.Before.IsZero()) {
				continue // the one that revokes more counts
			}
			r.principals[at] = one.Before
		}
	}
	return r, errors.Join(errs...)
}

// holds reports whether the credentials are revoked.
func (r *revocation) holds(accessKeyID string, c *content) bool {
	return r.keys[accessKeyID] || r.principal(c.Issuer, c.Subject, c.issued())
}

// principal reports whether credentials that the principal got at issued are
// revoked.
func (r *revocation) principal(issuer, subject string, issued time.Time) bool {
	before, listed := r.principals[named{issuer, subject}]
	return listed && (before.IsZero() || issued.Before(before))
}
