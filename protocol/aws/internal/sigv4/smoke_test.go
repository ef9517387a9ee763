package sigv4

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	cred := Credentials{"AK", "secret", "tok"}
	for _, svc := range []string{"s3", "lambda"} {
		body := []byte("hello")
		sum := sha256.Sum256(body)
		r, err := http.NewRequest("PUT", "http://h/a%20b/c?x=1+2&y", bytes.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("X-Amz-Meta-A", "a   b")
		now := time.Now()
		require.NoError(t, Normalise(r, svc))
		_, err = Sign(r, cred, svc, "eu-west-1", hex.EncodeToString(sum[:]), now)
		require.NoError(t, err)
		c, err := Parse(r)
		require.NoError(t, err)
		require.NoError(t, c.Verify(r, "secret", now, nil, Options{}))
		out, err := io.ReadAll(NewReader(r.Body, c, "secret", nil))
		require.NoError(t, err)
		require.Equal(t, body, out)
	}
}
