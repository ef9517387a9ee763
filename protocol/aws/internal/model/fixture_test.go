package model

import (
	"bufio"
	"compress/gzip"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorded is a request of a fixture; gen/fixture.py writes them.
type recorded struct {
	service, operation string
	request            Request
}

// readFixture returns the first line, which says what made it, and the
// requests.
func readFixture(t testing.TB, name string) (string, []recorded) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".txt.gz"))
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	require.True(t, lines.Scan())
	head := lines.Text()
	var out []recorded
	for lines.Scan() {
		out = append(out, readRecorded(t, lines.Text()))
	}
	require.NoError(t, lines.Err())
	return head, out
}

func readRecorded(t testing.TB, line string) recorded {
	t.Helper()
	c := strings.Split(line, "\t")
	require.Len(t, c, 9, line)
	path, query, _ := strings.Cut(c[5], "?")
	q, err := url.ParseQuery(query)
	require.NoError(t, err, line)
	r := Request{Method: c[3], Host: c[4], Path: path, Query: q, SigningName: c[6], Header: http.Header{}}
	if c[7] != "" {
		for h := range strings.SplitSeq(c[7], "\x1f") {
			k, v, _ := strings.Cut(h, ": ")
			r.Header.Add(k, v)
		}
	}
	if c[8] != "" {
		r.Form, err = url.ParseQuery(c[8])
		require.NoError(t, err, line)
	}
	return recorded{service: c[0], operation: c[1], request: r}
}

// tally names the requests and counts those named right. Of operations that a
// family of services has on one route, the first service's is right too, but
// counted apart.
func tally(t *testing.T, all []recorded, change func(*Table, *Service, *Request)) (right, family int) {
	t.Helper()
	tab := table(t)
	shown := 0
	for _, rec := range all {
		s, err := tab.Service(rec.service)
		require.NoError(t, err)
		r := rec.request
		if change != nil {
			change(tab, s, &r)
		}
		call, err := tab.Name(r)
		switch {
		case err == nil && call.Operation.Name == rec.operation && call.Operation.Service == s:
			right++
		case err == nil && call.Operation.Name == rec.operation && tab.index.families[rec.service] == call.Operation.Service.Name:
			family++
		case shown < 400:
			shown++
			got := ""
			if err == nil {
				got = call.Operation.Service.Name + " " + call.Operation.Name
			}
			t.Logf("%s %s: %s %s%s: got %s, %v", rec.service, rec.operation, r.Method, r.Host, r.Path, got, err)
		}
	}
	t.Logf("%d requests, %d named right, %d more by the first service of their family", len(all), right, family)
	return right, family
}

// inEndpointMode is how a request looks where AWS_ENDPOINT_URL_x has a base
// path that names the service.
func inEndpointMode(tab *Table, s *Service, r *Request) {
	withoutHost(tab, s, r)
	r.Service = s.Name
}

// withoutHost is how it looks where all services share one endpoint URL; the
// gateway has found S3's bucket in its own host name.
func withoutHost(tab *Table, s *Service, r *Request) {
	if h, ok := tab.ParseHost(r.Host); ok {
		r.Bucket = h.Bucket
	}
	r.Host = ""
	r.Path = strings.TrimPrefix(r.Path, s.EndpointPath)
}

func TestNamesBotocoresRequests(t *testing.T) {
	head, all := readFixture(t, "requests-botocore")
	assert.Equal(t, "# botocore "+table(t).Version().Botocore, head)
	operations := make(map[string]bool)
	for _, rec := range all {
		operations[rec.service+" "+rec.operation] = true
	}
	assert.Greater(t, len(operations)*100, 18378*95)
	for name, change := range map[string]func(*Table, *Service, *Request){"hosts": nil, "base paths": inEndpointMode, "one endpoint": withoutHost} {
		t.Run(name, func(t *testing.T) {
			right, family := tally(t, all, change)
			assert.GreaterOrEqual(t, (right+family)*1000, len(all)*990)
		})
	}
}

// TestNamesOldRequests is about what Debian's stable release has. Operations
// that AWS has retired since are left out.
func TestNamesOldRequests(t *testing.T) {
	head, recorded := readFixture(t, "requests-botocore-old")
	assert.Equal(t, "# botocore 1.29.27", head)
	all := recorded[:0]
	for _, rec := range recorded {
		if s, err := table(t).Service(rec.service); err == nil && s.Operation(rec.operation) != nil {
			all = append(all, rec)
		}
	}
	assert.Greater(t, len(all), 11_000)
	right, family := tally(t, all, nil)
	assert.GreaterOrEqual(t, (right+family)*1000, len(all)*990)
	right, family = tally(t, all, inEndpointMode)
	assert.GreaterOrEqual(t, (right+family)*1000, len(all)*990)
}

func TestNamesTheJavaScriptSDKsRequests(t *testing.T) {
	head, all := readFixture(t, "requests-js")
	assert.True(t, strings.HasPrefix(head, "# @aws-sdk/client-s3 3."), head)
	services := make(map[string]bool)
	for _, rec := range all {
		services[rec.service] = true
	}
	assert.GreaterOrEqual(t, len(all), 1000)
	assert.GreaterOrEqual(t, len(services), 40)
	for name, change := range map[string]func(*Table, *Service, *Request){"hosts": nil, "base paths": inEndpointMode, "one endpoint": withoutHost} {
		t.Run(name, func(t *testing.T) {
			right, family := tally(t, all, change)
			assert.GreaterOrEqual(t, (right+family)*1000, len(all)*990)
		})
	}
}
