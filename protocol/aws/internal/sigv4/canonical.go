package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	timeFormat = "20060102T150405Z"
	dateFormat = "20060102"

	maxPath       = 32 << 10
	maxQuery      = 64 << 10
	maxPairs      = 4096
	maxHeaders    = 512
	emptyHash     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	hexDigits     = "0123456789ABCDEF"
	signatureHex  = 2 * sha256.Size
	signatureName = "X-Amz-Signature"
)

// canonicalRequest is the text whose hash is signed. Pairs are those of the query, already without the signature.
func canonicalRequest(r *http.Request, service string, query []pair, signed []header, payload string) ([]byte, error) {
	path, err := canonicalPath(rawPath(r), SingleEncoded(service))
	if err != nil {
		return nil, err
	}
	dst := make([]byte, 0, 1024)
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst = append(dst, path...)
	dst = append(dst, '\n')
	dst = appendCanonicalQuery(dst, query)
	dst = append(dst, '\n')
	for _, h := range signed {
		dst = append(append(dst, h.name...), ':')
		for i, v := range h.values {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendTrimmed(dst, v)
		}
		dst = append(dst, '\n')
	}
	dst = append(dst, '\n')
	dst = appendNames(dst, signed)
	dst = append(dst, '\n')
	return append(dst, payload...), nil
}

// header is one that is signed: its name in lower case, and its values.
type header struct {
	name   string
	values []string
}

// appendNames appends the names of headers as SignedHeaders has them.
func appendNames(dst []byte, headers []header) []byte {
	for i, h := range headers {
		if i > 0 {
			dst = append(dst, ';')
		}
		dst = append(dst, h.name...)
	}
	return dst
}

// rawPath is the path as it was on the wire: RawPath where the default encoding would give another. As in net/url,
// Path counts where RawPath is not an encoding of it.
func rawPath(r *http.Request) string {
	if r.URL.RawPath != "" {
		if plain, err := decode(r.URL.RawPath, false); err == nil && plain == r.URL.Path {
			return r.URL.RawPath
		}
	}
	return r.URL.EscapedPath()
}

// canonicalPath is the path as it is signed. S3 encodes what it decodes, segment by segment. All others collapse
// slashes and dots, and encode what was on the wire once more. Parse and Normalise bound its length.
func canonicalPath(raw string, single bool) (string, error) {
	if raw == "" {
		return "/", nil
	}
	if raw[0] != '/' {
		return "", fmt.Errorf("%w: the path doesn't begin with a slash", ErrMalformed)
	}
	if !single {
		return string(appendEncoded(nil, collapse(raw), true)), nil
	}
	dst := make([]byte, 0, len(raw)+16)
	for i, segment := range strings.Split(raw, "/") {
		if i > 0 {
			dst = append(dst, '/')
		}
		decoded, err := decode(segment, false)
		if err != nil {
			return "", err
		}
		dst = appendEncoded(dst, decoded, false)
	}
	return string(dst), nil
}

// collapse removes empty, "." and ".." segments, and keeps a slash at the end.
func collapse(path string) string {
	var kept []string
	for _, s := range strings.Split(path, "/") {
		switch s {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, s)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if len(kept) > 0 && strings.HasSuffix(path, "/") {
		out += "/"
	}
	return out
}

// headerValues are the values of a header by its lower-case name, with those that net/http keeps elsewhere; nil where
// there is none.
func headerValues(r *http.Request, name string) []string {
	switch name {
	case "host":
		return []string{requestHost(r)}
	case "content-length":
		if v := r.Header.Values("Content-Length"); len(v) > 0 {
			return v
		}
		if r.ContentLength >= 0 {
			return []string{strconv.FormatInt(r.ContentLength, 10)}
		}
		return nil
	case "transfer-encoding":
		return r.TransferEncoding
	}
	return r.Header.Values(name)
}

// requestHost is the Host header, of a request that came in or that goes out.
func requestHost(r *http.Request) string {
	if r.Host != "" {
		return r.Host
	}
	return r.URL.Host
}

// appendTrimmed appends a header's value without white space around it, and with single spaces within.
func appendTrimmed(dst []byte, v string) []byte {
	start, gap := len(dst), false
	for i := range len(v) {
		if c := v[i]; c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			gap = true
			continue
		}
		if gap && len(dst) > start {
			dst = append(dst, ' ')
		}
		gap = false
		dst = append(dst, v[i])
	}
	return dst
}

// pair is one parameter of a query, encoded as it is signed.
type pair struct {
	name, value string
	bare        bool // came without "="
}

// parseQuery takes a query apart and encodes each part anew, in the one way that is signed.
func parseQuery(raw string) ([]pair, error) {
	if len(raw) > maxQuery {
		return nil, fmt.Errorf("%w: the query is longer than %d bytes", ErrMalformed, maxQuery)
	}
	if n := strings.Count(raw, "&"); n >= maxPairs {
		return nil, fmt.Errorf("%w: the query has more than %d parameters", ErrMalformed, maxPairs)
	}
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, found := strings.Cut(part, "=")
		name, err := recode(name)
		if err != nil {
			return nil, err
		}
		value, err = recode(value)
		if err != nil {
			return nil, err
		}
		pairs = append(pairs, pair{name: name, value: value, bare: !found})
	}
	return pairs, nil
}

func appendCanonicalQuery(dst []byte, pairs []pair) []byte {
	sorted := slices.Clone(pairs)
	slices.SortFunc(sorted, func(a, b pair) int {
		if n := strings.Compare(a.name, b.name); n != 0 {
			return n
		}
		return strings.Compare(a.value, b.value)
	})
	for i, p := range sorted {
		if i > 0 {
			dst = append(dst, '&')
		}
		dst = append(append(append(dst, p.name...), '='), p.value...)
	}
	return dst
}

func recode(s string) (string, error) {
	if isUnreserved(s) {
		return s, nil
	}
	decoded, err := decode(s, true)
	if err != nil {
		return "", err
	}
	return string(appendEncoded(nil, decoded, false)), nil
}

// decode undoes percent-encoding, and "+" for a space where plus is true.
func decode(s string, plus bool) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '%':
			if i+2 >= len(s) {
				return "", fmt.Errorf("%w: a percent sign without two hexadecimal digits", ErrMalformed)
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi < 0 || lo < 0 {
				return "", fmt.Errorf("%w: a percent sign without two hexadecimal digits", ErrMalformed)
			}
			out = append(out, byte(hi<<4|lo))
			i += 2
		case c == '+' && plus:
			out = append(out, ' ')
		default:
			out = append(out, c)
		}
	}
	return string(out), nil
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// appendEncoded percent-encodes all but unreserved characters, and slashes where they may stay.
func appendEncoded(dst []byte, s string, slash bool) []byte {
	for i := range len(s) {
		if c := s[i]; unreserved(c) || c == '/' && slash {
			dst = append(dst, c)
		} else {
			dst = append(dst, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return dst
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '.' || c == '_' || c == '~'
}

func isUnreserved(s string) bool {
	for i := range len(s) {
		if !unreserved(s[i]) {
			return false
		}
	}
	return true
}

// isHash reports whether s is a SHA-256 or a signature, in lower-case hexadecimal.
func isHash(s string) bool {
	if len(s) != 2*sha256.Size {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || '9' < c) && (c < 'a' || 'f' < c) {
			return false
		}
	}
	return true
}

// stringToSign is what the head's signature is made of.
func stringToSign(when, scope string, canonical []byte) string {
	sum := sha256.Sum256(canonical)
	return algorithm + "\n" + when + "\n" + scope + "\n" + hex.EncodeToString(sum[:])
}

// signingKey is the key for one day, region and service.
func signingKey(secret, date, region, service string) []byte {
	key := mac([]byte("AWS4"+secret), date)
	key = mac(key, region)
	key = mac(key, service)
	return mac(key, "aws4_request")
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
