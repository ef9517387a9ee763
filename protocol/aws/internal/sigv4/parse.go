package sigv4

import (
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxAuthorization = 16 << 10
	maxToken         = 32 << 10
	maxName          = 128                // an access key, a region, a service
	maxExpires       = 7 * 24 * time.Hour // of presigned requests
)

// Parse reads what a request says of its signature. It is strict: one signature, in one place, in the one form that
// the clients of AWS write; every x-amz-* header signed, and the host. The body isn't touched.
//
// Errors are those of this package, for errors.Is: [ErrUnsigned], [ErrSigV2], [ErrSigV4A], [ErrBearer],
// [ErrUnsupported], [ErrMalformed] and [ErrHeaderNotSigned].
func Parse(r *http.Request) (Claim, error) {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return Claim{}, err
	}
	if hasName(query, "awsaccesskeyid") {
		return Claim{}, ErrSigV2
	}
	inQuery, err := queryAuth(query)
	if err != nil {
		return Claim{}, err
	}
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 1:
		return Claim{}, fmt.Errorf("%w: more than one Authorization header", ErrMalformed)
	case len(headers) == 1 && inQuery:
		return Claim{}, fmt.Errorf("%w: a signature in the Authorization header and another in the query", ErrMalformed)
	case len(headers) == 0 && !inQuery:
		return Claim{}, unsignedError(r)
	}
	if len(r.Header.Values("X-Amz-S3session-Token")) > 0 || hasName(query, "x-amz-s3session-token") {
		return Claim{}, fmt.Errorf("%w: S3 Express sessions (set AWS_S3_DISABLE_EXPRESS_SESSION_AUTH=true)", ErrUnsupported)
	}
	var c Claim
	if inQuery {
		err = c.fromQuery(r, query)
	} else {
		err = c.fromHeader(r, headers[0], query)
	}
	if err != nil {
		return Claim{}, err
	}
	if err := c.checkSigned(r, query); err != nil {
		return Claim{}, err
	}
	if err := c.readPayload(r, query); err != nil {
		return Claim{}, err
	}
	raw := rawPath(r)
	if len(raw) > maxPath {
		return Claim{}, fmt.Errorf("%w: the path is longer than %d bytes", ErrMalformed, maxPath)
	}
	var room [256]byte
	if _, err := appendPath(room[:0], raw, SingleEncoded(c.Service)); err != nil {
		return Claim{}, err
	}
	return c, nil
}

// authNames are the query parameters of a presigned request.
var authNames = [...]string{"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
	"X-Amz-SignedHeaders", "X-Amz-Security-Token", signatureName}

// queryAuth reports whether a query carries a signature. Each of its parameters must stand there once, as AWS writes
// its name: how another spelling is taken differs between targets.
func queryAuth(query []pair) (bool, error) {
	found := false
	for i, p := range query {
		if !hoisted(p) {
			continue
		}
		for _, name := range authNames {
			if !strings.EqualFold(p.name, name) {
				continue
			}
			if p.name != name {
				return false, fmt.Errorf("%w: %s in the query is spelt in another way", ErrMalformed, name)
			}
			if slices.ContainsFunc(query[:i], func(q pair) bool { return q.name == name }) {
				return false, fmt.Errorf("%w: %s is in the query twice", ErrMalformed, name)
			}
			found = true
		}
	}
	return found, nil
}

// hasName reports whether a parameter is there, by its lower-case name.
func hasName(query []pair, lower string) bool {
	return slices.ContainsFunc(query, func(p pair) bool { return strings.EqualFold(p.name, lower) })
}

func unsignedError(r *http.Request) error {
	if r.Header.Get("X-Amzn-Authorization") != "" {
		return ErrSigV2
	}
	return ErrUnsigned
}

// schemeError says what a signature is that isn't one of version 4; nil where it is.
func schemeError(scheme string) error {
	switch {
	case scheme == algorithm:
		return nil
	case strings.HasPrefix(scheme, "AWS4-ECDSA"):
		return ErrSigV4A
	case scheme == "AWS" || strings.HasPrefix(scheme, "AWS3"):
		return ErrSigV2
	case strings.HasPrefix(scheme, "AWS4-"):
		return fmt.Errorf("%w: only %s is", ErrUnsupported, algorithm)
	}
	return ErrBearer
}

func (c *Claim) fromHeader(r *http.Request, value string, query []pair) error {
	if len(value) > maxAuthorization {
		return fmt.Errorf("%w: the Authorization header is longer than %d bytes", ErrMalformed, maxAuthorization)
	}
	scheme, rest, _ := strings.Cut(value, " ")
	if err := schemeError(scheme); err != nil {
		return err
	}
	if SingleEncoded(serviceOf(rest)) && slices.ContainsFunc(query, hoisted) {
		return fmt.Errorf("%w: x-amz-* parameters belong into the query of presigned requests only", ErrMalformed)
	}
	var credential, signed, signature string
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.Trim(part, " "), "=")
		var to *string
		switch name {
		case "Credential":
			to = &credential
		case "SignedHeaders":
			to = &signed
		case "Signature":
			to = &signature
		default:
			return fmt.Errorf("%w: the Authorization header has another part than Credential, SignedHeaders, Signature",
				ErrMalformed)
		}
		if *to != "" || value == "" {
			return fmt.Errorf("%w: %s must stand in the Authorization header once", ErrMalformed, name)
		}
		*to = value
	}
	if err := c.setTime(headerTime(r)); err != nil {
		return err
	}
	token, err := single(r, "X-Amz-Security-Token")
	if err != nil {
		return err
	}
	return c.set(credential, signed, signature, token)
}

// serviceOf finds the service of a credential that isn't yet known to be well-formed.
func serviceOf(s string) string {
	_, s, _ = strings.Cut(s, "Credential=")
	s, _, _ = strings.Cut(s, ",")
	parts, _ := scopeParts(strings.TrimSpace(s))
	return parts[3]
}

// scopeParts are the five parts of a credential; none where there aren't five.
func scopeParts(credential string) (parts [5]string, ok bool) {
	if strings.Count(credential, "/") != len(parts)-1 {
		return parts, false
	}
	for i := range parts {
		parts[i], credential, _ = strings.Cut(credential, "/")
	}
	return parts, true
}

// headerTime is X-Amz-Date, or Date where there is none, as the former has it.
func headerTime(r *http.Request) (string, error) {
	stamp, err := single(r, "X-Amz-Date")
	if err != nil || stamp != "" {
		return stamp, err
	}
	stamp, err = single(r, "Date")
	if err != nil {
		return "", err
	}
	if t, err := http.ParseTime(stamp); err == nil {
		return t.UTC().Format(timeFormat), nil
	}
	return stamp, nil
}

func (c *Claim) fromQuery(r *http.Request, query []pair) error {
	values := map[string]string{}
	for _, p := range query {
		if slices.Contains(authNames[:], p.name) {
			v, err := decode(p.value, false)
			if err != nil {
				return err
			}
			values[p.name] = v
		}
	}
	if err := schemeError(values["X-Amz-Algorithm"]); err != nil {
		if values["X-Amz-Algorithm"] == "" {
			return fmt.Errorf("%w: X-Amz-Algorithm is missing in the query", ErrMalformed)
		}
		return err
	}
	for _, name := range []string{"X-Amz-Date", "X-Amz-Security-Token"} {
		if len(r.Header.Values(name)) > 0 {
			return fmt.Errorf("%w: %s in a header of a presigned request", ErrMalformed, name)
		}
	}
	c.Presigned = true
	if err := c.setTime(values["X-Amz-Date"], nil); err != nil {
		return err
	}
	if err := c.setExpires(values["X-Amz-Expires"], serviceOf("Credential="+values["X-Amz-Credential"])); err != nil {
		return err
	}
	return c.set(values["X-Amz-Credential"], values["X-Amz-SignedHeaders"], values[signatureName],
		values["X-Amz-Security-Token"])
}

// setExpires takes a time that isn't there for the one that other services than S3 then apply: some clients send none.
func (c *Claim) setExpires(value, service string) error {
	if value == "" && !SingleEncoded(service) {
		c.Expires = DefaultSkew
		return nil
	}
	seconds, err := strconv.ParseUint(value, 10, 31)
	c.Expires = time.Duration(seconds) * time.Second
	if err != nil || seconds == 0 || c.Expires > maxExpires {
		return fmt.Errorf("%w: X-Amz-Expires must be from 1 to %d seconds", ErrMalformed, maxExpires/time.Second)
	}
	return nil
}

func (c *Claim) setTime(stamp string, err error) error {
	if err != nil {
		return err
	}
	// time.Parse takes fractions of seconds too, even where the layout has none.
	if len(stamp) == len(timeFormat) {
		if c.Time, err = time.Parse(timeFormat, stamp); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: the time of signing must be in X-Amz-Date, as %s", ErrMalformed, timeFormat)
}

func (c *Claim) set(credential, signed, signature, token string) error {
	parts, ok := scopeParts(credential)
	if !ok || parts[4] != "aws4_request" {
		return fmt.Errorf("%w: Credential must be key/date/region/service/aws4_request", ErrMalformed)
	}
	for _, p := range parts {
		if len(p) == 0 || len(p) > maxName || strings.ContainsFunc(p, notInName) {
			return fmt.Errorf("%w: Credential has an empty part, or one with odd characters", ErrMalformed)
		}
	}
	if !isUnreserved(parts[2]) || !isUnreserved(parts[3]) { // they stand in ARNs, whose parts a colon divides
		return fmt.Errorf("%w: Credential has a region or a service with odd characters", ErrMalformed)
	}
	c.AccessKeyID, c.Date, c.Region, c.Service = parts[0], parts[1], parts[2], parts[3]
	var room [len(dateFormat)]byte
	if c.Date != string(c.Time.AppendFormat(room[:0], dateFormat)) {
		return fmt.Errorf("%w: the day in Credential is not that of X-Amz-Date", ErrMalformed)
	}
	if !isHash(signature) {
		return fmt.Errorf("%w: the signature must be %d hexadecimal digits in lower case", ErrMalformed, signatureHex)
	}
	c.Signature, _ = hex.DecodeString(signature)
	if len(token) > maxToken {
		return fmt.Errorf("%w: the session token is longer than %d bytes", ErrMalformed, maxToken)
	}
	c.SessionToken = token
	return c.setSigned(signed)
}

// notInName is false for what keys, regions and services are made of.
func notInName(r rune) bool {
	return (r > 0x7f || !unreserved(byte(r))) && !strings.ContainsRune("=+@:", r)
}

func (c *Claim) setSigned(list string) error {
	if len(list) > maxAuthorization || strings.Count(list, ";") >= maxHeaders {
		return fmt.Errorf("%w: more than %d headers are signed", ErrMalformed, maxHeaders)
	}
	c.SignedHeaders = strings.Split(list, ";")
	for i, name := range c.SignedHeaders {
		if !isToken(name) || strings.ToLower(name) != name || i > 0 && c.SignedHeaders[i-1] >= name {
			return fmt.Errorf("%w: SignedHeaders must be names in lower case, sorted, each once", ErrMalformed)
		}
	}
	return nil
}

func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !unreserved(c) && !strings.ContainsRune("!#$%&'*+^`|", rune(c)) {
			return false
		}
	}
	return s != ""
}

// single is the only value of a header, or "".
func single(r *http.Request, name string) (string, error) {
	switch v := r.Header.Values(name); len(v) {
	case 0:
		return "", nil
	case 1:
		return v[0], nil
	}
	return "", fmt.Errorf("%w: more than one %s header", ErrMalformed, name)
}

// hoisted is a header that stands in the query, as presigned requests may have it.
func hoisted(p pair) bool { return isAmazon(p.name) }

// isAmazon reports whether a name begins with x-amz-, in any case.
func isAmazon(name string) bool { return len(name) >= 6 && strings.EqualFold(name[:6], "x-amz-") }
