package sigv4

import (
	"fmt"
	"net/http"
	"strings"
)

// stripped are headers that must not reach the target: authentication, what is between two neighbours only, and what
// claims to say who asks or what is asked in another place than the signed one.
var stripped = map[string]bool{
	"authorization": true, "x-amz-date": true, "date": true, "x-amz-security-token": true,
	"x-amz-s3session-token": true, "x-amz-content-sha256": true, "x-amzn-authorization": true,
	"x-amz-region-set": true, "host": true,
	"connection": true, "keep-alive": true, "te": true, "trailer": true, "transfer-encoding": true, "upgrade": true,
	"http2-settings": true,
	"forwarded":      true, "via": true, "x-real-ip": true, "x-http-method": true, "x-http-method-override": true,
	"x-method-override": true, "x-original-url": true, "x-rewrite-url": true,
}

// Strip removes from a request all that authenticates it, all hop-by-hop headers, what proxies add, and names with
// underscores. Of a
// presigned request to S3 it turns the other x-amz-* parameters of the query into the headers that they stand for;
// so the request must be judged after it, as it then is. The request must be one that [Parse] has taken.
func Strip(r *http.Request) {
	for _, list := range r.Header.Values("Connection") {
		for name := range strings.SplitSeq(list, ",") {
			r.Header.Del(strings.TrimSpace(name))
		}
	}
	var room [64]byte
	for name := range r.Header {
		if isStripped(string(appendLower(room[:0], name))) {
			delete(r.Header, name)
		}
	}
	r.Trailer = nil
	stripQuery(r)
}

func isStripped(lower string) bool {
	return stripped[lower] || underscored(lower) || strings.HasPrefix(lower, "proxy-") || strings.HasPrefix(lower, "x-forwarded-")
}

// underscored is true for names that some servers take for others: with an underscore in place of a hyphen. Of an
// object's own metadata none is another's.
func underscored(lower string) bool {
	return strings.Contains(lower, "_") && !strings.HasPrefix(lower, "x-amz-meta-")
}

func stripQuery(r *http.Request) {
	query, err := parseQuery(r.URL.RawQuery)
	if err != nil {
		return // Parse refuses it, and so does Sign
	}
	presigned, _ := queryAuth(query)
	if !presigned {
		return
	}
	s3 := false
	kept := query[:0:0]
	for _, p := range query {
		if p.name == "X-Amz-Credential" {
			credential, _ := decode(p.value, false)
			s3 = SingleEncoded(serviceOf("Credential=" + credential))
		}
	}
	for _, p := range query {
		switch {
		case isAuth(p.name):
		case s3 && hoisted(p):
			value, _ := decode(p.value, false)
			r.Header.Set(p.name, value)
		default:
			kept = append(kept, p)
		}
	}
	r.URL.RawQuery = joinQuery(kept)
}

// isAuth is true for the parameters of the query that authenticate.
func isAuth(name string) bool {
	for _, auth := range authNames {
		if strings.EqualFold(name, auth) {
			return true
		}
	}
	return stripped[strings.ToLower(name)]
}

// checkHoisted holds that each x-amz-* parameter in the query of a presigned request to S3 can become the header that
// it stands for.
func checkHoisted(r *http.Request, query []pair) error {
	seen := map[string]bool{}
	for _, p := range query {
		if !hoisted(p) || isAuth(p.name) {
			continue
		}
		lower := strings.ToLower(p.name)
		value, _ := decode(p.value, false)
		if seen[lower] || len(r.Header.Values(p.name)) > 0 || !isUnreserved(p.name) || strings.ContainsFunc(value, control) ||
			lower == "x-amz-trailer" || lower == "x-amz-decoded-content-length" {
			return fmt.Errorf("%w: %.64q in the query can't stand for a header", ErrMalformed, p.name)
		}
		seen[lower] = true
	}
	return nil
}

func control(r rune) bool { return r < ' ' || r == 0x7f }
