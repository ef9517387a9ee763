package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/proxy/proxytest"
)

// amazon has the cloud answer calls of several services on the wires that
// clients choose for them, and S3's lists and multipart uploads.
func (c *cloud) amazon() {
	parts := map[string]map[int][]byte{} // by key; guarded by c.mu
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answer = func(w http.ResponseWriter, r *http.Request, body []byte) bool {
		form, _ := url.ParseQuery(string(body))
		kind, text := "", ""
		switch target := r.Header.Get("X-Amz-Target"); {
		case r.Header.Get("Smithy-Protocol") == "rpc-v2-cbor":
			w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
			kind, text = "application/cbor", "\xa1\x67Metrics\x80"
		case target == "DynamoDB_20120810.GetItem":
			kind, text = "application/x-amz-json-1.0", `{"Item":{"id":{"S":"1"},"name":{"S":"Ada"}}}`
		case strings.HasPrefix(target, "DynamoDB_20120810."):
			kind, text = "application/x-amz-json-1.0", `{"TableNames":["orders"]}`
		case target == "AmazonSQS.ListQueues":
			kind, text = "application/x-amz-json-1.0", `{"QueueUrls":["http://q/jobs"]}`
		case target == "GraniteServiceVersion20100801.ListMetrics":
			kind, text = "application/x-amz-json-1.0", `{"Metrics":[]}`
		case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions"):
			kind, text = "application/json", `{"Functions":[{"FunctionName":"resize"}]}`
		case form.Get("Action") == "ListUsers":
			kind, text = "text/xml", `<ListUsersResponse><ListUsersResult><IsTruncated>false</IsTruncated><Users><member><UserName>ada</UserName></member></Users></ListUsersResult></ListUsersResponse>`
		case form.Get("Action") == "DescribeInstances":
			kind, text = "text/xml", `<DescribeInstancesResponse><requestId>1</requestId><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`
		case form.Get("Action") == "ListQueues":
			kind, text = "text/xml", `<ListQueuesResponse><ListQueuesResult><QueueUrl>http://q/jobs</QueueUrl></ListQueuesResult></ListQueuesResponse>`
		case form.Get("Action") == "ListMetrics":
			kind, text = "text/xml", `<ListMetricsResponse><ListMetricsResult><Metrics/></ListMetricsResult></ListMetricsResponse>`
		default:
			return c.bucket(w, r, body, parts)
		}
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, text)
		return true
	}
}

// bucket answers what of S3 is more than one object.
func (c *cloud) bucket(w http.ResponseWriter, r *http.Request, body []byte, parts map[string]map[int][]byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	q, key := r.URL.Query(), r.URL.Path
	text := ""
	switch {
	case r.Method == http.MethodGet && key == "/":
		text = "<ListAllMyBucketsResult><Buckets><Bucket><Name>shop</Name><CreationDate>2024-01-01T00:00:00Z</CreationDate></Bucket></Buckets></ListAllMyBucketsResult>"
	case r.Method == http.MethodGet && (q.Has("list-type") || q.Has("encoding-type")):
		text = c.list(strings.TrimSuffix(key, "/")+"/", q)
	case r.Method == http.MethodPost && q.Has("uploads"):
		parts[key] = map[int][]byte{}
		text = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>"
	case r.Method == http.MethodPut && q.Has("partNumber"):
		n, _ := strconv.Atoi(q.Get("partNumber"))
		parts[key][n] = body
		w.Header().Set("ETag", `"`+q.Get("partNumber")+`"`)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		var whole []byte
		for n := 1; n <= len(parts[key]); n++ {
			whole = append(whole, parts[key][n]...)
		}
		c.objects[key] = whole
		text = `<CompleteMultipartUploadResult><Bucket>shop</Bucket><ETag>"u1-1"</ETag></CompleteMultipartUploadResult>`
	case r.Method == http.MethodPost && q.Has("delete"):
		var del struct {
			Keys []string `xml:"Object>Key"`
		}
		_ = xml.Unmarshal(body, &del)
		for _, k := range del.Keys {
			delete(c.objects, key+"/"+k)
		}
		text = "<DeleteResult></DeleteResult>"
	default:
		w.Header().Set("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
		return false
	}
	if text != "" {
		w.Header().Set("Content-Type", "application/xml")
		_, _ = io.WriteString(w, xml.Header+text)
	}
	return true
}

// list answers ListObjectsV2; the caller holds c.mu.
func (c *cloud) list(bucket string, q url.Values) string {
	var names []string
	for path := range c.objects {
		if name, ok := strings.CutPrefix(path, bucket); ok && strings.HasPrefix(name, q.Get("prefix")) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	var b strings.Builder
	var folders []string
	for _, name := range names {
		if d := q.Get("delimiter"); d != "" {
			if folder, _, ok := strings.Cut(name[len(q.Get("prefix")):], d); ok {
				if folder = q.Get("prefix") + folder + d; !slices.Contains(folders, folder) {
					folders = append(folders, folder)
				}
				continue
			}
		}
		fmt.Fprintf(&b, `<Contents><Key>%s</Key><LastModified>2024-01-01T00:00:00.000Z</LastModified><ETag>"0"</ETag><Size>%d</Size></Contents>`, url.QueryEscape(name), len(c.objects[bucket+name]))
	}
	for _, f := range folders {
		fmt.Fprintf(&b, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", url.QueryEscape(f))
	}
	return "<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>" + b.String() + "</ListBucketResult>"
}

// cli runs Debian's aws in the shell, so that several calls share the home and
// the environment; $E stands for the endpoint's option.
func (b *bed) cli(script string, env ...string) (stdout, stderr string, err error) {
	b.t.Helper()
	return b.program(env, "/bin/sh", "-c", `aws() { /usr/bin/aws "$@"; }; E="--endpoint-url `+b.url()+`"; `+script)
}

func (b *bed) program(env []string, name string, args ...string) (stdout, stderr string, err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env, c.Dir = b.env(append([]string{"LC_ALL=C.UTF-8", "ENDPOINT=" + b.url()}, env...)...), b.t.TempDir()
	var o, e bytes.Buffer
	c.Stdout, c.Stderr = &o, &e
	err = c.Run()
	return strings.TrimSpace(o.String()), strings.TrimSpace(e.String()), err
}

// boto runs one of the functions in testdata/clients.py by Debian's boto3 and
// reads what it prints: an object with a result for each call.
func (b *bed) boto(function string, env ...string) map[string]any {
	b.t.Helper()
	stdout, stderr, err := b.program(env, "/usr/bin/python3", testdata(b.t, "clients.py"), function)
	require.NoError(b.t, err, stderr)
	var results map[string]any
	require.NoError(b.t, json.Unmarshal([]byte(stdout), &results), stdout)
	return results
}

// verbs returns the operations so far by how often each was asked for.
func verbs(g *proxytest.Gateway) map[string]int {
	count := map[string]int{}
	for _, op := range g.Record.Operations() {
		count[op.Verb]++
	}
	return count
}

// parseDocument reads what the credentials endpoint answers.
func parseDocument(t testing.TB, body []byte) document {
	t.Helper()
	var d document
	require.NoError(t, json.Unmarshal(body, &d))
	return d
}

func exitCode(t testing.TB, err error) int {
	t.Helper()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	return exit.ExitCode()
}
