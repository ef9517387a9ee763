package model

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// request makes a naming request of "GET /path?query" and headers.
func request(t testing.TB, line, signing string, headers ...string) Request {
	t.Helper()
	method, uri, _ := strings.Cut(line, " ")
	path, query, _ := strings.Cut(uri, "?")
	q, err := url.ParseQuery(query)
	require.NoError(t, err)
	r := Request{Method: method, Path: path, Query: q, SigningName: signing, Header: http.Header{}}
	for _, h := range headers {
		k, v, _ := strings.Cut(h, ": ")
		if k == "Host" {
			r.Host = v
			continue
		}
		r.Header.Add(k, v)
	}
	return r
}

func TestNameS3(t *testing.T) {
	for _, c := range []struct {
		line, want string
		headers    []string
	}{
		{line: "GET /", want: "ListBuckets"},
		{line: "GET /b", want: "ListObjects"},
		{line: "GET /b/", want: "ListObjects"},
		{line: "GET /b?list-type=2&prefix=x", want: "ListObjectsV2"},
		{line: "GET /b?list-type=3", want: "ListObjects"},
		{line: "GET /b/k", want: "GetObject"},
		{line: "GET /b/k?x-id=GetObject", want: "GetObject"},
		{line: "GET /b/k?uploadId=1", want: "ListParts"},
		{line: "GET /b?uploads", want: "ListMultipartUploads"},
		{line: "GET /b/k/../k2/", want: "GetObject"},
		{line: "HEAD /b/k", want: "HeadObject"},
		{line: "HEAD /b", want: "HeadBucket"},
		{line: "PUT /b", want: "CreateBucket"},
		{line: "PUT /b/k", want: "PutObject"},
		{line: "PUT /b/k", want: "CopyObject", headers: []string{"X-Amz-Copy-Source: /a/b"}},
		{line: "PUT /b/k?partNumber=1&uploadId=x", want: "UploadPart"},
		{line: "PUT /b/k?partNumber=1&uploadId=x", want: "UploadPartCopy", headers: []string{"X-Amz-Copy-Source: /a/b"}},
		{line: "POST /b/k?uploads", want: "CreateMultipartUpload"},
		{line: "POST /b/k?uploadId=x", want: "CompleteMultipartUpload"},
		{line: "DELETE /b/k", want: "DeleteObject"},
		{line: "DELETE /b/k?uploadId=x", want: "AbortMultipartUpload"},
		{line: "POST /b?delete", want: "DeleteObjects"},
		{line: "POST /b/k?select&select-type=2", want: "SelectObjectContent"},
		{line: "GET /b?analytics", want: "ListBucketAnalyticsConfigurations"},
		{line: "GET /b?analytics&id=1", want: "GetBucketAnalyticsConfiguration"},
		{line: "GET /b?inventory", want: "ListBucketInventoryConfigurations"},
		{line: "GET /b?inventory&id=1", want: "GetBucketInventoryConfiguration"},
		{line: "GET /b?metrics", want: "ListBucketMetricsConfigurations"},
		{line: "GET /b?metrics&id=1", want: "GetBucketMetricsConfiguration"},
		{line: "GET /b?intelligent-tiering", want: "ListBucketIntelligentTieringConfigurations"},
		{line: "GET /b?intelligent-tiering&id=1", want: "GetBucketIntelligentTieringConfiguration"},
		{line: "GET /b?notification", want: "GetBucketNotificationConfiguration"},
		{line: "PUT /b?lifecycle", want: "PutBucketLifecycleConfiguration"},
		{line: "GET /k?acl", want: "GetObjectAcl", headers: []string{"Host: b.s3.eu-west-1.amazonaws.com"}},
		{line: "GET /?acl", want: "GetBucketAcl", headers: []string{"Host: a.b.s3.dualstack.eu-west-1.amazonaws.com:443"}},
		{line: "GET /", want: "ListObjects", headers: []string{"Host: b.s3.amazonaws.com"}},
		{line: "GET /", want: "ListBuckets", headers: []string{"Host: s3-eu-west-1.amazonaws.com"}},
		{line: "GET /", want: "ListDirectoryBuckets", headers: []string{"Host: s3express-control.us-east-1.amazonaws.com"}},
		{line: "GET /?session", want: "CreateSession", headers: []string{"Host: b--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com"}},
		{line: "GET /b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", want: "GetObject"},
	} {
		call, err := table(t).Name(request(t, c.line, "s3", c.headers...))
		if assert.NoError(t, err, c.line) {
			assert.Equal(t, c.want, call.Operation.Name, c.line)
			assert.Equal(t, RESTXML, call.Wire)
		}
	}
}
