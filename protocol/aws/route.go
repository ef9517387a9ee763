package aws

import (
	"net"
	"net/http"
	"net/url"
	"strings"
)

// route is where a request is meant for, as its host and path say.
type route struct {
	target  string // empty: the listener's only one
	service string // that a base path names
	below   string // what stands before the gateway's own name in the host
	base    string // the part of the escaped path that is the gateway's
}

// The base paths. No bucket's name begins with a dot.
const (
	targetBase  = "/.target/"  // and the target's name
	serviceBase = "/.service/" // and the service's name
)

// routeOf takes the gateway's own parts off a request's address. It reads only.
func (p *Plugin) routeOf(c *connection, r *http.Request) route {
	var to route
	if c.host != "" {
		return to // the host says it all
	}
	path := r.URL.EscapedPath()
	rest := path
	for _, one := range []struct {
		prefix string
		value  *string
	}{{targetBase, &to.target}, {serviceBase, &to.service}} {
		if after, ok := strings.CutPrefix(rest, one.prefix); ok {
			name, _, _ := strings.Cut(after, "/")
			if plain, err := url.PathUnescape(name); err == nil {
				*one.value, rest = plain, after[len(name):]
			}
		}
	}
	to.base = path[:len(path)-len(rest)]
	host := strings.ToLower(r.Host)
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	longest := ""
	for _, own := range p.config.Hosts { // one may be below another
		if below, ok := strings.CutSuffix("."+host, "."+own); ok && len(own) > len(longest) {
			longest, to.below = own, strings.TrimPrefix(below, ".")
		}
	}
	return to
}

// credentials reports whether a request is for the gateway's credentials
// endpoint: not below AWS's hosts and buckets, where it could name an object.
func (to *route) credentials(c *connection, r *http.Request) bool {
	return c.host == "" && to.below == "" && strings.TrimPrefix(r.URL.EscapedPath(), to.base) == CredentialsPath
}

// bucket returns the bucket that the host names. Other services, and the
// control of S3 by the account, have prefixes there, which the model knows.
func (to *route) bucket(r *http.Request, service string) string {
	if strings.HasPrefix(service, "s3") && r.Header.Get("X-Amz-Account-Id") != to.below {
		return to.below
	}
	return ""
}

// cut takes the base path off a request, and puts the bucket of its host in
// front of its path instead.
func (to *route) cut(r *http.Request, service string) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), to.base)
	if path == "" {
		path = "/"
	}
	if bucket := to.bucket(r, service); bucket != "" {
		path = "/" + url.PathEscape(bucket) + path
	}
	if plain, err := url.PathUnescape(path); err == nil {
		r.URL.Path, r.URL.RawPath = plain, path
	}
}
