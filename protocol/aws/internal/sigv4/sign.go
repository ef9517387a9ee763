package sigv4

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Credentials sign requests. They print without their secrets.
type Credentials struct {
	AccessKeyID     string
	SecretAccessKey string `json:"-"`
	SessionToken    string `json:"-"`
}

// String is the access key's id alone.
func (c Credentials) String() string { return "credentials of " + c.AccessKeyID }

// Format makes every verb print String.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = fmt.Fprint(s, c.String()) }

// LogValue is the access key's id alone.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Sign signs a request that goes out, in headers. Payload is the body's SHA-256 in lower-case hex or a word of
// X-Amz-Content-Sha256 (see [Payload.String]). It signs the host, and every header but those that clients of AWS leave
// unsigned because something on the way may change them. The request must have passed [Strip] and [Normalise], and
// its path, query, host and headers must not change afterwards.
//
// The signature is what [Resign] needs for chunks. Errors are for a request that is not ready to be signed.
func Sign(r *http.Request, cred Credentials, service, region, payload string, now time.Time) ([]byte, error) {
	return (*Keys)(nil).Sign(r, cred, service, region, payload, now)
}

// signReady signs a request that has all its headers.
func (k *Keys) signReady(r *http.Request, cred Credentials, service, region, payload string, now time.Time, query []pair) ([]byte, error) {
	headers := outboundHeaders(r)
	var room [usualRequest]byte
	canonical, err := appendRequest(room[:0], r, service, query, headers)
	if err != nil {
		return nil, err
	}
	canonical = append(canonical, payload...)
	date := now.Format(dateFormat)
	signature := k.mac(cred.SecretAccessKey, date, region, service, stringToSign(now, date, region, service, canonical))

	value := append(room[:0], algorithm+" Credential="...)
	value = append(append(value, cred.AccessKeyID...), '/')
	value = append(appendScope(value, date, region, service), ", SignedHeaders="...)
	value = append(appendNames(value, headers), ", Signature="...)
	r.Header.Set("Authorization", string(appendHex(value, signature)))
	return signature, nil
}

func readyToSign(r *http.Request, cred Credentials, service, region, payload string) ([]pair, error) {
	if cred.AccessKeyID == "" || cred.SecretAccessKey == "" || service == "" || region == "" {
		return nil, errors.New("sigv4: signing needs an access key, its secret, a service and a region")
	}
	if !strings.HasPrefix(payload, "STREAMING-") && payload != literalUnsigned && !isHash(payload) {
		return nil, errors.New("sigv4: the payload must be a SHA-256 in lower-case hexadecimal, or a word for what isn't hashed")
	}
	if requestHost(r) == "" {
		return nil, errors.New("sigv4: a request without a host can't be signed")
	}
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, err
	}
	if presigned, err := queryAuth(query); presigned || err != nil {
		return nil, errors.New("sigv4: the query still has a signature: Strip it first")
	}
	return query, nil
}

// outboundHeaders are the headers that are signed, in their order.
func outboundHeaders(r *http.Request) []header {
	headers := make([]header, 1, len(r.Header)+1)
	headers[0] = header{"host", []string{requestHost(r)}}
	var room [64]byte
	for name, values := range r.Header {
		if lower := appendLower(room[:0], name); string(lower) != "host" && signsOutbound(string(lower)) && len(values) > 0 {
			headers = append(headers, header{name, values})
		}
	}
	slices.SortFunc(headers, func(a, b header) int { return compareLower(a.name, b.name) })
	return headers
}

// signsOutbound is false for what net/http or a proxy on the way may set or change.
func signsOutbound(lower string) bool {
	switch lower {
	case "authorization", "user-agent", "expect", "x-amzn-trace-id", "transfer-encoding", "content-length",
		"connection", "keep-alive", "te", "trailer", "upgrade", "accept-encoding":
		return false
	}
	return !strings.HasPrefix(lower, "proxy-")
}
