package sigv4

import (
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	library "github.com/aws/smithy-go/aws-http-auth/sigv4"
	v4 "github.com/aws/smithy-go/aws-http-auth/v4"
	"github.com/stretchr/testify/require"
)

// AWS's library is what Sign is held against: independent code that makes the same signatures.

// ordinary reports whether the library makes the signature of this request that AWS makes. It can't where the payload
// is a stream, where a header has several spaces in a row, where the path has empty segments that are not signed, or
// where names in the query sort differently when they are encoded.
func ordinary(r *http.Request, service, payload string, query []pair) bool {
	if strings.HasPrefix(payload, "STREAMING-") {
		return false
	}
	if raw := rawPath(r); raw != r.URL.EscapedPath() || !SingleEncoded(service) && raw != "" && collapse(raw) != raw {
		return false
	}
	for i, p := range query {
		if !isUnreserved(p.name) || slices.ContainsFunc(query[:min(i, 64)], func(q pair) bool { return q.name == p.name }) || i > 64 {
			return false
		}
	}
	for _, values := range r.Header {
		for _, v := range values {
			if strings.Contains(v, "  ") || strings.ContainsFunc(v, notPlain) {
				return false
			}
		}
	}
	return true
}

// notPlain is what the library may take for white space where it isn't, or the other way round.
func notPlain(r rune) bool { return r < ' ' || r > '~' }

type headerRules struct{}

func (headerRules) IsSigned(lower string) bool { return signsOutbound(lower) }

func signByLibrary(r *http.Request, cred Credentials, service, region, payload string, now time.Time) ([]byte, error) {
	hash := v4.UnsignedPayload()
	if payload != literalUnsigned {
		hash, _ = hex.DecodeString(payload)
	}
	r.Host = requestHost(r)
	err := library.New().SignRequest(&library.SignRequestInput{
		Request: r, PayloadHash: hash, Service: service, Region: region, Time: now,
		Credentials: credentials.Credentials{AccessKeyID: cred.AccessKeyID, SecretAccessKey: cred.SecretAccessKey,
			SessionToken: cred.SessionToken},
	}, func(o *v4.SignerOptions) {
		o.HeaderRules = headerRules{}
		o.DisableDoublePathEscape = SingleEncoded(service)
		o.DisableImplicitPayloadHashing = true
	})
	r.Header.Del("Host")
	if err != nil {
		return nil, err
	}
	value := r.Header.Get("Authorization")
	return hex.DecodeString(value[max(0, len(value)-signatureHex):])
}

// Of whatever is ordinary, Sign and the library make the same request.
func FuzzSignAsLibrary(f *testing.F) {
	const hash = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
	day := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	f.Add("POST", "/", "", "h.example", "X-Amz-Target", "DynamoDB_20120810.ListTables", "dynamodb", "eu-west-1", "secret", "", hash, int64(0))
	f.Add("GET", "/bucket/a%20b/%28c%29", "list-type=2&prefix=a%2Fb&delete", "h.example:9000", "Range", " bytes=0-9 ", "s3", "us-east-1", "s/+", "token", literalUnsigned, int64(1))
	f.Add("PUT", "/f/arn%3Aaws%3Ax%2Fy/", "b=2&a=1&c", "[::1]:80", "Content-Type", "a; b=c", "lambda", "r", "s", "t+/=", hash, int64(86399))
	f.Add("DELETE", "//x/../y", "x-y=1&x=2", "h", "User-Agent", "not signed", "s3express", "r", "s", "", hash, int64(-40e9))
	f.Fuzz(func(t *testing.T, method, path, query, host, name, value, service, region, secret, token, payload string, seconds int64) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || u.Scheme != "" || u.RawQuery != "" || u.ForceQuery {
			return
		}
		u.RawQuery = query
		r := &http.Request{Method: method, URL: u, Host: host, Header: http.Header{"Content-Type": {"text/plain"}}}
		if !isToken(name) || strings.TrimSpace(host) != host || strings.Contains(host, "  ") || strings.ContainsFunc(host, notPlain) {
			return // net/http sends neither
		}
		r.Header.Add(name, value)
		r.Header.Add("X-Amz-Meta-A", value)
		if Normalise(r, service) != nil {
			return
		}
		cred, now := Credentials{AccessKeyID: "AKIA", SecretAccessKey: secret, SessionToken: token}, day.Add(time.Duration(seconds)*time.Second)
		if now.Year() < 1 || now.Year() > 9999 {
			return
		}
		theirs := r.Clone(t.Context())
		got, err := Sign(r, cred, service, region, payload, now)
		if err != nil {
			return
		}
		require.True(t, slices.IsSorted(strings.Split(signedNames(r), ";")))
		pairs, err := parseQuery(query)
		require.NoError(t, err)
		if !ordinary(r, service, payload, pairs) {
			return
		}
		theirs.Header.Set("X-Amz-Content-Sha256", payload)
		theirs.Header.Del("X-Amz-Security-Token")
		want, err := signByLibrary(theirs, cred, service, region, payload, now)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, theirs.Header, r.Header)
	})
}

func signedNames(r *http.Request) string {
	_, after, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ := strings.Cut(after, ",")
	return names
}
