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
		if k == "Form" {
			r.Form, err = url.ParseQuery(v)
			require.NoError(t, err)
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
		{line: "GET /b/?delimiter=%2F&prefix=x&encoding-type=url&X-Amz-Expires=60&x-mine=1", want: "ListObjects"},
		{line: "GET /b/k?versionId=1&response-content-type=text%2Fplain", want: "GetObject"},
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

func TestLabels(t *testing.T) {
	call, err := table(t).Name(request(t, "GET /b/a%20b//c%2Fd/", "s3"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Bucket": "b", "Key": "a b//c/d/"}, call.Labels)

	call, err = table(t).Name(request(t, "PUT //k", "s3", "Host: my.bucket.s3.eu-central-1.amazonaws.com"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Bucket": "my.bucket", "Key": "/k"}, call.Labels)
	assert.Equal(t, "eu-central-1", call.Host.Region)

	r := request(t, "DELETE /k", "s3")
	r.Bucket = "found-by-the-gateway"
	call, err = table(t).Name(r)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"Bucket": "found-by-the-gateway", "Key": "k"}, call.Labels)

	call, err = table(t).Name(request(t, "PUT /portals/arn%3Aaws%3Ax%2Fy/browserSettings", "workspaces-web"))
	require.NoError(t, err)
	assert.Equal(t, "AssociateBrowserSettings", call.Operation.Name)
	assert.Equal(t, map[string]string{"portalArn": "arn:aws:x/y"}, call.Labels)

	call, err = table(t).Name(request(t, "GET /2015-03-31/functions/f/aliases/a", "lambda"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"FunctionName": "f", "Name": "a"}, call.Labels)
}

// One operation comes on several wires; each is seen for what it is.
func TestDispatchGoesByTheWireSeen(t *testing.T) {
	for _, c := range []struct {
		line, signing, want string
		wire                Wire
		headers             []string
	}{
		{"POST /", "monitoring", "cloudwatch ListMetrics", JSON10,
			[]string{"X-Amz-Target: GraniteServiceVersion20100801.ListMetrics", "Content-Type: application/x-amz-json-1.0"}},
		{"POST /service/GraniteServiceVersion20100801/operation/ListMetrics", "monitoring", "cloudwatch ListMetrics", CBOR,
			[]string{"Smithy-Protocol: rpc-v2-cbor"}},
		{"POST /", "monitoring", "cloudwatch ListMetrics", Query, []string{"Form: Action=ListMetrics&Version=2010-08-01"}},
		{"POST /", "ec2", "ec2 RunInstances", EC2, []string{"Form: Action=RunInstances&Version=2016-11-15"}},
		{"POST /", "ec2", "ec2 RunInstances", EC2, []string{"Form: Action=RunInstances&Version=2014-10-01"}},
		{"GET /?Action=GetCallerIdentity&Version=2011-06-15", "sts", "sts GetCallerIdentity", Query, nil},
		{"POST /", "", "sts AssumeRoleWithWebIdentity", Query, []string{"Form: Action=AssumeRoleWithWebIdentity&Version=2011-06-15"}},
		{"POST /", "sqs", "sqs SendMessage", JSON10, []string{"X-Amz-Target: AmazonSQS.SendMessage", "Content-Type: application/x-amz-json-1.0"}},
		{"POST /123456789012/q", "sqs", "sqs SendMessage", Query, []string{"Form: Action=SendMessage&Version=2012-11-05"}},
		{"POST /", "ssm", "ssm GetParameter", JSON11, []string{"X-Amz-Target: AmazonSSM.GetParameter", "Content-Type: application/x-amz-json-1.1"}},
		{"POST /", "elasticloadbalancing", "elb DescribeLoadBalancers", Query, []string{"Form: Action=DescribeLoadBalancers&Version=2012-06-01"}},
		{"POST /", "elasticloadbalancing", "elbv2 DescribeLoadBalancers", Query, []string{"Form: Action=DescribeLoadBalancers&Version=2015-12-01"}},
		{"POST /", "rds", "rds DescribeDBClusters", Query, []string{"Form: Action=DescribeDBClusters&Version=2014-10-31"}},
		// AWS has one service for the three, and what a client calls itself changes nothing of what is done.
		{"POST /", "rds", "rds DescribeDBClusters", Query,
			[]string{"Form: Action=DescribeDBClusters&Version=2014-10-31", "User-Agent: aws-sdk-js/3.1 ua/2.1 api/docdb#3.1"}},
		{"POST /", "dynamodb", "dynamodbstreams ListStreams", JSON10, []string{"X-Amz-Target: DynamoDBStreams_20120810.ListStreams"}},
		{"POST /", "cloudtrail", "cloudtrail LookupEvents", JSON10, []string{"X-Amz-Target: CloudTrail_20131101.LookupEvents"}},
		{"POST /", "cloudtrail", "cloudtrail LookupEvents", JSON10,
			[]string{"X-Amz-Target: com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"}},
		{"POST /model/m/converse", "bedrock", "bedrock-runtime Converse", RESTJSON, nil},
		{"POST /client/register", "", "sso-oidc RegisterClient", RESTJSON, nil},
		{"GET /v20180820/accesspoint/x/scope", "s3express", "s3control GetAccessPointScope", RESTXML, []string{"Host: s3express-control.us-east-1.amazonaws.com"}},
		{"POST /WriteGetObjectResponse", "s3-object-lambda", "s3 WriteGetObjectResponse", RESTXML,
			[]string{"Host: route.s3-object-lambda.us-east-1.amazonaws.com"}},
		{"POST /revocations", "geo-maps", "", 0, nil},
	} {
		call, err := table(t).Name(request(t, c.line, c.signing, c.headers...))
		if c.want == "" {
			require.ErrorIs(t, err, ErrUnknown)
			continue
		}
		if assert.NoError(t, err, c.want) {
			assert.Equal(t, c.want, call.Operation.Service.Name+" "+call.Operation.Name)
			assert.Equal(t, c.wire, call.Wire, c.want)
		}
	}
}

// What AWS may understand in another way than we do has no name.
func TestWhatHasNoName(t *testing.T) {
	for _, c := range []struct {
		why, line, signing string
		headers            []string
	}{
		{"two protocols", "POST /", "monitoring", []string{"X-Amz-Target: GraniteServiceVersion20100801.ListMetrics", "Smithy-Protocol: rpc-v2-cbor"}},
		{"target and action", "POST /", "monitoring", []string{"X-Amz-Target: GraniteServiceVersion20100801.ListMetrics", "Form: Action=DeleteAlarms"}},
		{"two targets", "POST /", "dynamodb", []string{"X-Amz-Target: DynamoDB_20120810.GetItem", "X-Amz-Target: DynamoDB_20120810.PutItem"}},
		{"two actions", "POST /", "iam", []string{"Form: Action=ListUsers&Action=CreateUser"}},
		{"actions here and there", "POST /?Action=ListUsers", "iam", []string{"Form: Action=CreateUser"}},
		{"unknown target", "POST /", "dynamodb", []string{"X-Amz-Target: DynamoDB_20120810.NoSuch"}},
		{"another service's target", "POST /", "dynamodb", []string{"X-Amz-Target: AmazonSSM.GetParameter"}},
		{"no operation in the target", "POST /", "dynamodb", []string{"X-Amz-Target: DynamoDB_20120810"}},
		{"empty target", "POST /", "dynamodb", []string{"X-Amz-Target: "}},
		{"target for REST", "GET /b/k", "s3", []string{"X-Amz-Target: DynamoDB_20120810.GetItem"}},
		{"target with a path", "POST /x", "dynamodb", []string{"X-Amz-Target: DynamoDB_20120810.GetItem"}},
		{"target by GET", "GET /", "dynamodb", []string{"X-Amz-Target: DynamoDB_20120810.GetItem"}},
		{"unknown smithy protocol", "POST /service/GraniteServiceVersion20100801/operation/ListMetrics", "monitoring", []string{"Smithy-Protocol: rpc-v2-json"}},
		{"CBOR's path is another", "POST /x/service/GraniteServiceVersion20100801/operation/ListMetrics", "monitoring", []string{"Smithy-Protocol: rpc-v2-cbor"}},
		{"action on a path", "POST /x/y", "iam", []string{"Form: Action=ListUsers"}},
		{"action by PUT", "PUT /", "iam", []string{"Form: Action=ListUsers"}},
		{"unknown version of two", "POST /", "elasticloadbalancing", []string{"Form: Action=DescribeLoadBalancers&Version=2000-01-01"}},
		{"another version than the client's", "POST /", "elasticloadbalancing", []string{"Form: Action=DeleteLoadBalancer&Version=2015-12-01", "User-Agent: x api/elastic_load_balancing#1"}},
		{"no version, and a client of one", "POST /", "elasticloadbalancing", []string{"Form: Action=DeleteLoadBalancer", "User-Agent: x api/elastic_load_balancing#1"}},
		{"an action in other letters", "POST /", "iam", []string{"Form: Action=ListUsers&action=DeleteUser&Version=2010-05-08"}},
		{"two versions", "POST /", "elasticloadbalancing", []string{"Form: Action=DescribeLoadBalancers&Version=2012-06-01&Version=2015-12-01"}},
		{"no version of two", "POST /", "elasticloadbalancing", []string{"Form: Action=DescribeLoadBalancers"}},
		{"unknown signing name", "GET /", "nosuch", nil},
		{"signed for another host", "GET /", "s3", []string{"Host: sts.us-east-1.amazonaws.com"}},
		{"no service at all", "GET /x", "", nil},
		{"unsigned, where a signature is needed", "DELETE /v2/email/identities/x", "", nil},
		{"dots", "GET /2015-03-31/functions/%2e%2e", "lambda", nil},
		{"an empty label", "GET /2015-03-31/functions//aliases", "lambda", nil},
		{"wrong escape", "GET /b/%zz", "s3", nil},
		{"unknown method", "PATCH /b/k", "s3", nil},
		{"unknown subresource that needs more", "POST /b/k", "s3", nil},
		{"a subresource that is newer than the table", "PUT /b/k?newthing", "s3", nil},
		{"a subresource of another method", "DELETE /b?versioning", "s3", nil},
		{"unknown list", "GET /b?list-type=3", "s3", nil},
		{"a slash in a bucket", "GET /a%2Fb/k", "s3", nil},
		{"a bucket that is above", "GET /../b", "s3", nil},
		{"a bucket that is above, escaped", "DELETE /%2E%2e/b", "s3", nil},
		{"a bucket with a colon", "GET /arn%3Aaws%3As3/k", "s3", nil},
		{"two subresources", "GET /b?acl&policy", "s3", nil},
		{"two services, one route", "GET /settings", "chime", nil},
		{"long path", "GET /" + strings.Repeat("x", maxPath), "s3", nil},
		{"deep path", "GET " + strings.Repeat("/x", maxSegments+1), "s3", nil},
		{"long action", "POST /", "iam", []string{"Form: Action=" + strings.Repeat("x", maxName+1)}},
	} {
		call, err := table(t).Name(request(t, c.line, c.signing, c.headers...))
		if assert.ErrorIs(t, err, ErrUnknown, c.why) {
			assert.Less(t, len(err.Error()), 400, c.why)
		} else {
			t.Logf("%s: %s %s", c.why, call.Operation.Service.Name, call.Operation.Name)
		}
	}
	r := request(t, "GET /b", "s3")
	for _, hint := range []string{"ec2", "nosuch", strings.Repeat("x", maxName+1)} {
		r.Service = hint
		_, err := table(t).Name(r)
		require.ErrorIs(t, err, ErrUnknown)
	}
}

func TestHintsNarrow(t *testing.T) {
	for hint, want := range map[string]string{"chime": "chime", "chime-sdk-voice": "chime-sdk-voice", "voice-chime": "chime-sdk-voice", "Chime SDK Voice": "chime-sdk-voice"} {
		r := request(t, "GET /settings", "chime")
		r.Service = hint
		call, err := table(t).Name(r)
		require.NoError(t, err, hint)
		assert.Equal(t, want, call.Operation.Service.Name, hint)
	}
}
