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
	if k.token == "" {
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
