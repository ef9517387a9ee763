package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Keys keeps the signing key that was derived last, for callers most of whose calls are for one secret, day, region
// and service. It has its own copy of that secret, until another comes; it prints without it. It is safe for
// concurrent use and must not be copied. The zero Keys is ready, and a nil one keeps nothing.
type Keys struct {
	mu   sync.Mutex
	last *derived // behind a pointer, which is all that fmt shows of it in a struct that has a Keys
}

// derived is a signing key, in a form that can be used again, and all that it was made of.
type derived struct {
	secret, date, region, service string
	mac                           hash.Hash
}

// is compares all of what a key is made of: a key is never used for another secret.
func (d *derived) is(secret, date, region, service string) bool {
	return d != nil && d.date == date && d.region == region && d.service == service &&
		subtle.ConstantTimeCompare([]byte(d.secret), []byte(secret)) == 1
}

// Sign is [Sign], with the key that was kept where it fits.
func (k *Keys) Sign(r *http.Request, cred Credentials, service, region, payload string, now time.Time) ([]byte, error) {
	query, err := readyToSign(r, cred, service, region, payload)
	if err != nil {
		return nil, err
	}
	now = now.UTC()
	r.Header.Del("Authorization")
	r.Header.Del("Host") // net/http sends the field of the request
	r.Header.Set("X-Amz-Date", now.Format(timeFormat))
	r.Header.Set("X-Amz-Content-Sha256", payload)
	r.Header.Del("X-Amz-Security-Token")
	if cred.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", cred.SessionToken)
	}
	return k.signReady(r, cred, service, region, payload, now, query)
}

// mac signs a text with the key for one day, region and service.
func (k *Keys) mac(secret, date, region, service string, text []byte) []byte {
	if k == nil {
		return mac(signingKey(secret, date, region, service), text)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.last.is(secret, date, region, service) {
		k.last = &derived{
			// The parts of a claim are cut from a header, which is not to stay in memory for them.
			secret: strings.Clone(secret), date: strings.Clone(date), region: strings.Clone(region), service: strings.Clone(service),
			mac: hmac.New(sha256.New, signingKey(secret, date, region, service)),
		}
	}
	h := k.last.mac
	h.Reset()
	h.Write(text)
	return h.Sum(nil)
}

// String says nothing of the key.
func (k *Keys) String() string { return "sigv4: a signing key" }

// Format makes every verb print String.
func (k *Keys) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, k.String()) }

// LogValue is String.
func (k *Keys) LogValue() slog.Value { return slog.StringValue(k.String()) }
