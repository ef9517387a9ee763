package sigv4_test

import (
	"crypto/sha256"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// Whatever is changed after signing, the signature doesn't fit any more.
func TestVerifyTampered(t *testing.T) {
	for name, change := range map[string]func(r *http.Request){
		"method":            func(r *http.Request) { r.Method = "DELETE" },
		"path":              func(r *http.Request) { r.URL.Path += "y" },
		"path, encoded":     func(r *http.Request) { r.URL.RawPath = "/k%2565y"; r.URL.Path = "/k%65y" },
		"query":             addQuery("&acl"),
		"query, empty name": addQuery("&="),
		"query value":       func(r *http.Request) { r.URL.RawQuery = "x=2" },
		"host":              func(r *http.Request) { r.Host = "other.s3.amazonaws.com" },
		"header":            set("X-Amz-Meta-A", "c"),
		"another value":     add("X-Amz-Meta-A", "c"),
		"content type":      set("Content-Type", "text/html"),
		"time":              set("X-Amz-Date", "20261123T120001Z"),
		"token":             set("X-Amz-Security-Token", "other"),
		"payload":           set("X-Amz-Content-Sha256", emptyHash),
		"region":            edit("Authorization", "eu-west-1", "eu-west-2"),
		"service":           edit("Authorization", "/s3/", "/s3express/"),
		"fewer headers":     edit("Authorization", "content-type;", ""),
		"header not there":  func(r *http.Request) { r.Header.Del("X-Amz-Meta-A") },
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, "s3", "UNSIGNED-PAYLOAD")
			c, err := sigv4.Parse(r)
			require.NoError(t, err)
			require.NoError(t, c.Verify(r, clientSecret, signedAt, nil, sigv4.Options{}))
			change(r)
			c, err = sigv4.Parse(r)
			require.NoError(t, err)
			err = c.Verify(r, clientSecret, signedAt, nil, sigv4.Options{})
			if name == "header not there" {
				require.ErrorIs(t, err, sigv4.ErrMalformed)
				return
			}
			require.ErrorIs(t, err, sigv4.ErrMismatch)
		})
	}
}

// What means the same is the same to a signature.
func TestVerifyEquivalent(t *testing.T) {
	for name, change := range map[string]func(r *http.Request){
		"spaces in a header":   set("X-Amz-Meta-A", "  b "),
		"encoding of the path": func(r *http.Request) { r.URL.RawPath = "/%6bey" },
		"order of the query":   func(r *http.Request) { r.URL.RawQuery = "&&x=%31" },
		"unsigned header":      set("User-Agent", "other"),
	} {
		t.Run(name, func(t *testing.T) {
			r := signed(t, "s3", "UNSIGNED-PAYLOAD")
			change(r)
			c, err := sigv4.Parse(r)
			require.NoError(t, err)
			require.NoError(t, c.Verify(r, clientSecret, signedAt, nil, sigv4.Options{}))
		})
	}
}

func TestVerifySecretAndBody(t *testing.T) {
	body := sha256.Sum256([]byte("body"))
	other := sha256.Sum256([]byte("other"))
	r := signed(t, "dynamodb", "230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5") // of "body"
	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	assert.Equal(t, sigv4.Hashed, c.Payload)
	require.NoError(t, c.Verify(r, clientSecret, signedAt, body[:], sigv4.Options{}))
	require.NoError(t, c.Verify(r, clientSecret, signedAt, nil, sigv4.Options{}))
	require.ErrorIs(t, c.Verify(r, clientSecret, signedAt, other[:], sigv4.Options{}), sigv4.ErrPayload)
	require.Error(t, c.Verify(r, clientSecret, signedAt, body[:5], sigv4.Options{}))
	for _, secret := range []string{"", "x", clientSecret + "x", clientSecret[1:]} {
		require.ErrorIs(t, c.Verify(r, secret, signedAt, body[:], sigv4.Options{}), sigv4.ErrMismatch)
	}
	c.Signature = nil
	require.ErrorIs(t, c.Verify(r, clientSecret, signedAt, body[:], sigv4.Options{}), sigv4.ErrMismatch)

	c.Payload, c.Signature = sigv4.Undeclared, make([]byte, 32)
	require.ErrorContains(t, c.Verify(r, clientSecret, signedAt, nil, sigv4.Options{}), "read the body first")
}

func TestVerifyTime(t *testing.T) {
	r := signed(t, "s3", "UNSIGNED-PAYLOAD")
	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	const limit = 15 * time.Minute
	for _, at := range []time.Duration{-limit, 0, limit} {
		require.NoError(t, c.Verify(r, clientSecret, signedAt.Add(at), nil, sigv4.Options{}), at)
	}
	for _, at := range []time.Duration{-limit - time.Second, limit + time.Second, 24 * time.Hour} {
		require.ErrorIs(t, c.Verify(r, clientSecret, signedAt.Add(at), nil, sigv4.Options{}), sigv4.ErrSkewed, at)
		require.ErrorIs(t, c.Verify(r, "wrong", signedAt.Add(at), nil, sigv4.Options{}), sigv4.ErrMismatch, at)
	}
	require.ErrorIs(t, c.Verify(r, clientSecret, signedAt.Add(2*time.Minute), nil, sigv4.Options{Skew: time.Minute}), sigv4.ErrSkewed)
	assert.Equal(t, signedAt.Add(limit), c.Until(sigv4.Options{}))
}

// A Date header stands in for X-Amz-Date, in either form, where it is signed.
func TestVerifyDateHeader(t *testing.T) {
	for _, date := range []string{"Mon, 23 Nov 2026 12:00:00 GMT", "20261123T120000Z"} {
		r := signed(t, "s3", "UNSIGNED-PAYLOAD", set("Date", date))
		r.Header.Del("X-Amz-Date")
		edit("Authorization", ";x-amz-date", "")(r)
		c, err := sigv4.Parse(r)
		require.NoError(t, err)
		assert.Equal(t, signedAt, c.Time)
		edit("Authorization", "date;", "")(r)
		_, err = sigv4.Parse(r)
		require.ErrorIs(t, err, sigv4.ErrHeaderNotSigned)
	}
}

// A request cut to headers only, as HTTP/2 and absolute addresses bring it, has the same signature.
func TestVerifyAbsoluteAddress(t *testing.T) {
	r := signed(t, "s3", "UNSIGNED-PAYLOAD")
	same := httptest.NewRequest("PUT", "http://bucket.s3.amazonaws.com/key?x=1", nil)
	same.Header = r.Header
	u, err := url.Parse("http://bucket.s3.amazonaws.com/key?x=1")
	require.NoError(t, err)
	same.URL = u
	c, err := sigv4.Parse(same)
	require.NoError(t, err)
	require.NoError(t, c.Verify(same, clientSecret, signedAt, nil, sigv4.Options{}))
}

func FuzzParse(f *testing.F) {
	_, requests := captured(f)
	for i, raw := range requests {
		if i%7 == 0 {
			head, _, _ := strings.Cut(raw, "\r\n\r\n")
			line, headers, _ := strings.Cut(head, "\r\n")
			f.Add(strings.Split(line, " ")[1], headers)
		}
	}
	f.Add("/", "amz-\xff\xffid: 1\r\nHost: a")
	f.Add("/", "Authorization: AWS4-HMAC-SHA256 Credential=a/20261123/r/s/aws4_request, SignedHeaders=host, Signature="+emptyHash)
	f.Fuzz(func(t *testing.T, target, headers string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		r := &http.Request{Method: "GET", URL: u, Host: "h", Header: http.Header{}}
		for line := range strings.SplitSeq(headers, "\r\n") {
			name, value, _ := strings.Cut(line, ":")
			r.Header.Add(name, strings.TrimSpace(value))
		}
		c, err := sigv4.Parse(r)
		if err != nil {
			return
		}
		require.Len(t, c.Signature, 32)
		require.Equal(t, c.Date, c.Time.Format("20060102"))
		require.Contains(t, c.SignedHeaders, "host")
		require.Error(t, c.Verify(r, "a secret that nobody has", c.Time, make([]byte, 32), sigv4.Options{}))

		// Stripped, it has no authentication left, and signs.
		sigv4.Strip(r)
		_, err = sigv4.Parse(r)
		require.Error(t, err)
		if sigv4.Normalise(r, c.Service) != nil {
			return
		}
		_, err = sigv4.Sign(r, sigv4.Credentials{AccessKeyID: "A", SecretAccessKey: "b"}, c.Service, c.Region, "UNSIGNED-PAYLOAD", signedAt)
		require.NoError(t, err)
	})
}
