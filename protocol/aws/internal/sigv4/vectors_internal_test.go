package sigv4

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

//go:embed testdata/vectors.txt
var vectorText string

const vectorSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

type vector struct {
	name string
	req  *http.Request
	body string
}

func (v vector) hash() []byte { s := sha256.Sum256([]byte(v.body)); return s[:] }

// vectors reads the file as it is written: it has request lines that net/http refuses, with raw spaces and UTF-8.
func vectors(t testing.TB) []vector {
	var all []vector
	for block := range strings.SplitSeq(vectorText, "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		if !strings.HasPrefix(lines[0], "## ") {
			continue
		}
		v := vector{name: lines[0][3:]}
		method, target, _ := strings.Cut(lines[1], " ")
		path, query, _ := strings.Cut(target, "?")
		plain, err := url.PathUnescape(path)
		require.NoError(t, err)
		v.req = &http.Request{Method: method, URL: &url.URL{Path: plain, RawPath: path, RawQuery: query}, Header: http.Header{},
			ContentLength: -1}
		for _, line := range lines[2:] {
			if body, ok := strings.CutPrefix(line, "= "); ok {
				v.body = body
				continue
			}
			name, value, _ := strings.Cut(line, ":")
			v.req.Header.Add(name, value)
		}
		v.req.Host = v.req.Header.Get("Host")
		v.req.Header.Del("Host")
		all = append(all, v)
	}
	require.Greater(t, len(all), 40)
	return all
}

func TestVectorsVerify(t *testing.T) {
	now := time.Date(2015, 8, 30, 12, 40, 0, 0, time.UTC)
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			c, err := Parse(v.req)
			require.NoError(t, err)
			assert.Equal(t, "AKIDEXAMPLE", c.AccessKeyID)
			assert.Equal(t, strings.HasPrefix(v.name, "query-"), c.Presigned)
			if strings.HasSuffix(v.name, "-unnormalized") {
				// The suite signs these for a service that is neither S3 nor normalised: only the path is S3's.
				query, err := parseQuery(v.req.URL.RawQuery)
				require.NoError(t, err)
				headers, err := c.headers(v.req)
				require.NoError(t, err)
				canonical, err := appendRequest(nil, v.req, "s3", without(query, signatureName), headers)
				require.NoError(t, err)
				canonical = appendHex(canonical, v.hash())
				key := signingKey(vectorSecret, c.Date, c.Region, c.Service)
				assert.Equal(t, c.Signature, mac(key, stringToSign(c.Time, c.Date, c.Region, c.Service, canonical)))
				return
			}
			require.NoError(t, c.Verify(v.req, vectorSecret, now, v.hash(), Options{}))
			assert.ErrorIs(t, c.Verify(v.req, vectorSecret+"x", now, v.hash(), Options{}), ErrMismatch)
			other := sha256.Sum256([]byte("another body"))
			assert.Error(t, c.Verify(v.req, vectorSecret, now, other[:], Options{}))
			v.req.Method = "PUT"
			assert.ErrorIs(t, c.Verify(v.req, vectorSecret, now, v.hash(), Options{}), ErrMismatch)
		})
	}
}

// Sign makes the vectors' signatures, and so does the library, wherever the request is one for it.
func TestVectorsSign(t *testing.T) {
	cred := Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: vectorSecret}
	byLibrary := 0
	for _, v := range vectors(t) {
		if strings.HasPrefix(v.name, "query-") || strings.HasSuffix(v.name, "-unnormalized") ||
			len(v.req.Header.Values("Content-Length")) > 0 {
			continue // the gateway signs neither queries nor lengths
		}
		t.Run(v.name, func(t *testing.T) {
			c, err := Parse(v.req)
			require.NoError(t, err)
			v.req.Header.Del("Authorization")
			query, err := parseQuery(v.req.URL.RawQuery)
			require.NoError(t, err)
			payload := hex.EncodeToString(v.hash())
			got, err := new(Keys).signReady(v.req, cred, c.Service, c.Region, payload, c.Time, query)
			require.NoError(t, err)
			assert.Equal(t, c.Signature, got)
			again, err := Parse(v.req)
			require.NoError(t, err)
			assert.Equal(t, c.SignedHeaders, again.SignedHeaders)
			if !ordinary(v.req, c.Service, payload, query) {
				return
			}
			byLibrary++
			v.req.Header.Del("Authorization")
			cred := cred
			cred.SessionToken = c.SessionToken
			got, err = signByLibrary(v.req, cred, c.Service, c.Region, payload, c.Time)
			require.NoError(t, err)
			assert.Equal(t, c.Signature, got)
		})
	}
	assert.Greater(t, byLibrary, 12)
}
