package sigv4

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
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

// usualRequest is how long most texts are whose hash is signed.
const usualRequest = 1536

// appendRequest appends the text whose hash is signed, but for its last line, which is the payload. Pairs are those of
// the query, already without the signature.
func appendRequest(dst []byte, r *http.Request, service string, query []pair, signed []header) ([]byte, error) {
	dst = append(dst, r.Method...)
	dst = append(dst, '\n')
	dst, err := appendPath(dst, rawPath(r), SingleEncoded(service))
	if err != nil {
		return nil, err
	}
	dst = append(dst, '\n')
	dst = appendCanonicalQuery(dst, query)
	dst = append(dst, '\n')
	for _, h := range signed {
		dst = append(appendLower(dst, h.name), ':')
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
	return append(dst, '\n'), nil
}

// header is one that is signed: its name, which is written in lower case, and its values.
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
		dst = appendLower(dst, h.name)
	}
	return dst
}

// appendLower appends the name of a header in lower case. Unlike strings.ToLower it takes no memory of its own.
func appendLower(dst []byte, name string) []byte {
	for i := range len(name) {
		dst = append(dst, lower(name[i]))
	}
	return dst
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// compareLower compares names in lower case.
func compareLower(a, b string) int {
	for i := range min(len(a), len(b)) {
		if c := cmp.Compare(lower(a[i]), lower(b[i])); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
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

// appendPath appends a path as it is signed. S3 encodes what it decodes, segment by segment. All others collapse
// slashes and dots, and encode what was on the wire once more. Parse and Normalise bound its length.
func appendPath(dst []byte, raw string, single bool) ([]byte, error) {
	if raw == "" {
		return append(dst, '/'), nil
	}
	if raw[0] != '/' {
		return nil, fmt.Errorf("%w: the path doesn't begin with a slash", ErrMalformed)
	}
	if !single {
		return appendEncoded(dst, collapse(raw), true), nil
	}
	for segment := range strings.SplitSeq(raw[1:], "/") {
		decoded, err := decode(segment, false)
		if err != nil {
			return nil, err
		}
		dst = appendEncoded(append(dst, '/'), decoded, false)
	}
	return dst, nil
}

// flat is true for paths that have no empty segments and none that begins with a dot.
func flat(path string) bool { return !strings.Contains(path, "//") && !strings.Contains(path, "/.") }

// collapse removes empty, "." and ".." segments, and keeps a slash at the end.
func collapse(path string) string {
	if flat(path) {
		return path
	}
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
	// As Header.Values finds it, without making a string of the canonical name.
	var room [64]byte
	key, first := append(room[:0], name...), true
	for i, c := range key {
		if first && 'a' <= c && c <= 'z' {
			key[i] -= 'a' - 'A'
		}
		first = c == '-'
	}
	return r.Header[string(key)]
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
func stringToSign(when time.Time, date, region, service string, canonical []byte) []byte {
	sum := sha256.Sum256(canonical)
	text := append(make([]byte, 0, 192), algorithm+"\n"...)
	text = append(when.AppendFormat(text, timeFormat), '\n')
	text = append(appendScope(text, date, region, service), '\n')
	return appendHex(text, sum[:])
}

func appendScope(dst []byte, date, region, service string) []byte {
	dst = append(append(dst, date...), '/')
	dst = append(append(dst, region...), '/')
	return append(append(dst, service...), "/aws4_request"...)
}

// signingKey is the key for one day, region and service.
func signingKey(secret, date, region, service string) []byte {
	key := mac([]byte("AWS4"+secret), []byte(date))
	key = mac(key, []byte(region))
	key = mac(key, []byte(service))
	return mac(key, []byte("aws4_request"))
}

func mac(key, text []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(text)
	return h.Sum(nil)
}
