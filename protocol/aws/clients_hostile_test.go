package aws_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
)

// raw writes bytes to an address and returns all that comes back until the
// other side closes, or says nothing more for a while.
func raw(t testing.TB, address, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, text) }()
	var all strings.Builder
	buffer := make([]byte, 64<<10)
	for patience := 10 * time.Second; ; patience = 300 * time.Millisecond {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		n, err := conn.Read(buffer)
		all.Write(buffer[:n])
		if err != nil {
			return all.String()
		}
	}
}

// wire is a valid request as bytes, with what change makes of it.
func (b *bed) wire(change func(string) string, method, path, body string, header ...string) string {
	b.t.Helper()
	r := b.signedFor(method, b.url()+path, body, "s3", "eu-west-1", header...)
	dump, err := httputil.DumpRequestOut(r, true)
	require.NoError(b.t, err)
	text := string(dump)
	if change != nil {
		changed := change(text)
		require.NotEqual(b.t, text, changed, "the attack is in the request")
		text = changed
	}
	return text
}

func insert(line string) func(string) string {
	return func(s string) string { return strings.Replace(s, "\r\n", "\r\n"+line+"\r\n", 1) }
}

func replace(old, with string) func(string) string {
	return func(s string) string { return strings.Replace(s, old, with, 1) }
}

// What two servers could read in two ways, and what is too large, reaches no
// target.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	hidden := "DELETE /shop/hidden HTTP/1.1\r\nHost: x\r\n\r\n"
	chunked := fmt.Sprintf("\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", 4, "body")
	var all sync.WaitGroup
	for name, request := range map[string]string{
		"both lengths": b.wire(func(s string) string {
			return strings.Replace(strings.Replace(s, "\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1), "\r\n\r\nbody", chunked+hidden, 1)
		}, "PUT", "/shop/k", "body"),
		"two lengths":          b.wire(insert("Content-Length: 0"), "PUT", "/shop/k", "body"),
		"a list of lengths":    b.wire(replace("Content-Length: 4", "Content-Length: 4, 4"), "PUT", "/shop/k", "body"),
		"a signed length":      b.wire(replace("Content-Length: 4", "Content-Length: +4"), "PUT", "/shop/k", "body"),
		"a negative length":    b.wire(replace("Content-Length: 4", "Content-Length: -4"), "PUT", "/shop/k", "body"),
		"another coding":       b.wire(replace("Content-Length: 4", "Transfer-Encoding: xchunked"), "PUT", "/shop/k", "body"),
		"two codings":          b.wire(replace("Content-Length: 4", "Transfer-Encoding: gzip, chunked"), "PUT", "/shop/k", "body"),
		"space before a colon": b.wire(replace("Content-Length: 4", "Content-Length : 4"), "PUT", "/shop/k", "body"),
		"a folded header":      b.wire(replace("Content-Length: 4", "X-Fold: a\r\n Content-Length: 4"), "PUT", "/shop/k", "body"),
		"a bare CR":            b.wire(replace("Content-Length: 4", "X-A: b\rContent-Length: 4"), "PUT", "/shop/k", "body"),
		"NUL in a header":      b.wire(insert("X-A: a\x00b"), "GET", "/shop/k", ""),
		"NUL in the path":      b.wire(replace("/shop/k", "/shop/\x00k"), "GET", "/shop/k", ""),
		"bad encoding":         b.wire(replace("/shop/k", "/shop/%zz"), "GET", "/shop/k", ""),
		"half encoding":        b.wire(replace("/shop/k", "/shop/k%"), "GET", "/shop/k", ""),
		"bad query":            b.wire(replace("/shop/k", "/shop/k?a=%zz"), "GET", "/shop/k", ""),
		"another path":         b.wire(replace("/shop/k", "/shop/other"), "GET", "/shop/k", ""),
		"a backslash":          b.wire(replace("/shop/k", "/shop\\k"), "GET", "/shop/k", ""),
		"two hosts":            b.wire(insert("Host: evil.test"), "GET", "/shop/k", ""),
		"another host":         b.wire(replace("Host: ", "Host: x"), "GET", "/shop/k", ""),
		"no host":              b.wire(func(s string) string { return s[:strings.Index(s, "Host: ")] + s[strings.Index(s, "User-Agent"):] }, "GET", "/shop/k", ""),
		"an absolute address":  b.wire(replace("GET /", "GET http://evil.test/"), "GET", "/shop/k", ""),
		"another method":       b.wire(replace("GET /", "DELETE /"), "GET", "/shop/k", ""),
		"an override":          b.wire(insert("X-HTTP-Method-Override: DELETE\r\nX-Amz-Meta-X: 1"), "GET", "/shop/k", ""),
		"HTTP/0.9":             "GET /shop/k\r\n\r\n",
		"HTTP/3.0":             b.wire(replace("HTTP/1.1", "HTTP/3.0"), "GET", "/shop/k", ""),
		"a huge header":        b.wire(insert("X-A: "+strings.Repeat("a", 1<<20)), "GET", "/shop/k", ""),
		"10,000 headers":       b.wire(insert(strings.TrimSuffix(strings.Repeat("X-A: 0123456789\r\n", 10_000), "\r\n")), "GET", "/shop/k", ""),
		"a long address":       b.wire(replace("/shop/k", "/shop/k?"+strings.Repeat("a=b&", 100_000)), "GET", "/shop/k", ""),
		"h2 without TLS":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
		"an upgrade":           "OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
		"a trace":              "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
		"noise":                "\x80\x00\xff\xfe\r\n\r\n",
	} {
		all.Go(func() {
			answer := raw(t, b.Addr(), request)
			for line := range strings.Lines(answer) {
				if strings.HasPrefix(line, "HTTP/1.") {
					assert.Regexp(t, `^HTTP/1\.[01] (4|5)\d\d `, line, "%s: %s", name, answer)
				}
			}
		})
	}
	all.Wait()
	assert.Empty(t, b.cloud.requests(), "nothing reached the target")
	assert.NotContains(t, b.Log.String(), "panicked")
}

// What net/http takes, and is harmless, is passed on in one form.
func TestTolerated(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	b.cloud.objects["/shop/k"] = []byte("content")
	for name, request := range map[string]string{
		"lines that end in LF": b.wire(func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") }, "GET", "/shop/k", ""),
		"headers of a proxy":   b.wire(insert("X-Forwarded-For: 1.2.3.4\r\nForwarded: for=1.2.3.4\r\nVia: 1.1 x\r\nX-HTTP-Method-Override: DELETE\r\nConnection: X-Forwarded-For, close"), "GET", "/shop/k", ""),
		"an absolute address":  b.wire(replace("GET /", "GET "+b.url()+"/"), "GET", "/shop/k", ""),
		"a request behind it":  b.wire(nil, "GET", "/shop/k", "") + "DELETE /shop/k HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		before := len(b.cloud.requests())
		assert.Contains(t, raw(t, b.Addr(), request), "content", name)
		got := b.cloud.requests()
		if assert.Len(t, got, before+1, name) {
			r := got[before]
			assert.Equal(t, "GET /shop/k", r.method+" "+r.path, name)
			for _, h := range []string{"X-Forwarded-For", "Forwarded", "Via", "X-Http-Method-Override"} {
				assert.Empty(t, r.header.Get(h), name)
			}
		}
	}
}

// Who says nothing, or little, is shown out.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, func(p *proxy.Builder) *proxy.Builder {
		return p.AllowAll().Limits(proxy.Limits{Handshake: 300 * time.Millisecond})
	})
	var all sync.WaitGroup
	connect := "CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost: sts.amazonaws.com:443\r\n\r\n"
	for name, says := range map[string]string{
		"nothing":                   "",
		"half a request":            "GET / HTTP/1.1\r\nHost: x\r\nX-A: ",
		"half a TLS hello":          "\x16\x03\x01\x02\x00\x01\x00",
		"half a CONNECT":            "CONNECT sts.amazonaws.com:443 HTTP/1.1\r\nHost:",
		"CONNECT, then nothing":     connect,
		"CONNECT, then HTTP":        connect + "GET / HTTP/1.1\r\nHost: sts.amazonaws.com\r\n\r\n",
		"CONNECT, then noise":       connect + "\x16\x03\x01\xff\xff" + strings.Repeat("\xff", 70_000),
		"CONNECT without an end":    "CONNECT sts.amazonaws.com:443 HTTP/1.1\r\n" + strings.Repeat("X-A: b\r\n", 5000),
		"a body that does not come": "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nAction=",
	} {
		all.Go(func() {
			conn, err := net.Dial("tcp", b.at)
			if !assert.NoError(t, err) {
				return
			}
			defer conn.Close()
			go func() { _, _ = io.WriteString(conn, says) }()
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err = io.Copy(io.Discard, conn)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s: the gateway hangs up", name)
		})
	}
	for _, protocols := range [][]string{{"http/1.1"}, {"h2"}} {
		all.Go(func() {
			conn, err := tls.Dial("tcp", b.at, &tls.Config{RootCAs: b.roots, ServerName: "127.0.0.1", NextProtos: protocols})
			if !assert.NoError(t, err) {
				return
			}
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			_, err = io.Copy(io.Discard, conn)
			assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "TLS, then nothing: the gateway hangs up")
			conn.Close()
		})
	}
	all.Wait()
	assert.Empty(t, b.amazon.requests())
}

// Requests for credentials are bounded, and tell nothing.
func TestSignInNonsense(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	post := func(method, path, kind, body string, header ...string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), method, b.url()+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Content-Type", kind)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return send(t, client, r)
	}
	const form = "application/x-www-form-urlencoded"
	for _, body := range []string{
		"", "Action=AssumeRoleWithWebIdentity", "Action=AssumeRoleWithWebIdentity&Action=AssumeRoleWithWebIdentity&Version=2011-06-15",
		"Action=%zz", "Action=AssumeRoleWithSAML&Version=2011-06-15", "Action=GetCallerIdentity&Version=2011-06-15", "Action=AssumeRole&Version=2011-06-15",
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/x&RoleSessionName=xx&WebIdentityToken=" + strings.Repeat("a", 70_000),
		"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/x&RoleSessionName=xx&WebIdentityToken=wrong",
	} {
		status, answer := post("POST", "/", form, body)
		assert.GreaterOrEqual(t, status, 400, body)
		assert.Less(t, status, 500, body)
		assert.NotContains(t, answer, "SecretAccessKey")
	}
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer wrong", "Basic", "Basic !!!", "Basic Og==", "Negotiate x", "Bearer " + strings.Repeat("a", 60_000), "AWS4-HMAC-SHA256 x"} {
		status, answer := post("GET", aws.CredentialsPath, "", "", "Authorization", authorization)
		assert.GreaterOrEqual(t, status, 400, authorization)
		assert.NotContains(t, answer, "SecretAccessKey")
	}
	_, answer := post("GET", "/shop/k", "", "")
	assert.Contains(t, answer, "<Error><Code>MissingAuthenticationToken</Code><Message>the request is not signed", "in S3's words")
	status, _ := post("POST", aws.CredentialsPath, form, "x=y", "Authorization", "Bearer "+b.mint.Token("agent"))
	assert.Equal(t, 405, status)
	assert.Empty(t, b.cloud.requests())
	assert.Empty(t, b.Record.Operations())
}

// TLS proves nobody: what is inside is looked at as closely.
func TestHostileInsideTLS(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	var all sync.WaitGroup
	for protocol, noise := range map[string][]string{
		"http/1.1": {"\x00\x01\x02\x03\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n", "\x16\x03\x01\x00\x05hello\r\n\r\n"},
		"h2":       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x04\x00\x00\x00\x00\x00" + strings.Repeat("\xff", 1000), "CONNECT evil.test:443 HTTP/1.1\r\nHost: evil.test:443\r\n\r\n"},
	} {
		for _, text := range noise {
			all.Go(func() {
				conn, err := tls.Dial("tcp", b.at, &tls.Config{RootCAs: b.roots, ServerName: "127.0.0.1", NextProtos: []string{protocol}})
				if !assert.NoError(t, err) {
					return
				}
				defer conn.Close()
				_, _ = io.WriteString(conn, text)
				_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
				answer, err := io.ReadAll(conn)
				assert.NotErrorIs(t, err, os.ErrDeadlineExceeded, "%s %q: the gateway hangs up", protocol, text)
				assert.NotContains(t, string(answer), " 200 ", "%s %q", protocol, text)
			})
		}
	}
	all.Wait()

	// HTTP/2 has a CONNECT of its own, which this is no proxy for.
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: b.roots}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	r := &http.Request{Method: http.MethodConnect, URL: &url.URL{Scheme: "https", Host: b.at, Opaque: "sts.amazonaws.com:443"}, Host: "sts.amazonaws.com:443", Header: http.Header{}, Body: io.NopCloser(strings.NewReader("hello"))}
	status, _ := send(t, &http.Client{Transport: transport, Timeout: 10 * time.Second}, r.WithContext(t.Context()))
	assert.Equal(t, 403, status)
	assert.Empty(t, b.amazon.requests())
	assert.Empty(t, b.dialled)
}
