package sigv4

import (
	"fmt"
	"net/http"
	"strings"
)

// Normalise writes path and query of a request anew, so that they can be read in one way only: percent-encoded as
// signatures have it, with RawPath set so that net/http sends exactly that. What they mean stays. Applied twice it
// does what it does once.
//
// For S3 and its relatives the key stays byte for byte, with empty and dot segments, as long as these don't climb out
// of the first segment, which may be the bucket. For others an encoded slash stays encoded, empty segments go, and
// dot segments are refused in any encoding, because targets differ in what they make of them. So S3 differs in which
// of two parameters of one name it takes, and signs: for it they are refused. Errors are [ErrMalformed]; then the
// request is unchanged.
func Normalise(r *http.Request, service string) error {
	if r.URL.Opaque != "" {
		return fmt.Errorf("%w: the address must be a path", ErrMalformed)
	}
	raw := rawPath(r)
	if raw == "" {
		raw = "/"
	}
	if len(raw) > maxPath || raw[0] != '/' {
		return fmt.Errorf("%w: the path must begin with a slash and have at most %d bytes", ErrMalformed, maxPath)
	}
	decoded, encoded, err := normalPath(raw, SingleEncoded(service))
	if err != nil {
		return err
	}
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}
	if SingleEncoded(service) && repeats(query) {
		return fmt.Errorf("%w: a parameter stands in the query twice", ErrMalformed)
	}
	r.URL.Path, r.URL.RawPath = decoded, encoded
	r.URL.RawQuery, r.URL.ForceQuery = joinQuery(query), false
	r.URL.Fragment, r.URL.RawFragment = "", ""
	return nil
}

func normalPath(raw string, s3 bool) (decoded, encoded string, err error) {
	if flat(raw) && isPlain(raw) {
		return raw, raw, nil
	}
	if s3 {
		if decoded, err = decode(raw, false); err != nil {
			return "", "", err
		}
		if climbs(decoded) {
			return "", "", fmt.Errorf("%w: dot segments that lead out of the path's first segment", ErrMalformed)
		}
		return decoded, string(appendEncoded(nil, decoded, true)), nil
	}
	var plain, strict []byte
	segments := strings.Split(raw, "/")
	for i, segment := range segments {
		if segment == "" && i < len(segments)-1 {
			continue
		}
		text, err := decode(segment, false)
		if err != nil {
			return "", "", err
		}
		if hasDots(text) {
			return "", "", fmt.Errorf("%w: a dot segment in the path", ErrMalformed)
		}
		plain = append(append(plain, '/'), text...)
		strict = appendEncoded(append(strict, '/'), text, false)
	}
	return string(plain), string(strict), nil
}

// isPlain is true for paths in which nothing is encoded, or must be.
func isPlain(path string) bool {
	for i := range len(path) {
		if c := path[i]; c != '/' && !unreserved(c) {
			return false
		}
	}
	return true
}

// climbs reports whether dot segments lead out of a path's first segment.
func climbs(path string) bool {
	depth := -1 // the first segment is what must not be left
	for _, s := range strings.Split(path, "/")[1:] {
		switch {
		case s == ".." || s == "." && depth < 0:
			if depth--; depth < 0 {
				return true
			}
		case s == ".":
		default:
			depth++
		}
	}
	return false
}

func hasDots(segment string) bool {
	for _, s := range strings.FieldsFunc(segment, func(r rune) bool { return r == '/' || r == '\\' }) {
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

func repeats(query []pair) bool {
	seen := make(map[string]bool, len(query))
	for _, p := range query {
		if seen[p.name] {
			return true
		}
		seen[p.name] = true
	}
	return false
}

func joinQuery(pairs []pair) string {
	size := 0
	for _, p := range pairs {
		size += len("&=") + len(p.name) + len(p.value)
	}
	var b strings.Builder
	b.Grow(size)
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		if !p.bare {
			b.WriteByte('=')
			b.WriteString(p.value)
		}
	}
	return b.String()
}
