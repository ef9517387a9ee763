package sigv4

import (
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/smithy-go/aws-http-auth/credentials"
	library "github.com/aws/smithy-go/aws-http-auth/sigv4"
	v4 "github.com/aws/smithy-go/aws-http-auth/v4"
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
	query, err := readyToSign(r, cred, service, region, payload)
	if err != nil {
		return nil, err
	}
	now = now.UTC()
	r.Header.Del("Authorization")
	r.Header.Set("X-Amz-Date", now.Format(timeFormat))
	r.Header.Set("X-Amz-Content-Sha256", payload)
	r.Header.Del("X-Amz-Security-Token")
	if cred.SessionToken != "" {
		r.Header.Set("X-Amz-Security-Token", cred.SessionToken)
	}
	if ordinary(r, service, payload, query) {
		return signByLibrary(r, cred, service, region, payload, now)
	}
	return signHere(r, cred, service, region, payload, now, query)
}

func readyToSign(r *http.Request, cred Credentials, service, region, payload string) ([]pair, error) {
	if cred.AccessKeyID == "" || cred.SecretAccessKey == "" || service == "" || region == "" {
		return nil, errors.New("sigv4: signing needs an access key, its secret, a service and a region")
	}
	if !strings.HasPrefix(payload, "STREAMING-") && payload != literalUnsigned {
		if sum, err := hex.DecodeString(payload); err != nil || len(payload) != signatureHex || len(sum) == 0 {
			return nil, errors.New("sigv4: the payload must be a SHA-256 in hexadecimal, or a word for what isn't hashed")
		}
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

// signsOutbound is false for what net/http or a proxy on the way may set or change.
func signsOutbound(lower string) bool {
	switch lower {
	case "authorization", "user-agent", "expect", "x-amzn-trace-id", "transfer-encoding", "content-length",
		"connection", "keep-alive", "te", "trailer", "upgrade", "accept-encoding":
		return false
	}
	return !strings.HasPrefix(lower, "proxy-")
}

func signByLibrary(r *http.Request, cred Credentials, service, region, payload string, now time.Time) ([]byte, error) {
	hash := v4.UnsignedPayload()
	if payload != literalUnsigned {
		hash, _ = hex.DecodeString(payload)
	}
	host := r.Host
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
	r.Host = host
	r.Header.Del("Host") // net/http sends the field of the request
	if err != nil {
		return nil, fmt.Errorf("sigv4: signing: %w", err)
	}
	value := r.Header.Get("Authorization")
	return hex.DecodeString(value[max(0, len(value)-signatureHex):])
}

func signHere(r *http.Request, cred Credentials, service, region, payload string, now time.Time, query []pair) ([]byte, error) {
	signed := []string{"host"}
	for name := range r.Header {
		if lower := strings.ToLower(name); lower != "host" && signsOutbound(lower) {
			signed = append(signed, lower)
		}
	}
	slices.Sort(signed)
	canonical, err := canonicalRequest(r, service, query, signed, payload)
	if err != nil {
		return nil, err
	}
	date := now.Format(dateFormat)
	over := scope(date, region, service)
	signature := mac(signingKey(cred.SecretAccessKey, date, region, service),
		stringToSign(now.Format(timeFormat), over, canonical))
	r.Header.Set("Authorization", algorithm+" Credential="+cred.AccessKeyID+"/"+over+", SignedHeaders="+
		strings.Join(signed, ";")+", Signature="+hex.EncodeToString(signature))
	return signature, nil
}
