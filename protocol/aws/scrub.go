package aws

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// scrub overwrites the gateway's own session token in an answer that is held
// whole: where a signature does not match, services say what they would have
// signed, and the token is part of that. Lengths stay as they are.
func (k *call) scrub(h http.Header, body []byte) error {
	if k.token == "" || !mentions(h, body, unescapable(k.token)) {
		return nil
	}
	found := false
	for _, form := range []string{k.token, strings.ReplaceAll(k.token, "/", `\/`), url.QueryEscape(k.token)} {
		stars := strings.Repeat("*", len(form))
		for _, values := range h {
			for i := range values {
				values[i] = strings.ReplaceAll(values[i], form, stars)
			}
		}
		for rest := body; ; {
			i := bytes.Index(rest, []byte(form))
			if i < 0 {
				break
			}
			found = true
			copy(rest[i:], stars)
			rest = rest[i+len(form):]
		}
	}
	if found {
		return recompute(h, body)
	}
	return nil
}

// unescapable is what a text begins with in each of its forms: letters and
// digits.
func unescapable(s string) string {
	end := strings.IndexFunc(s, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9')
	})
	if end < 0 {
		return s
	}
	return s[:end]
}

// mentions reports whether a text is in an answer.
func mentions(h http.Header, body []byte, text string) bool {
	for _, values := range h {
		for _, value := range values {
			if strings.Contains(value, text) {
				return true
			}
		}
	}
	return bytes.Contains(body, []byte(text))
}
