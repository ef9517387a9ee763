package protocoltest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/recorder"
)

// canary: a secret that a mask hides is seen by neither client nor record, in
// whatever form.
func canary(t testing.TB, p *Plugin) {
	forms := formsOf(p.Secret)
	for _, op := range p.Canary {
		shown := ""
		scoped(t, func(t testing.TB) { shown = look(t, start(t, p), op, forms) })
		if shown == "" {
			t.Errorf("%q does not return the secret even without a mask, so it proves nothing", op)
		}
	}
	s := start(t, p, p.Masks...)
	for _, op := range p.Canary {
		if shown := look(t, s, op, forms); shown != "" {
			t.Errorf("%q shows the secret %s", op, shown)
		}
	}
	if s.Log.Contains(p.Secret) {
		t.Errorf("the secret is in the operator's log")
	}
}

// look carries op out and says where the secret shows, and in which form.
func look(t testing.TB, s *stage, op string, forms map[string][]byte) string {
	t.Helper()
	before := s.front.wrote()
	c, _ := s.agent(t)
	var seen []byte
	value, err := c.Do(s.soon(t), op)
	if err != nil {
		seen = []byte(err.Error()) // an error is a form too
	}
	seen = append(append(seen, value...), s.front.since(before)...)
	c.Close()
	recorded := s.payload()
	for name, form := range forms {
		// Without case: hex has two.
		if bytes.Contains(bytes.ToLower(seen), bytes.ToLower(form)) {
			return "to the client, as " + name
		}
		if s.Record.Holds(form) || bytes.Contains(bytes.ToLower(recorded), bytes.ToLower(form)) {
			return "in the record, as " + name
		}
	}
	return ""
}

// payload joins all that was recorded for clients, across parts.
func (s *stage) payload() []byte {
	var b []byte
	for _, e := range s.Record.Events() {
		if e.Kind == recorder.KindOutput || e.Kind == recorder.KindEnd {
			b = append(b, e.Payload...)
		}
	}
	return b
}

// formsOf returns what secret looks like in encodings that servers use. Base64
// depends on where in its input the secret stands, so there are three.
func formsOf(secret string) map[string][]byte {
	b := []byte(secret)
	reversed := slices.Clone(b)
	slices.Reverse(reversed)
	var wide []byte
	for _, c := range b {
		wide = append(wide, c, 0)
	}
	forms := map[string][]byte{
		"plain text": b, "hex": []byte(hex.EncodeToString(b)), "reversed text": reversed, "UTF-16": wide,
	}
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{0}, shift), b...)
		text := base64.StdEncoding.EncodeToString(padded)
		// The first characters hold bits of what stands before, the last of
		// what stands behind.
		from, to := []int{0, 2, 3}[shift], len(padded)*8/6
		forms["base64"+strings.Repeat("'", shift)] = []byte(text[from:to])
	}
	return forms
}
