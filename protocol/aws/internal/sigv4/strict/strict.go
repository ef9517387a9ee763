// Package strict is a target's view of signatures, for tests: it verifies what a gateway sends, sharing no code with
// what signs it. It takes one form only of each thing, so that a test fails where AWS might. Only tests import it.
package strict

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"sort"
	"strings"
	"time"
)

// Lookup finds the secret and the session token of an access key.
type Lookup func(accessKey string) (secret, token string, ok bool)

// One is a Lookup for a single credential.
func One(accessKey, secret, token string) Lookup {
	return func(k string) (string, string, bool) { return secret, token, k == accessKey }
}

var (
	authorization = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Za-z0-9]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9.-]+)/aws4_request, ` +
		`SignedHeaders=([a-z0-9;_.-]+), Signature=([0-9a-f]{64})$`)
	forbidden = regexp.MustCompile(`(?i)^(proxy-.*|x-forwarded-.*|forwarded|via|keep-alive|upgrade|x-amzn-authorization|x-amz-s3session-token)$`)
	mustSign  = regexp.MustCompile(`(?i)^(x-amz-.*|content-type|content-md5|content-encoding|range|if-.*|smithy-protocol)$`)
	pathForm  = regexp.MustCompile(`^(/|%[0-9A-F]{2}|[A-Za-z0-9._~-])+$`)
	queryForm = regexp.MustCompile(`^(%[0-9A-F]{2}|[A-Za-z0-9._~&=-])*$`)
	dots      = regexp.MustCompile(`(^|/)\.\.?(/|$)|//`)
)

// Check verifies a request as a server received it: head, body, chunks and trailers. It reads the body and returns
// it without framing. The request stays usable, but for its body.
func Check(r *http.Request, lookup Lookup, now time.Time) (body []byte, err error) {
	got, err := checkHead(r, lookup, now)
	if err != nil {
		return nil, err
	}
	wire, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("strict: the body: %w", err)
	}
	return got.body(r, wire)
}

type head struct {
	key                       []byte
	stamp, scope, seed, media string
}

func checkHead(r *http.Request, lookup Lookup, now time.Time) (head, error) {
	if n := len(r.Header["Authorization"]); n != 1 {
		return head{}, fmt.Errorf("strict: %d Authorization headers", n)
	}
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil {
		return head{}, errors.New("strict: the Authorization header is not of the one accepted form")
	}
	access, date, region, service, names, signature := m[1], m[2], m[3], m[4], strings.Split(m[5], ";"), m[6]
	secret, token, ok := lookup(access)
	if !ok {
		return head{}, fmt.Errorf("strict: access key %s is unknown", access)
	}
	if r.Header.Get("X-Amz-Security-Token") != token {
		return head{}, errors.New("strict: the session token is not the one of the access key")
	}
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", stamp)
	if err != nil || at.Format("20060102") != date || now.Sub(at).Abs() > 5*time.Minute {
		return head{}, fmt.Errorf("strict: signed at %q in scope %s, it is %s", stamp, date, now)
	}
	canonical, err := canonicalHead(r, service, names)
	if err != nil {
		return head{}, err
	}
	h := head{stamp: stamp, scope: strings.Join([]string{date, region, service, "aws4_request"}, "/"),
		seed: signature, media: r.Header.Get("X-Amz-Content-Sha256")}
	h.key = []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		h.key = sum256(h.key, part)
	}
	text := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", h.stamp, h.scope, sha256.Sum256([]byte(canonical)))
	if want := hex.EncodeToString(sum256(h.key, text)); want != signature {
		return head{}, fmt.Errorf("strict: the signature is wrong for\n%s", canonical)
	}
	return h, nil
}

func canonicalHead(r *http.Request, service string, names []string) (string, error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !pathForm.MatchString(path) || !queryForm.MatchString(query) || path[0] != '/' {
		return "", fmt.Errorf("strict: %q is not strictly encoded", r.RequestURI)
	}
	if lower := strings.ToLower(query); strings.Contains(lower, "x-amz-signature") || strings.Contains(lower, "x-amz-credential") {
		return "", errors.New("strict: a signature in the query")
	}
	if !strings.HasPrefix(service, "s3") || service == "s3vectors" || service == "s3tables" {
		if dots.MatchString(path) {
			return "", fmt.Errorf("strict: %q is not normal", path)
		}
		path = strings.ReplaceAll(path, "%", "%25")
	} else if strings.Contains(path, "%2F") {
		return "", fmt.Errorf("strict: %q has an encoded slash", path)
	}
	var params []string
	for _, p := range strings.Split(query, "&") {
		if p != "" && !strings.Contains(p, "=") {
			p += "="
		}
		// No encoded character is below "=", but unencoded ones are: sort by the name first.
		params = append(params, strings.Replace(p, "=", "\x00", 1))
	}
	sort.Strings(params)
	headers, err := canonicalHeaders(r, names)
	if err != nil {
		return "", err
	}
	return strings.Join([]string{r.Method, path, strings.ReplaceAll(strings.Join(params, "&"), "\x00", "="), headers,
		strings.Join(names, ";"), r.Header.Get("X-Amz-Content-Sha256")}, "\n"), nil
}

func canonicalHeaders(r *http.Request, names []string) (string, error) {
	if !sort.StringsAreSorted(names) {
		return "", errors.New("strict: the signed headers are not sorted")
	}
	signed := map[string]bool{}
	var b strings.Builder
	for _, name := range names {
		if signed[name] {
			return "", fmt.Errorf("strict: %s is signed twice", name)
		}
		signed[name] = true
		values := append([]string{}, r.Header.Values(name)...)
		if name == "host" {
			values = []string{r.Host}
		}
		if len(values) == 0 {
			return "", fmt.Errorf("strict: %s is signed and not there", name)
		}
		for i := range values {
			values[i] = strings.Join(strings.Fields(values[i]), " ")
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	if !signed["host"] || !signed["x-amz-date"] || !signed["x-amz-content-sha256"] {
		return "", errors.New("strict: host, x-amz-date and x-amz-content-sha256 must be signed")
	}
	for name, values := range r.Header {
		if forbidden.MatchString(name) {
			return "", fmt.Errorf("strict: the header %s must not reach a target", name)
		}
		if mustSign.MatchString(name) && !signed[strings.ToLower(name)] {
			return "", fmt.Errorf("strict: the header %s is not signed", name)
		}
		if strings.HasPrefix(name, "X-Amz-") && name != "X-Amz-Trailer" && len(values) != 1 && !strings.HasPrefix(name, "X-Amz-Meta-") {
			return "", fmt.Errorf("strict: several values of %s", name)
		}
	}
	return b.String(), nil
}

func (h head) body(r *http.Request, wire []byte) ([]byte, error) {
	if r.ContentLength >= 0 && int64(len(wire)) != r.ContentLength {
		return nil, fmt.Errorf("strict: %d bytes of body, Content-Length %d", len(wire), r.ContentLength)
	}
	chunked := strings.Contains(r.Header.Get("Content-Encoding"), "aws-chunked")
	if strings.HasPrefix(h.media, "STREAMING-") {
		return h.chunks(r, wire)
	}
	if chunked || r.Header.Get("X-Amz-Trailer") != "" {
		return nil, errors.New("strict: aws-chunked, but X-Amz-Content-Sha256 says another")
	}
	if h.media != "UNSIGNED-PAYLOAD" {
		if sum := sha256.Sum256(wire); hex.EncodeToString(sum[:]) != h.media {
			return nil, fmt.Errorf("strict: the body's hash is %x, signed was %s", sum, h.media)
		}
	}
	return bytes.Clone(wire), nil
}

func sum256(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = io.WriteString(h, text)
	return h.Sum(nil)
}
