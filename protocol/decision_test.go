package protocol_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/protocol"
)

func TestZeroValuesAreTheSafeOnes(t *testing.T) {
	var v protocol.Verdict
	assert.Equal(t, protocol.Deny, v)
	assert.Equal(t, "deny", protocol.Verdict(77).String())
	var r protocol.Result
	assert.Equal(t, "unknown", r.String())
	assert.Equal(t, "unknown", protocol.Result(77).String())
	var tls protocol.TLSMode
	assert.Equal(t, protocol.TLSVerifyFull, tls)
}

func TestPublicGivesNothingAway(t *testing.T) {
	secret := errors.New("password=hunter2")
	failure := &protocol.Failure{Public: "the target is gone", Err: secret}
	denied := &protocol.Denied{ID: "gw-1.2", Decision: protocol.Decision{Rule: "no-drops", Reason: "ask the DBA"}}
	for want, err := range map[string]error{
		"the target is gone": fmt.Errorf("relay: %w", failure),
		`denied by rule "no-drops": ask the DBA (operation gw-1.2)`: fmt.Errorf("begin: %w", denied),
		"the gateway could not go on; the operator's log says why":  secret,
	} {
		assert.Equal(t, want, protocol.Public(err))
	}
	assert.Equal(t, "the target is gone: password=hunter2", failure.Error(), "for the operator")
	assert.ErrorIs(t, failure, secret)
	assert.Equal(t, "over", (&protocol.Failure{Public: "over"}).Error())
	assert.Equal(t, "denied: no rule allows it (operation a)", (&protocol.Denied{ID: "a"}).Error())
	assert.NotErrorIs(t, failure, io.EOF)
}

func TestOperationKeyTellsListsApart(t *testing.T) {
	key := func(parts ...string) string {
		var b [][]byte
		for _, p := range parts {
			b = append(b, []byte(p))
		}
		return string(protocol.OperationKey(b...))
	}
	seen := map[string][]string{}
	for _, parts := range [][]string{{}, {""}, {"", ""}, {"ab"}, {"a", "b"}, {"", "ab"}, {"ab", ""}, {"b", "a"}} {
		k := key(parts...)
		assert.Len(t, k, 32)
		assert.NotContains(t, seen, k, "%q and %q", seen[k], parts)
		seen[k] = parts
	}
	assert.Equal(t, key("a", "b"), key("a", "b"))
}
