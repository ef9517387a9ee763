package aws_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

// mine lets an agent do everything with what is its own.
func mine(objects ...string) func(*proxy.Builder) *proxy.Builder {
	return func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "its own", Verdict: protocol.Allow, Objects: objects}})
	}
}

// What an operation touches is among its objects, whatever else a hostile
// client writes beside it.
func TestDecoys(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, mine(
		"arn:aws:ssm:eu-west-1:123456789012:parameter/mine*", "arn:aws:dynamodb:eu-west-1:123456789012:table/mine",
		"arn:aws:sqs:eu-west-1:123456789012:mine", "arn:aws:ec2:eu-west-1:123456789012:instance/i-0a", "arn:aws:kms:eu-west-1:123456789012:key/mine",
	))
	b.cloud.always("application/json", "{}")
	awsJSON := func(service, target string) func(body string) int {
		return func(body string) int {
			resp, _ := b.do(b.signed("POST", "/", service, []byte(body), "", "X-Amz-Target", target, "Content-Type", json10))
			return resp.StatusCode
		}
	}
	query := func(service string) func(body string) int {
		return func(body string) int {
			resp, _ := b.do(b.signed("POST", "/", service, []byte(body), "", "Content-Type", "application/x-www-form-urlencoded"))
			return resp.StatusCode
		}
	}
	parameters, table := awsJSON("ssm", "AmazonSSM.GetParameters"), awsJSON("dynamodb", "DynamoDB_20120810.DeleteTable")
	for what, one := range map[string]struct {
		call func(string) int
		good string
		bad  []string
	}{
		"names": {parameters, `{"Names":["mine"]}`, []string{
			`{"Names":["production"],"Name":"mine"}`, `{"Name":"mine","Names":["production"]}`, `{"Names":["production"],"Path":"mine"}`,
			`{"Names":["production"],"names":["mine"]}`, `{"names":["production"],"Names":["mine"]}`, `{"Names":"production","Name":"mine"}`,
			`{"Names":["mine"],"Names":["production"]}`, `{"Names":["mine","` + strings.Repeat("x", 3000) + `"]}`,
			`{"Names":["production"],"X":"arn:aws:ssm:eu-west-1:123456789012:parameter/mine"}`,
		}},
		"a table": {table, `{"TableName":"mine"}`, []string{
			`{` + strings.Repeat(`"TableName":"mine",`, 12_000) + `"TableName":"production"}`,
			`{"TableName":"mine","TableName":"production"}`, `{"TableName":"mine","tablename":"production"}`, `{"TableName":"mine","T\u0061bleName":"production"}`,
			`{"X":"arn:aws:dynamodb:eu-west-1:123456789012:table/mine"}`, `{"TableName":["production"],"X":"arn:aws:dynamodb:eu-west-1:123456789012:table/mine"}`,
			`{"TableName":"` + strings.Repeat("p", 3000) + `","X":{"TableName":"mine"}}`,
		}},
		"a statement": {awsJSON("dynamodb", "DynamoDB_20120810.ExecuteStatement"), "", []string{
			`{"Statement":"DELETE FROM production","X":"arn:aws:dynamodb:eu-west-1:123456789012:table/mine"}`,
			`{"Statement":"DELETE FROM production","TableName":"mine"}`,
			`{"Statement":"DELETE FROM production","Parameters":[{"S":"arn:aws:dynamodb:eu-west-1:123456789012:table/mine"}]}`,
		}},
		"a transaction": {awsJSON("dynamodb", "DynamoDB_20120810.TransactWriteItems"), `{"TransactItems":[{"Delete":{"TableName":"mine","Key":{"id":{"S":"1"}}}}]}`, []string{
			`{"TransactItems":[{"Delete":{"TableName":"mine","Key":{"id":{"S":"1"}}}},{"Put":{"TableName":"production","Item":{"id":{"S":"1"}}}}]}`,
			`{"TransactItems":[{"Delete":{"TableName":"arn:aws:dynamodb:eu-west-1:123456789012:table/production","Key":{"TableName":{"S":"mine"}}}}]}`,
			`{"TransactItems":[{"Delete":{"TableName":"arn:aws:dynamodb:eu-west-1:999999999999:table/mine","Key":{"id":{"S":"1"}}}}]}`,
		}},
		"a batch": {awsJSON("dynamodb", "DynamoDB_20120810.BatchGetItem"), `{"RequestItems":{"mine":{"Keys":[{"id":{"S":"1"}}]}}}`, []string{
			`{"RequestItems":{"mine":{"Keys":[{"id":{"S":"1"}}]},"production":{"Keys":[{"id":{"S":"1"}}]}}}`,
			`{"RequestItems":{"mine":{"Keys":[]}},"RequestItems":{"production":{"Keys":[{"id":{"S":"1"}}]}}}`,
		}},
		"a queue": {awsJSON("sqs", "AmazonSQS.DeleteQueue"), `{"QueueUrl":"http://q/123456789012/mine"}`, []string{
			`{"QueueUrl":"http://q/123456789012/production"}`, `{"QueueUrl":"http://q/123456789012/production/mine"}`,
			`{"QueueUrl":"http://q/123456789012/production/123456789012/mine"}`, `{"QueueUrl":"http://q/999999999999/mine"}`,
			`{"QueueUrl":"http://q/123456789012/production?a=/123456789012/mine"}`, `{"QueueUrl":"http://q/123456789012/production#/123456789012/mine"}`,
		}},
		"instances": {query("ec2"), "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a", []string{
			"Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a&InstanceId.02=i-0b", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a&InstanceId=i-0b",
			"Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a&instanceid.2=i-0b", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a&InstanceId.0=i-0b",
			"Action=TerminateInstances&Version=2016-11-15&InstanceIds.1=i-0b&InstanceId.1=i-0a", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a&InstanceId.1=i-0b",
			"Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-0a&InstanceId.member.1=i-0b",
		}},
		"two keys": {awsJSON("kms", "TrentService.ReEncrypt"), "", []string{
			`{"CiphertextBlob":"eA==","SourceKeyId":"arn:aws:kms:eu-west-1:123456789012:key/mine","DestinationKeyId":"production"}`,
			`{"CiphertextBlob":"eA==","DestinationKeyId":"arn:aws:kms:eu-west-1:123456789012:key/mine","SourceKeyId":"alias/production"}`,
			`{"CiphertextBlob":"eA==","DestinationKeyId":"production","DestinationEncryptionContext":{"a":"arn:aws:kms:eu-west-1:123456789012:key/mine"}}`,
		}},
	} {
		if one.good != "" {
			assert.Equal(t, 200, one.call(one.good), what)
		}
		for _, body := range one.bad {
			assert.NotEqual(t, 200, one.call(body), "%s: %.200s", what, body)
		}
	}
}

// Some stores take a path with empty and dot segments for another one.
func TestKeysThatStoresFold(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, mine("arn:aws:s3:::shop/mine/*"))
	for path, status := range map[string]int{
		"/shop/mine/a": 204, "/shop/mine/a/../b": 204, "/shop/mine//b": 204, "/shop/mine/../production": 403, "/shop/mine/%2e%2e/production": 403,
		"/shop/mine/./../x/../production": 403, "/shop//mine/a": 403, "/shop/production": 403,
	} {
		resp, _ := b.do(b.signed("DELETE", path, "s3", nil, ""))
		assert.Equal(t, status, resp.StatusCode, path)
	}
	for source, status := range map[string]int{
		"/shop/mine/a": 200, "shop/mine/a": 200, "/shop/mine/../production": 403, "/shop/mine/%2e%2e/production": 403, "/shop/mine/../../vault/x": 403, "//shop/mine/a": 403,
	} {
		resp, _ := b.do(b.signed("PUT", "/shop/mine/copy", "s3", nil, "", "X-Amz-Copy-Source", source))
		assert.Equal(t, status, resp.StatusCode, source)
	}
	resp, _ := b.do(b.signed("POST", "/shop?delete", "s3", []byte("<Delete><Object><Key>mine/../production</Key></Object></Delete>"), "", "Content-Type", "application/xml"))
	assert.Equal(t, 403, resp.StatusCode)
}

// Whoever asks people about what destroys is not passed by for want of a word.
func TestWhatDestroys(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{
			{Name: "all", Verdict: protocol.Allow}, {Name: "nothing is lost", Verdict: protocol.Deny, Effects: protocol.Destroy},
		})
	})
	b.cloud.always("application/json", "{}")
	for _, r := range []*http.Request{
		b.signed("POST", "/", "organizations", []byte(`{"AccountId":"123456789012"}`), "", "X-Amz-Target", "AWSOrganizationsV20161128.CloseAccount", "Content-Type", "application/x-amz-json-1.1"),
		b.signed("PUT", "/shop?lifecycle", "s3", []byte(`<LifecycleConfiguration><Rule><Status>Enabled</Status><Prefix></Prefix><Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>`), ""),
		b.signed("POST", "/", "logs", []byte(`{"logGroupName":"audit","retentionInDays":1}`), "", "X-Amz-Target", "Logs_20140328.PutRetentionPolicy", "Content-Type", "application/x-amz-json-1.1"),
		b.signed("POST", "/", "kinesis", []byte(`{"StreamName":"audit","RetentionPeriodHours":24}`), "", "X-Amz-Target", "Kinesis_20131202.DecreaseStreamRetentionPeriod", "Content-Type", "application/x-amz-json-1.1"),
		b.signed("POST", "/", "cognito-idp", []byte(`{"UserPoolId":"eu-west-1_x","Username":"ada"}`), "", "X-Amz-Target", "AWSCognitoIdentityProviderService.AdminDeleteUser", "Content-Type", "application/x-amz-json-1.1"),
		b.signed("POST", "/", "ec2", []byte("Action=DetachVolume&Version=2016-11-15&VolumeId=vol-1"), "", "Content-Type", "application/x-www-form-urlencoded"),
		b.signed("POST", "/", "rds", []byte("Action=BacktrackDBCluster&Version=2014-10-31&DBClusterIdentifier=c1&BacktrackTo=2024-01-01T00:00:00Z"), "", "Content-Type", "application/x-www-form-urlencoded"),
	} {
		resp, _ := b.do(r)
		assert.Equal(t, 403, resp.StatusCode, r.Header.Get("X-Amz-Target")+r.URL.RawQuery)
	}
	assert.Empty(t, b.cloud.requests())
}

// What is meant by a tag, by a role's bare name or in another account is among
// the objects, or the whole service is.
func TestMeansOtherThings(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, mine(
		"arn:aws:ssm:eu-west-1:*:document/AWS-RunShellScript", "arn:aws:ssm:eu-west-1:123456789012:managed-instance/i-0a", "arn:aws:ec2:eu-west-1:123456789012:instance/i-0a",
		"arn:aws:ec2:eu-west-1::image/ami-1", "arn:aws:ec2:eu-west-1:123456789012:subnet/subnet-1", "arn:aws:ecr:eu-west-1:123456789012:repository/mine",
		"arn:aws:iam::123456789012:instance-profile/small", "arn:aws:elasticmapreduce:*", "arn:aws:iam::123456789012:role/emr", "arn:aws:s3:eu-west-1:123456789012:accesspoint/mine",
	))
	b.cloud.always("application/json", "{}")
	run := "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&SubnetId=subnet-1"
	form := func(body string) *http.Request {
		return b.signed("POST", "/", "ec2", []byte(body), "", "Content-Type", "application/x-www-form-urlencoded")
	}
	awsJSON := func(service, target, body string) *http.Request {
		return b.signed("POST", "/", service, []byte(body), "", "X-Amz-Target", target, "Content-Type", "application/x-amz-json-1.1")
	}
	const send, repository, flow = "AmazonSSM.SendCommand", "AmazonEC2ContainerRegistry_V20150921.DeleteRepository", "ElasticMapReduce.RunJobFlow"
	for r, status := range map[*http.Request]int{
		awsJSON("ssm", send, `{"DocumentName":"AWS-RunShellScript","InstanceIds":["i-0a"]}`):                                            200,
		awsJSON("ssm", send, `{"DocumentName":"AWS-RunShellScript","Targets":[{"Key":"InstanceIds","Values":["i-0b"]}]}`):               403,
		awsJSON("ssm", send, `{"DocumentName":"AWS-RunShellScript","InstanceIds":["i-0a"],"Targets":[{"Key":"tag:a","Values":["b"]}]}`): 403,
		form(run): 200,
		form(run + "&IamInstanceProfile.Name=small"):                                                         200,
		form(run + "&IamInstanceProfile.Name=admin"):                                                         403,
		form(run + "&IamInstanceProfile.Arn=arn:aws:iam::123456789012:instance-profile/admin"):               403,
		awsJSON("ecr", repository, `{"repositoryName":"mine"}`):                                              200,
		awsJSON("ecr", repository, `{"repositoryName":"mine","registryId":"123456789012"}`):                  200,
		awsJSON("ecr", repository, `{"repositoryName":"mine","registryId":"999999999999"}`):                  403,
		awsJSON("elasticmapreduce", flow, `{"Name":"x","Instances":{},"ServiceRole":"emr"}`):                 200,
		awsJSON("elasticmapreduce", flow, `{"Name":"x","Instances":{},"ServiceRole":"admin"}`):               403,
		b.signed("DELETE", "/v20180820/accesspoint/mine", "s3", nil, "", "X-Amz-Account-Id", "123456789012"): 200,
		b.signed("DELETE", "/v20180820/accesspoint/mine", "s3", nil, "", "X-Amz-Account-Id", "999999999999"): 403,
	} {
		body := ""
		if r.GetBody != nil {
			c, _ := r.GetBody()
			text, _ := io.ReadAll(c)
			body = string(text)
		}
		resp, said := b.do(r)
		assert.Equal(t, status, resp.StatusCode, "%s %s %s: %s", r.URL.Path, r.Header.Get("X-Amz-Account-Id"), body, said)
	}
}
