package awskeys

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
)

func TestRevoke(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer(t, newKey(t))
		other := coder()
		other.Principal.Subject = "8"
		good := func(c Credentials) bool {
			_, _, err := ask(t, i, c.AccessKeyID, c.SessionToken())
			if err != nil {
				require.ErrorIs(t, err, identity.ErrRefused)
			}
			return err == nil
		}
		first := issue(t, i, coder())
		time.Sleep(time.Second)
		second, theirs := issue(t, i, coder()), issue(t, i, other)
		p := coder().Principal

		require.NoError(t, i.Revoke(Revocation{AccessKeyID: first.AccessKeyID}))
		assert.Equal(t, []bool{false, true, true}, []bool{good(first), good(second), good(theirs)})

		require.NoError(t, i.Revoke(Revocation{Issuer: p.Issuer, Subject: p.Subject, Before: time.Now()}))
		assert.Equal(t, []bool{false, true, true}, []bool{good(first), good(second), good(theirs)})
		time.Sleep(time.Millisecond)
		require.NoError(t, i.Revoke(Revocation{Issuer: p.Issuer, Subject: p.Subject, Before: time.Now()}))
		assert.Equal(t, []bool{false, false, true}, []bool{good(first), good(second), good(theirs)})
		assert.True(t, good(issue(t, i, coder())), "new ones are good")

		// Zero locks out, at every reload in the same way.
		require.NoError(t, i.Revoke(Revocation{Issuer: p.Issuer, Subject: p.Subject}))
		assert.Equal(t, []bool{false, false, true}, []bool{good(first), good(second), good(theirs)})
		_, err := i.Issue(coder(), 0)
		require.ErrorIs(t, err, identity.ErrRefused)
		assert.True(t, good(issue(t, i, other)))

		require.NoError(t, i.Revoke(), "an empty list is a list")
		assert.Equal(t, []bool{true, true, true}, []bool{good(first), good(second), good(theirs)})
	})
}

func TestRevokedTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		for name, list := range map[string][]time.Time{
			"later first": {now.Add(time.Hour), now.Add(-time.Hour)}, "later last": {now.Add(-time.Hour), now.Add(time.Hour)},
			"zero first": {{}, now.Add(-time.Hour)}, "zero last": {now.Add(-time.Hour), {}},
		} {
			i := issuer(t, newKey(t))
			var rs []Revocation
			for _, b := range list {
				rs = append(rs, Revocation{Issuer: coder().Principal.Issuer, Subject: "7", Before: b})
			}
			c := issue(t, i, coder())
			require.NoError(t, i.Revoke(rs...))
			_, _, err := ask(t, i, c.AccessKeyID, c.SessionToken())
			require.ErrorIs(t, err, identity.ErrRefused, name)
		}
	})
}

func TestBadListChangesNothing(t *testing.T) {
	i := issuer(t, newKey(t))
	c := issue(t, i, coder())
	require.NoError(t, i.Revoke(Revocation{AccessKeyID: c.AccessKeyID}))
	err := i.Revoke(
		Revocation{}, Revocation{Issuer: "i"}, Revocation{Subject: "s"}, Revocation{AccessKeyID: "AKIAIOSFODNN7EXAMPLE"},
		Revocation{AccessKeyID: c.AccessKeyID, Before: time.Now()}, Revocation{AccessKeyID: c.AccessKeyID, Subject: "s"}, Revocation{Before: time.Now()},
	)
	require.Error(t, err)
	for _, part := range []string{
		"revocation 1: it needs", "revocation 2: it needs", "revocation 3: it needs", "revocation 4: AccessKeyID is not", "revocation 5: AccessKeyID stands alone",
		"revocation 6: AccessKeyID stands alone", "revocation 7: it needs",
	} {
		assert.ErrorContains(t, err, part)
	}
	_, _, err = ask(t, i, c.AccessKeyID, c.SessionToken())
	require.ErrorIs(t, err, identity.ErrRefused)
}
