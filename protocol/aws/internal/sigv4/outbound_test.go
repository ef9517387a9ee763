package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4/strict"
)

func TestNormalise(t *testing.T) {
	for _, tt := range []struct{ service, raw, want string }{
		{"s3", "/b/a%20b+c", "/b/a%20b%2Bc"},
		{"s3", "/b//x//", "/b//x//"},
		{"s3", "//x", "//x"},
		{"s3", "/b/a%2Fb%2f", "/b/a/b/"},
		{"s3", "/b/%c3%bc(1)!*'", "/b/%C3%BC%281%29%21%2A%27"},
		{"s3", "/b/a/../c/./d", "/b/a/../c/./d"},
		{"s3", "/b/a/%2e%2e/c", "/b/a/../c"},
		{"s3", "/b/..", ""},
		{"s3", "/b/%2e%2e/other", ""},
		{"s3", "/b/a/../../other", ""},
		{"s3", "/../b", ""},
		{"s3", "/./b", ""},
		{"s3", "/b%2F..%2Fother", ""},
		{"s3", "/b/...", "/b/..."},
		{"s3", "/b/%7e%2D", "/b/~-"},
		{"s3", "/b?list-type=2&prefix=a+b%2fc&delete&x=", "/b?list-type=2&prefix=a%20b%2Fc&delete&x="},
		{"s3", "/b?uploadId=1&uploadId=2", ""},
		{"s3", "/b?a=%zz", ""},
		{"s3", "/b?a;b=c;d", "/b?a%3Bb=c%3Bd"},
		{"lambda", "/f/arn%3aaws:x%2fy/", "/f/arn%3Aaws%3Ax%2Fy/"},
		{"lambda", "//f///x", "/f/x"},
		{"lambda", "/f/../x", ""},
		{"lambda", "/f/%2E%2e/x", ""},
		{"lambda", "/f/a%2F..%2Fx", ""},
		{"lambda", `/f/a%5C..%5Cx`, ""},
		{"lambda", "/f/.", ""},
		{"lambda", "/f/..x/.y", "/f/..x/.y"},
		{"lambda", "/?a=1&a=0&&b", "/?a=1&a=0&b"},
		{"lambda", "/", "/"},
	} {
		t.Run(tt.service+" "+tt.raw, func(t *testing.T) {
			r := &http.Request{Method: "GET", Header: http.Header{}, URL: parsed(t, tt.raw)}
			before := *r.URL
			err := sigv4.Normalise(r, tt.service)
			if tt.want == "" {
				require.ErrorIs(t, err, sigv4.ErrMalformed)
				assert.Equal(t, before, *r.URL)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, r.URL.RequestURI())
		})
	}
	require.ErrorIs(t, sigv4.Normalise(&http.Request{URL: &url.URL{Opaque: "x"}}, "s3"), sigv4.ErrMalformed)
	require.ErrorIs(t, sigv4.Normalise(&http.Request{URL: &url.URL{Path: "*"}}, "s3"), sigv4.ErrMalformed)
	require.ErrorIs(t, sigv4.Normalise(&http.Request{URL: &url.URL{Path: strings.Repeat("/a", 1<<15)}}, "s3"), sigv4.ErrMalformed)
}

// parsed is a target as a server parses it.
func parsed(t *testing.T, target string) *url.URL {
	u, err := url.ParseRequestURI(target)
	require.NoError(t, err)
	return u
}

func TestStrip(t *testing.T) {
	r := httptest.NewRequest("GET", presignedTarget("s3", "&X-Amz-Expires=60",
		"&X-Amz-Security-Token=t&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-amz-request-payer=a+b%2Fc&versionId=v%2B1"), nil)
	for _, h := range []string{"Authorization", "X-Amz-Date", "Date", "X-Amz-Security-Token", "X-Amz-Content-Sha256", "Proxy-Authorization",
		"Proxy-Connection", "X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Te", "Trailer", "Upgrade", "Keep-Alive", "X-Named", "Via"} {
		r.Header.Set(h, "x")
	}
	r.Header.Add("Connection", "close, x-named")
	r.Header.Add("Connection", "te")
	r.Header.Set("Content-Type", "a")
	r.Header.Set("Expect", "100-continue")
	r.Trailer = http.Header{"X": nil}
	sigv4.Strip(r)
	assert.Equal(t, http.Header{"Content-Type": {"a"}, "Expect": {"100-continue"}, "X-Amz-Request-Payer": {"a b/c"}}, r.Header)
	assert.Equal(t, "versionId=v%2B1", r.URL.RawQuery)
	assert.Nil(t, r.Trailer)

	r = httptest.NewRequest("GET", presignedTarget("sts", "", "&X-Amz-Something=1"), nil)
	sigv4.Strip(r)
	assert.Equal(t, "X-Amz-Something=1", r.URL.RawQuery, "what it would be for other services isn't known")
	assert.Empty(t, r.Header)
}

func TestSignRefuses(t *testing.T) {
	cred := sigv4.Credentials{AccessKeyID: "A", SecretAccessKey: "s"}
	for name, sign := range map[string]func(r *http.Request) error{
		"no credentials": func(r *http.Request) error {
			_, err := sigv4.Sign(r, sigv4.Credentials{}, "s3", "r", emptyHash, signedAt)
			return err
		},
		"no region": func(r *http.Request) error { _, err := sigv4.Sign(r, cred, "s3", "", emptyHash, signedAt); return err },
		"no hash":   func(r *http.Request) error { _, err := sigv4.Sign(r, cred, "s3", "r", "", signedAt); return err },
		"bad hash": func(r *http.Request) error {
			_, err := sigv4.Sign(r, cred, "s3", "r", "undeclared", signedAt)
			return err
		},
		"hash in upper case": func(r *http.Request) error {
			_, err := sigv4.Sign(r, cred, "s3", "r", strings.ToUpper(emptyHash), signedAt)
			return err
		},
		"no host": func(r *http.Request) error {
			r.Host, r.URL.Host = "", ""
			_, err := sigv4.Sign(r, cred, "s3", "r", emptyHash, signedAt)
			return err
		},
		"presigned": func(r *http.Request) error {
			r.URL.RawQuery = "X-Amz-Signature=1"
			_, err := sigv4.Sign(r, cred, "s3", "r", emptyHash, signedAt)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/x", nil)
			require.Error(t, sign(r))
			assert.Empty(t, r.Header)
		})
	}
}

// A path that is within its bounds until it is encoded is signed.
func TestSignLongPath(t *testing.T) {
	r := &http.Request{Method: "GET", Header: http.Header{}, Host: "h.example", URL: parsed(t, "/"+strings.Repeat("(", 20<<10))}
	require.NoError(t, sigv4.Normalise(r, "lambda"))
	_, err := sigv4.Sign(r, gatewayCredentials, "lambda", "eu-west-1", emptyHash, signedAt)
	require.NoError(t, err)
	_, err = strict.Check(sent(t, r), strict.One(gatewayKey, gatewaySecret, gatewayToken), signedAt)
	require.NoError(t, err)
}

// sent is a request as its target receives it, through net/http's writer and reader.
func sent(t *testing.T, r *http.Request) *http.Request {
	var b bytes.Buffer
	require.NoError(t, r.Write(&b))
	got, err := http.ReadRequest(bufio.NewReader(&b))
	require.NoError(t, err)
	return got
}

var gatewayCredentials = sigv4.Credentials{AccessKeyID: gatewayKey, SecretAccessKey: gatewaySecret, SessionToken: gatewayToken}

// Normalised, signed, written and read again, any request satisfies the strict verifier, and its address means what it
// meant.
func FuzzNormalise(f *testing.F) {
	for i, key := range oddKeys {
		f.Add(i%2 == 0, (&url.URL{Path: "/bucket/" + key}).EscapedPath(), "a=b&c="+url.QueryEscape(key), "a  "+key)
	}
	f.Add(false, "/a%2fb/(c)//d", "b&a;c=+&a=%2B&%zz", "\x00")
	f.Fuzz(func(t *testing.T, s3 bool, path, query, value string) {
		service := "lambda"
		if s3 {
			service = "s3"
		}
		u, err := url.ParseRequestURI(path)
		if err != nil || u.Host != "" || u.Scheme != "" || u.RawQuery != "" {
			return
		}
		u.RawQuery = query
		decoded := u.Path
		r := &http.Request{Method: "POST", URL: u, Header: http.Header{"X-Amz-Meta-Value": {value}}, Host: "h.example", Body: http.NoBody}
		if sigv4.Normalise(r, service) != nil {
			return
		}
		if s3 && decoded != "" {
			require.Equal(t, decoded, r.URL.Path)
		}
		uri := r.URL.RequestURI()
		require.NoError(t, sigv4.Normalise(r, service))
		require.Equal(t, uri, r.URL.RequestURI())
		// The target's own parsing finds the same path.
		again, err := url.ParseRequestURI(uri)
		require.NoError(t, err)
		require.Equal(t, r.URL.Path, again.Path)
		require.Equal(t, uri, again.RequestURI())

		_, err = sigv4.Sign(r, gatewayCredentials, service, "eu-west-1", emptyHash, signedAt)
		if err != nil {
			require.Contains(t, err.Error(), "Strip", "only a signature in the query can be in the way")
			return
		}
		c, err := sigv4.Parse(r)
		if err == nil {
			require.NoError(t, c.Verify(r, gatewaySecret, signedAt, nil, sigv4.Options{}))
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			return // no header: net/http changes or refuses it
		}
		_, err = strict.Check(sent(t, r), strict.One(gatewayKey, gatewaySecret, gatewayToken), signedAt)
		require.NoError(t, err)
	})
}

// The strict verifier is strict: what is changed on the way, it finds.
func TestStrictRefuses(t *testing.T) {
	sum := sha256.Sum256([]byte("body"))
	for name, change := range map[string]func(r *http.Request){
		"nothing":            nil,
		"method":             func(r *http.Request) { r.Method = "GET" },
		"path":               func(r *http.Request) { r.RequestURI = "/other" },
		"loose encoding":     func(r *http.Request) { r.RequestURI = "/a%20b/(c)?x=1" },
		"host":               func(r *http.Request) { r.Host = "x" },
		"header":             set("X-Amz-Meta-A", "c"),
		"unsigned header":    set("X-Amz-Acl", "c"),
		"forwarded":          set("X-Forwarded-For", "c"),
		"second signature":   add("Authorization", "x"),
		"token":              set("X-Amz-Security-Token", ""),
		"body":               func(r *http.Request) { r.Body = http.NoBody },
		"time":               set("X-Amz-Date", "20261123T120001Z"),
		"signature in query": func(r *http.Request) { r.RequestURI += "&X-Amz-Signature=1" },
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("PUT", "http://h.example/a%20b/%28c%29?x=1", strings.NewReader("body"))
			r.Header.Set("X-Amz-Meta-A", "b")
			_, err := sigv4.Sign(r, gatewayCredentials, "s3", "eu-west-1", hex.EncodeToString(sum[:]), signedAt)
			require.NoError(t, err)
			got := sent(t, r)
			if change != nil {
				change(got)
			}
			body, err := strict.Check(got, strict.One(gatewayKey, gatewaySecret, gatewayToken), signedAt)
			if change == nil {
				require.NoError(t, err)
				assert.Equal(t, "body", string(body))
				return
			}
			require.Error(t, err)
		})
	}
}

// The examples of the reference satisfy the strict verifier too, and nothing near them does.
func TestStrictChunks(t *testing.T) {
	lookup := strict.One("AKIAIOSFODNN7EXAMPLE", exampleSecret, "")
	for _, e := range chunkedExamples() {
		// The regular form of Authorization has a space after commas, content-length is as the reference says.
		check := func(body string) error {
			r := e.request(strings.NewReader(body))
			r.Header.Set("Content-Length", "66824")
			r.ContentLength = -1
			_, err := strict.Check(r, lookup, exampleTime)
			return err
		}
		require.NoError(t, check(e.body))
		for _, at := range []int{0, 3, 40, 100, 65700, len(e.body) - 1, len(e.body) - 60} {
			bad := []byte(e.body)
			bad[at] ^= 1
			require.Error(t, check(string(bad)), at)
		}
		require.Error(t, check(e.body[:len(e.body)-2]))
		require.Error(t, check(e.body+"x"))
	}
}

// What a plugin writes into Path alone counts, though RawPath still has what the client sent.
func TestNormalisePathCounts(t *testing.T) {
	r := &http.Request{URL: &url.URL{Path: "/other", RawPath: "/a%28b"}}
	require.NoError(t, sigv4.Normalise(r, "lambda"))
	assert.Equal(t, "/other", r.URL.RequestURI())
}

// A small call through all of the package: what a gateway adds to each.
func BenchmarkSmallCall(b *testing.B) {
	b.Run("kept keys", func(b *testing.B) { smallCall(b, new(sigv4.Keys), new(sigv4.Keys)) })
	b.Run("derived keys", func(b *testing.B) { smallCall(b, nil, nil) })
}

func smallCall(b *testing.B, theirs, ours *sigv4.Keys) {
	sum := sha256.Sum256([]byte("{}"))
	in := signed(b, "dynamodb", hex.EncodeToString(sum[:]), set("X-Amz-Target", "DynamoDB_20120810.ListTables"), set("Content-Type", "application/x-amz-json-1.0"))
	b.ReportAllocs()
	for b.Loop() {
		c, err := sigv4.Parse(in)
		if err != nil || c.Verify(in, clientSecret, signedAt, sum[:], sigv4.Options{Keys: theirs}) != nil {
			b.Fatal(err)
		}
		out := in.Clone(b.Context())
		sigv4.Strip(out)
		if err := sigv4.Normalise(out, c.Service); err != nil {
			b.Fatal(err)
		}
		if _, err := ours.Sign(out, gatewayCredentials, c.Service, c.Region, hex.EncodeToString(sum[:]), signedAt); err != nil {
			b.Fatal(err)
		}
	}
}
