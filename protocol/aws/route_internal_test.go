package aws

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRoute(t *testing.T) {
	p := New(Config{Hosts: []string{"Gw.test", "s3.gw.test", "gw.test.evil"}})
	for _, tt := range []struct{ address, service, want, target, named string }{
		{"http://gw.test/shop/k", "s3", "/shop/k", "", ""},
		{"http://shop.gw.test/k", "s3", "/shop/k", "", ""},
		{"http://shop.GW.TEST:8443/k", "s3", "/shop/k", "", ""},
		{"http://a.b.s3.gw.test/k", "s3", "/a.b/k", "", ""},
		{"http://s3.gw.test/shop/k", "s3", "/shop/k", "", ""},
		{"http://xgw.test/shop/k", "s3", "/shop/k", "", ""},
		{"http://shop.elsewhere.test/k", "s3", "/k", "", ""},
		{"http://shop.gw.test", "s3", "/shop/", "", ""},
		{"http://sync-states.gw.test/", "states", "/", "", ""},
		{"http://gw.test/.target/eu%20west/.service/docdb/x", "rds", "/x", "eu west", "docdb"},
		{"http://gw.test/.service/docdb", "rds", "/", "", "docdb"},
		{"http://gw.test/.service/docdb/.target/x/y", "rds", "/.target/x/y", "", "docdb"},
		{"http://shop.gw.test/.target/eu/a%2Fb%20c", "s3", "/shop/a%2Fb%20c", "eu", ""},
		{"http://gw.test/.target/%zz", "s3", "", "", ""},
		{"http://gw.test/shop/.target/x", "s3", "/shop/.target/x", "", ""},
	} {
		u, err := url.Parse(tt.address)
		if tt.want == "" {
			require.Error(t, err, "net/http refuses it")
			continue
		}
		require.NoError(t, err)
		r := &http.Request{URL: u, Host: u.Host, Header: http.Header{}}
		to := p.routeOf(&connection{p: p}, r)
		to.cut(r, tt.service)
		assert.Equal(t, []string{tt.want, tt.target, tt.named}, []string{r.URL.EscapedPath(), to.target, to.service}, tt.address)
	}
}

// Whatever is taken off, what is left is the end of what came, behind the
// bucket's name, and reads the same in both forms.
func FuzzRoute(f *testing.F) {
	f.Add("shop.gw.test", "/.target/a/.service/b/c%2Fd", "s3")
	f.Add("gw.test:80", "/.service/", "ec2")
	f.Add("%.gw.test", "/a;b/%00", "s3")
	p := New(Config{Hosts: []string{"gw.test"}})
	f.Fuzz(func(t *testing.T, host, path, service string) {
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || u.Opaque != "" || !strings.HasPrefix(path, "/") {
			return
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.URL = host, u
		before := u.EscapedPath()
		to := p.routeOf(&connection{p: p}, r)
		to.cut(r, service)
		after := r.URL.EscapedPath()
		if bucket := to.bucket(r, service); bucket != "" {
			rest, ok := strings.CutPrefix(after, "/"+url.PathEscape(bucket))
			require.True(t, ok, after)
			after = rest
		}
		require.True(t, strings.HasPrefix(after, "/"), after)
		require.True(t, strings.HasSuffix(before, after) || after == "/", "%q of %q", after, before)
		plain, err := url.PathUnescape(r.URL.EscapedPath())
		require.NoError(t, err)
		require.Equal(t, plain, r.URL.Path)
	})
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer x")
	f.Add("Basic YTpi")
	f.Add("basic OjpiOmM=")
	f.Fuzz(func(t *testing.T, header string) {
		name, token, err := bearer(header)
		if err != nil {
			require.Empty(t, name+token)
			require.Equal(t, errAuthorization, err, "the same words, whatever came")
			return
		}
		require.NotContains(t, name, ":")
	})
}
