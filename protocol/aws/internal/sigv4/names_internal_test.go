package sigv4

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

var someNames = []string{"X-Amz-Date", "x-amz-date", "x", "A", "a-b-c", "A_b", "A^", "a-1b", "1-a", "-a-", "a--b", "!#$%&'*+^`|~.",
	"X-Amz-Content-Sha256", "X-AMZ-TARGET", "Etag", "ETag", "www-authenticate", "x-a.b-c", "", strings.Repeat("x-", 100)}

// A header is found by its name as net/http finds it, and no other is.
func TestHeadersAreFoundAsByHTTP(t *testing.T) {
	r := &http.Request{Header: http.Header{"not-canonical": {"no"}, "X-Two": {"1", "2"}, "X-Empty": {}}}
	for _, name := range someNames {
		r.Header.Set(name, "value of "+name)
	}
	for _, name := range append(someNames, "not-canonical", "x-two", "x-empty", "x-none") {
		lower := strings.ToLower(name)
		assert.Equal(t, r.Header.Values(lower), headerValues(r, lower), name)
		assert.Equal(t, lower, string(appendLower(nil, name)))
	}
}

func TestCompareLower(t *testing.T) {
	for _, a := range someNames {
		for _, b := range someNames {
			assert.Equal(t, strings.Compare(strings.ToLower(a), strings.ToLower(b)), compareLower(a, b), "%q %q", a, b)
		}
	}
}
