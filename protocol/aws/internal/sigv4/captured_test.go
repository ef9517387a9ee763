package sigv4_test

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

//go:embed testdata/captured.txt
var capturedText string

// captured are requests of clients that tests don't run.
func captured(t testing.TB) (names []string, requests []string) {
	for line := range strings.Lines(capturedText) {
		if line[0] == '#' {
			continue
		}
		name, quoted, _ := strings.Cut(strings.TrimSpace(line), "\t")
		raw, err := strconv.Unquote(quoted)
		require.NoError(t, err)
		names, requests = append(names, name), append(requests, raw)
	}
	return names, requests
}

func TestCaptured(t *testing.T) {
	names, requests := captured(t)
	require.Greater(t, len(names), 70)
	seen := map[sigv4.Payload]int{}
	for i, raw := range requests {
		first, _, _ := strings.Cut(raw, "\r\n")
		t.Run(names[i]+" "+first, func(t *testing.T) {
			r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
			require.NoError(t, err)
			c, err := sigv4.Parse(r)
			require.NoError(t, err)
			assert.Equal(t, clientToken, c.SessionToken)
			seen[c.Payload]++
			if c.Payload == sigv4.Undeclared {
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				sum := sha256.Sum256(body)
				require.NoError(t, c.Verify(r, clientSecret, c.Time.Add(time.Second), sum[:], sigv4.Options{}))
			} else {
				require.NoError(t, c.Verify(r, clientSecret, c.Time.Add(time.Second), nil, sigv4.Options{}))
				_, err := io.ReadAll(sigv4.NewReader(r.Body, c, clientSecret, nil))
				require.NoError(t, err)
			}
			require.ErrorIs(t, c.Verify(r, "other", c.Time, make([]byte, 32), sigv4.Options{}), sigv4.ErrMismatch)
			require.NoError(t, sigv4.Normalise(r, c.Service))
		})
	}
	for _, p := range []sigv4.Payload{sigv4.Undeclared, sigv4.Hashed, sigv4.Unsigned, sigv4.StreamingUnsignedTrailer} {
		assert.NotZero(t, seen[p], p)
	}
}
