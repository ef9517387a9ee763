package aws_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// What two readers could take for two calls is none.
func TestTwoNames(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	b.cloud.always("text/xml", "<r/>")
	const form = "application/x-www-form-urlencoded"
	listUsers, deleteUser := "Action=ListUsers&Version=2010-05-08", "Action=DeleteUser&Version=2010-05-08&UserName=ada"
	for what, one := range map[string]struct {
		method, path, service, body string
		header                      []string
	}{
		"a form of another case":          {"POST", "/?" + listUsers, "iam", deleteUser, []string{"Content-Type", "Application/X-WWW-Form-URLencoded"}},
		"a form of another type":          {"POST", "/?" + listUsers, "iam", deleteUser, []string{"Content-Type", "text/plain"}},
		"a form of no type":               {"POST", "/?" + listUsers, "iam", deleteUser, nil},
		"a form of two types":             {"POST", "/?" + listUsers, "iam", deleteUser, []string{"Content-Type", "text/plain, " + form}},
		"a form with GET":                 {"GET", "/?" + listUsers, "iam", deleteUser, []string{"Content-Type", form}},
		"a form in parts":                 {"POST", "/?" + listUsers, "iam", "--b\r\nContent-Disposition: form-data; name=\"Action\"\r\n\r\nDeleteUser\r\n--b--\r\n", []string{"Content-Type", "multipart/form-data; boundary=b"}},
		"an EBCDIC form":                  {"POST", "/", "iam", listUsers + "&%C1%83%A3%89%96%95=%C4%85%93%85%A3%85%E4%A2%85%99", []string{"Content-Type", form + "; charset=IBM037"}},
		"a UTF-16 form":                   {"POST", "/", "iam", listUsers, []string{"Content-Type", form + "; charset=utf-16"}},
		"UTF-7 in JSON":                   {"POST", "/", "dynamodb", `{"TableName":"mine"}`, []string{"Content-Type", json10 + "; charset=utf-7", "X-Amz-Target", "DynamoDB_20120810.DeleteTable"}},
		"JSON that says it is a form":     {"POST", "/", "dynamodb", `{"TableName":"mine"}`, []string{"Content-Type", "Application/x-www-form-urlencoded", "X-Amz-Target", "DynamoDB_20120810.DeleteTable"}},
		"a queue's form that is JSON too": {"POST", "/", "sqs", `{"QueueUrl":"http://q/mine","x":"&Action=DeleteQueue&QueueUrl=production"}`, []string{"Content-Type", "application/X-www-form-urlencoded", "X-Amz-Target", "AmazonSQS.GetQueueUrl"}},
		"a smaller action":                {"POST", "/", "iam", listUsers + "&action=DeleteUser", []string{"Content-Type", form}},
		"a smaller action in the query":   {"POST", "/?ACTION=DeleteUser", "iam", listUsers, []string{"Content-Type", form}},
		"two versions":                    {"POST", "/", "elasticloadbalancing", "Action=DeleteLoadBalancer&Version=2012-06-01&Version=2015-12-01&LoadBalancerName=a", []string{"Content-Type", form}},
		"two versions, one smaller":       {"POST", "/", "elasticloadbalancing", "Action=DeleteLoadBalancer&version=2015-12-01&Version=2012-06-01&LoadBalancerName=a", []string{"Content-Type", form}},
		"a client of another version":     {"POST", "/", "elasticloadbalancing", "Action=DeleteLoadBalancer&Version=2015-12-01&LoadBalancerArn=a", []string{"Content-Type", form, "User-Agent", "Boto3/1.4 api/elastic_load_balancing#2"}},
		"a base path of another version":  {"POST", "/.service/elb/", "elasticloadbalancing", "Action=DeleteLoadBalancer&Version=2015-12-01&LoadBalancerArn=a", []string{"Content-Type", form}},
		"a queue's path and another":      {"POST", "/123456789012/production", "sqs", "Action=DeleteQueue&Version=2012-11-05&QueueUrl=http://q/123456789012/mine", []string{"Content-Type", form}},
		"compressed JSON":                 {"POST", "/", "dynamodb", `{"TableName":"mine"}`, []string{"Content-Type", json10, "Content-Encoding", "deflate", "X-Amz-Target", "DynamoDB_20120810.DeleteTable"}},
		"compressed twice":                {"POST", "/", "dynamodb", `{"TableName":"mine"}`, []string{"Content-Type", json10, "Content-Encoding", "identity, br", "X-Amz-Target", "DynamoDB_20120810.DeleteTable"}},
		"not compressed":                  {"POST", "/", "dynamodb", `{"TableName":"mine"}`, []string{"Content-Type", json10, "Content-Encoding", "gzip", "X-Amz-Target", "DynamoDB_20120810.DeleteTable"}},
		"a byte order mark":               {"POST", "/", "dynamodb", "\ufeff" + `{"TableName":"mine"}`, []string{"Content-Type", json10, "X-Amz-Target", "DynamoDB_20120810.DeleteTable"}},
		"a key that is the bucket":        {"DELETE", "/shop/mine/..", "s3", "", nil},
		"a key that is the bucket, too":   {"DELETE", "/shop/mine/%2e%2E/./", "s3", "", nil},
	} {
		r := b.signed(one.method, one.path, one.service, []byte(one.body), "", one.header...)
		resp, body := b.do(r)
		assert.Contains(t, []int{400, 403}, resp.StatusCode, "%s: %s", what, body)
	}
	for _, r := range b.cloud.requests() {
		assert.Fail(t, "it was forwarded", "%s %s %s %s", r.method, r.path, r.header, r.body)
	}
}

// What a client signs for stands in ARNs: it cannot be half of another one.
func TestRegionIsOneWord(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, mine("arn:aws:sqs:eu-west-1:123456789012:mine-*"))
	b.cloud.always("application/json", "{}")
	for region, status := range map[string]int{"eu-west-1": 200, "eu-west-1:123456789012:mine-x": 403, "eu-west-1:123456789012:mine-@": 403, "": 403} {
		queue := "mine-q"
		if status != 200 {
			queue = "production"
		}
		r := b.signedFor("POST", b.url()+"/", `{"QueueUrl":"http://q/123456789012/`+queue+`"}`, "sqs", region, "X-Amz-Target", "AmazonSQS.PurgeQueue", "Content-Type", json10)
		resp, body := b.do(r)
		assert.Equal(t, status == 200, resp.StatusCode == 200, "%q: %s", region, body)
	}
	assert.Len(t, b.cloud.requests(), 1)
}

// Some servers take an underscore in a header's name for a hyphen.
func TestHeadersInOtherLetters(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	resp, body := b.do(b.signed("PUT", "/shop/key", "s3", []byte("x"), "",
		"X_Amz_Copy_Source", "/vault/key", "X_HTTP_Method_Override", "DELETE", "X-Amz_Acl", "public-read", "Content_Length", "0", "Transfer_Encoding", "chunked",
		"X-Amz-Meta-My_Name", "kept", "My_Own", "dropped"))
	assert.Equal(t, 200, resp.StatusCode, body)
	got := b.cloud.requests()[0].header
	for name := range got {
		assert.True(t, name == "X-Amz-Meta-My_name" || !strings.Contains(name, "_"), name)
	}
	assert.Equal(t, "kept", got.Get("X-Amz-Meta-My_Name"))
}
