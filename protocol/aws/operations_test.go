package aws_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go/encoding/cbor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

const here = "eu-west-1:123456789012:"

func TestOperations(t *testing.T) {
	const (
		read    = protocol.Read
		write   = protocol.Write
		destroy = protocol.Write | protocol.Destroy
		code    = protocol.Code | protocol.Opaque
	)
	b := newBed(t, nil, nil)
	b.cloud.be(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	get := func(service, path string) *http.Request { return b.signed("GET", path, service, nil, "") }
	for _, tt := range []struct {
		verb    string
		r       *http.Request
		effects protocol.Effects
		objects []string // without "arn:aws:"
	}{
		{"s3:ListBuckets", get("s3", "/"), read, []string{"s3:" + here + "*"}},
		{"s3:ListObjectsV2", get("s3", "/shop?list-type=2&prefix=a"), read, []string{"s3:::shop"}},
		{"s3:PutObject", b.signed("PUT", "/shop/a/b", "s3", []byte("x"), ""), write, []string{"s3:::shop/a/b"}},
		{"s3:DeleteObject", b.signed("DELETE", "/shop/a", "s3", nil, ""), destroy, []string{"s3:::shop/a"}},
		{"s3:DeleteBucket", b.signed("DELETE", "/shop", "s3", nil, ""), destroy, []string{"s3:::shop"}},
		{"s3:DeleteObjects", b.signed("POST", "/shop?delete", "s3", []byte(`<Delete><Object><Key>a</Key></Object><Object><Key>b/c</Key><VersionId>1</VersionId></Object></Delete>`), "", "Content-Type", "application/xml"), destroy, []string{"s3:::shop/a", "s3:::shop/b/c"}},
		{"s3:CopyObject", b.signed("PUT", "/shop/to", "s3", nil, "", "X-Amz-Copy-Source", "/other/fr%20om?versionId=3"), write, []string{"s3:::other/fr om", "s3:::shop/to"}},
		{"s3:PutBucketPolicy", b.signed("PUT", "/shop?policy", "s3", []byte(`{}`), "", "Content-Type", "application/json"), write | protocol.Access, []string{"s3:::shop"}},
		{"dynamodb:Query", jsonCall(b, "dynamodb", "DynamoDB_20120810.Query", `{"TableName":"orders","IndexName":"by-day"}`), read, []string{"dynamodb:" + here + "table/orders", "dynamodb:" + here + "table/orders/index/by-day"}},
		{"dynamodb:BatchGetItem", jsonCall(b, "dynamodb", "DynamoDB_20120810.BatchGetItem", `{"RequestItems":{"orders":{"Keys":[{"id":{"S":"RequestItems"}}]},"customers":{"Keys":[]}}}`), read, []string{"dynamodb:" + here + "table/customers", "dynamodb:" + here + "table/orders"}},
		{"dynamodb:BatchWriteItem", jsonCall(b, "dynamodb", "DynamoDB_20120810.BatchWriteItem", `{"RequestItems":{"orders":[{"PutRequest":{"Item":{"id":{"S":"1"}}}}],"arn:aws:dynamodb:eu-west-1:123456789012:table/customers":[{"DeleteRequest":{"Key":{"id":{"S":"1"}}}}]}}`), destroy, []string{"dynamodb:" + here + "table/customers", "dynamodb:" + here + "table/orders"}},
		{"dynamodb:TransactWriteItems", jsonCall(b, "dynamodb", "DynamoDB_20120810.TransactWriteItems", `{"TransactItems":[{"Put":{"TableName":"orders","Item":{}}},{"Delete":{"TableName":"customers","Key":{}}}]}`), destroy, []string{"dynamodb:" + here + "table/customers", "dynamodb:" + here + "table/orders"}},
		{"dynamodb:ExecuteStatement", jsonCall(b, "dynamodb", "DynamoDB_20120810.ExecuteStatement", `{"Statement":"DELETE FROM orders WHERE id = '1'"}`), write | code, []string{"dynamodb:" + here + "*"}},

		{"sqs:SendMessageBatch", jsonCall(b, "sqs", "AmazonSQS.SendMessageBatch", `{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/999999999999/jobs","Entries":[{"Id":"1","MessageBody":"m"}]}`), write, []string{"sqs:eu-west-1:999999999999:jobs"}},
		{"sqs:PurgeQueue", jsonCall(b, "sqs", "AmazonSQS.PurgeQueue", `{"QueueUrl":"http://127.0.0.1:9/x/jobs"}`), destroy, []string{"sqs:" + here + "jobs"}},
		{"sns:Publish", form(b, "sns", "Action=Publish&Version=2010-03-31&TopicArn=arn:aws:sns:eu-west-1:123456789012:news&Message=hi"), write, []string{"sns:" + here + "news"}},

		{"ec2:TerminateInstances", form(b, "ec2", "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1&InstanceId.2=i-2"), destroy, []string{"ec2:" + here + "instance/i-1", "ec2:" + here + "instance/i-2"}},
		{"ec2:RunInstances", form(b, "ec2", "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&SubnetId=subnet-1&SecurityGroupId.1=sg-1"), write | code, []string{"ec2:" + here + "security-group/sg-1", "ec2:" + here + "subnet/subnet-1", "ec2:eu-west-1::image/ami-1"}},
		{"ec2:DeleteVolume", form(b, "ec2", "Action=DeleteVolume&Version=2016-11-15&VolumeId=vol-1"), destroy, []string{"ec2:" + here + "volume/vol-1"}},
		{"ec2:DeleteSecurityGroup", form(b, "ec2", "Action=DeleteSecurityGroup&Version=2016-11-15&GroupId=sg-1"), destroy, []string{"ec2:" + here + "security-group/sg-1"}},
		{"ec2:CreateTags", form(b, "ec2", "Action=CreateTags&Version=2016-11-15&ResourceId.1=i-1&ResourceId.2=new-1&Tag.1.Key=a&Tag.1.Value=b"), write, []string{"ec2:" + here + "*/new-1", "ec2:" + here + "instance/i-1"}},
		{"ec2:DescribeInstances", form(b, "ec2", "Action=DescribeInstances&Version=2016-11-15"), read, []string{"ec2:" + here + "*"}},

		{"lambda:Invoke", b.signed("POST", "/2015-03-31/functions/pay:live/invocations", "lambda", []byte(`{}`), ""), write | code, []string{"lambda:" + here + "function:pay"}},
		{"lambda:GetFunction", get("lambda", "/2015-03-31/functions/999999999999%3Afunction%3Apay"), read, []string{"lambda:eu-west-1:999999999999:function:pay"}},
		{"lambda:UpdateFunctionCode", b.signed("PUT", "/2015-03-31/functions/pay/code", "lambda", []byte(`{"S3Bucket":"code","S3Key":"pay.zip"}`), "", "Content-Type", "application/json"), write | code, []string{"lambda:" + here + "function:pay"}},

		{"iam:DeleteRole", form(b, "iam", "Action=DeleteRole&Version=2010-05-08&RoleName=deploy"), destroy, []string{"iam::123456789012:role/deploy"}},
		{"iam:AttachRolePolicy", form(b, "iam", "Action=AttachRolePolicy&Version=2010-05-08&RoleName=deploy&PolicyArn=arn:aws:iam::aws:policy/AdministratorAccess"), write | protocol.Access, []string{"iam::123456789012:role/deploy", "iam::aws:policy/AdministratorAccess"}},
		{"iam:GetUser", form(b, "iam", "Action=GetUser&Version=2010-05-08&UserName=ada"), read, []string{"iam::123456789012:user/ada"}},

		{"secretsmanager:GetSecretValue", jsonCall(b, "secretsmanager", "secretsmanager.GetSecretValue", `{"SecretId":"prod/db"}`), read, []string{"secretsmanager:" + here + "secret:prod/db"}},
		{"secretsmanager:DeleteSecret", jsonCall(b, "secretsmanager", "secretsmanager.DeleteSecret", `{"SecretId":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"}`), destroy, []string{"secretsmanager:" + here + "secret:prod/db-AbCdEf"}},
		{"kms:Decrypt", jsonCall(b, "kms", "TrentService.Decrypt", `{"CiphertextBlob":"AAAA","KeyId":"alias/prod"}`), write, []string{"kms:" + here + "alias/prod"}},
		{"kms:ScheduleKeyDeletion", jsonCall(b, "kms", "TrentService.ScheduleKeyDeletion", `{"KeyId":"1234"}`), destroy, []string{"kms:" + here + "key/1234"}},
		{"ssm:GetParameter", jsonCall(b, "ssm", "AmazonSSM.GetParameter", `{"Name":"/app/db:3"}`), read, []string{"ssm:" + here + "parameter/app/db"}},
		{"ssm:GetParameters", jsonCall(b, "ssm", "AmazonSSM.GetParameters", `{"Names":["/app/db","plain"]}`), read, []string{"ssm:" + here + "parameter/app/db", "ssm:" + here + "parameter/plain"}},
		{"ssm:SendCommand", jsonCall(b, "ssm", "AmazonSSM.SendCommand", `{"InstanceIds":["i-1"],"DocumentName":"AWS-RunShellScript","Parameters":{"commands":["id"]}}`), write | code, []string{"ec2:" + here + "instance/i-1", "ssm:" + here + "document/AWS-RunShellScript", "ssm:" + here + "managed-instance/i-1"}},
		{"rds:DeleteDBInstance", form(b, "rds", "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=db1&SkipFinalSnapshot=true"), destroy, []string{"rds:" + here + "db:db1"}},
		{"rds:DeleteDBCluster", form(b, "rds", "Action=DeleteDBCluster&Version=2014-10-31&DBClusterIdentifier=c1"), destroy, []string{"rds:" + here + "cluster:c1"}},
		{"rds-data:ExecuteStatement", b.signed("POST", "/Execute", "rds-data", []byte(`{"resourceArn":"arn:aws:rds:eu-west-1:123456789012:cluster:c1","secretArn":"arn:aws:secretsmanager:eu-west-1:123456789012:secret:s-1","sql":"select 1"}`), "", "Content-Type", "application/json"), write | code, []string{"rds:" + here + "cluster:c1", "secretsmanager:" + here + "secret:s-1"}},
		{"logs:DeleteLogGroup", jsonCall(b, "logs", "Logs_20140328.DeleteLogGroup", `{"logGroupName":"/aws/lambda/pay"}`), destroy, []string{"logs:" + here + "log-group:/aws/lambda/pay"}},
		{"logs:GetLogEvents", jsonCall(b, "logs", "Logs_20140328.GetLogEvents", `{"logGroupName":"app","logStreamName":"one"}`), read, []string{"logs:" + here + "log-group:app:log-stream:one"}},
		{"cloudformation:DeleteStack", form(b, "cloudformation", "Action=DeleteStack&Version=2010-05-15&StackName=shop"), destroy, []string{"cloudformation:" + here + "stack/shop/*"}},
		{"cloudformation:CreateStack", form(b, "cloudformation", "Action=CreateStack&Version=2010-05-15&StackName=shop&TemplateBody=%7B%7D"), write | code, []string{"cloudformation:" + here + "stack/shop/*"}},
		{"cloudwatch:DeleteAlarms", b.signed("POST", "/service/GraniteServiceVersion20100801/operation/DeleteAlarms", "monitoring", cbor.Encode(cbor.Map{"AlarmNames": cbor.List{cbor.String("cpu"), cbor.String("disk")}}), "", "Smithy-Protocol", "rpc-v2-cbor", "Content-Type", "application/cbor"), destroy, []string{"cloudwatch:" + here + "alarm:cpu", "cloudwatch:" + here + "alarm:disk"}},
		{"route53:ChangeResourceRecordSets", b.signed("POST", "/2013-04-01/hostedzone/Z1/rrset/", "route53", []byte(`<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>DELETE</Action><ResourceRecordSet><Name>a.example</Name><Type>A</Type></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>`), "", "Content-Type", "application/xml"), destroy, []string{"route53:::hostedzone/Z1"}},
		{"ecs:UpdateService", jsonCall(b, "ecs", "AmazonEC2ContainerServiceV20141113.UpdateService", `{"cluster":"prod","service":"web","desiredCount":0}`), write, []string{"ecs:" + here + "service/prod/web"}},
		{"eks:DeleteCluster", b.signed("DELETE", "/clusters/prod", "eks", nil, ""), destroy, []string{"eks:" + here + "cluster/prod"}},
		{"glue:DeleteTable", jsonCall(b, "glue", "AWSGlue.DeleteTable", `{"DatabaseName":"sales","Name":"orders"}`), destroy, []string{"glue:" + here + "catalog", "glue:" + here + "database/sales", "glue:" + here + "table/sales/orders"}},
		{"events:PutRule", jsonCall(b, "events", "AWSEvents.PutRule", `{"Name":"nightly"}`), write, []string{"events:" + here + "rule/nightly"}},
		{"athena:StartQueryExecution", jsonCall(b, "athena", "AmazonAthena.StartQueryExecution", `{"QueryString":"DROP TABLE x","WorkGroup":"primary"}`), write | code, []string{"athena:" + here + "workgroup/primary"}},
		{"autoscaling:DeleteAutoScalingGroup", form(b, "autoscaling", "Action=DeleteAutoScalingGroup&Version=2011-01-01&AutoScalingGroupName=web"), destroy, []string{"autoscaling:" + here + "autoScalingGroup:*:autoScalingGroupName/web"}},
	} {
		t.Run(tt.verb, func(t *testing.T) {
			before := len(b.Record.Operations())
			b.do(tt.r)
			ops := b.Record.Operations()
			require.Len(t, ops, before+1)
			op := ops[before]
			var arns []string
			for _, o := range op.Objects {
				arns = append(arns, strings.TrimPrefix(o.Name, "arn:aws:"))
			}
			assert.Equal(t, tt.verb, op.Verb)
			assert.Equal(t, tt.effects, op.Effects, "%s", op.Effects)
			assert.Equal(t, tt.objects, arns)
			assert.Empty(t, op.Remark)
			assert.Empty(t, op.Refuse)
		})
	}
}

// last returns the operation that was recorded last.
func (b *bed) last() proxytest.Operation {
	ops := b.Record.Operations()
	require.NotEmpty(b.t, ops)
	return ops[len(ops)-1]
}

func TestCopiesReadTheirSource(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{
			{Name: "mine", Verdict: protocol.Allow, Objects: []string{"arn:aws:s3:::mine/*"}},
			{Name: "theirs", Verdict: protocol.Allow, Effects: protocol.Read, Objects: []string{"arn:aws:s3:::theirs/*"}},
		})
	})
	resp, text := b.do(b.signed("PUT", "/mine/a", "s3", nil, "", "X-Amz-Copy-Source", "theirs/a"))
	require.Equal(t, 200, resp.StatusCode, text)
	resp, _ = b.do(b.signed("PUT", "/theirs/a", "s3", nil, "", "X-Amz-Copy-Source", "mine/a"))
	require.Equal(t, 403, resp.StatusCode)
	resp, _ = b.do(b.signed("PUT", "/theirs/a", "s3", nil, "", "X-Amz-Copy-Source", "theirs/a"))
	require.Equal(t, 403, resp.StatusCode, "a copy onto itself writes")
}

func TestHandingOutIsRefused(t *testing.T) {
	calls := map[string]func(b *bed) *http.Request{
		"sts:AssumeRole": func(b *bed) *http.Request {
			return form(b, "sts", "Action=AssumeRole&Version=2011-06-15&RoleArn="+roleARN+"&RoleSessionName=me")
		},
		"sts:GetSessionToken": func(b *bed) *http.Request { return form(b, "sts", "Action=GetSessionToken&Version=2011-06-15") },
		"sts:GetFederationToken": func(b *bed) *http.Request {
			return form(b, "sts", "Action=GetFederationToken&Version=2011-06-15&Name=me")
		},
		"iam:CreateAccessKey": func(b *bed) *http.Request { return form(b, "iam", "Action=CreateAccessKey&Version=2010-05-08") },
		"ecr:GetAuthorizationToken": func(b *bed) *http.Request {
			return jsonCall(b, "ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", `{}`)
		},
		"s3:CreateSession": func(b *bed) *http.Request { return b.signed("GET", "/shop--x-s3?session", "s3", nil, "") },
		"cognito-identity:GetCredentialsForIdentity": func(b *bed) *http.Request {
			return jsonCall(b, "cognito-identity", "AWSCognitoIdentityService.GetCredentialsForIdentity", `{"IdentityId":"x"}`)
		},
	}
	closed := newBed(t, nil, nil)
	all := make([]string, 0, len(calls))
	for verb := range calls {
		all = append(all, verb)
	}
	slices.Sort(all)
	open := newBed(t, func(c *aws.Config) { c.HandOut = all }, nil)
	ruled := newBed(t, func(c *aws.Config) { c.HandOut = all }, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "all", Verdict: protocol.Allow}, {Name: "no credentials", Verdict: protocol.Deny, Effects: protocol.Credential}})
	})
	for _, verb := range all {
		t.Run(verb, func(t *testing.T) {
			for b, want := range map[*bed]string{closed: "hands AWS credentials", ruled: "no credentials"} {
				resp, text := b.do(calls[verb](b))
				require.Equal(t, 403, resp.StatusCode, text)
				require.Contains(t, text, want)
				require.Empty(t, b.cloud.requests())
				require.Equal(t, verb, b.last().Verb)
				require.True(t, b.last().Effects.Has(protocol.Credential))
				require.Equal(t, protocol.Refused, b.last().Outcome.Result)
			}
			before := len(open.cloud.requests())
			open.do(calls[verb](open))
			require.Len(t, open.cloud.requests(), before+1)
		})
	}
}

func TestUnknownCalls(t *testing.T) {
	b := newBed(t, nil, nil)
	for name, r := range map[string]*http.Request{
		"operation, JSON":  jsonCall(b, "dynamodb", "DynamoDB_20120810.DropEverything", `{}`),
		"target, JSON":     jsonCall(b, "dynamodb", "Other_20120810.Query", `{}`),
		"no target":        b.signed("POST", "/", "dynamodb", []byte(`{}`), "", "Content-Type", json10),
		"operation, query": form(b, "iam", "Action=DropEverything&Version=2010-05-08"),
		"two operations":   form(b, "iam", "Action=GetUser&Action=DeleteUser&Version=2010-05-08"),
		"operation, REST":  b.signed("PATCH", "/2015-03-31/functions/pay/nothing", "lambda", nil, ""),
		"service":          b.signed("GET", "/", "nosuchservice", nil, ""),
		"body, JSON":       jsonCall(b, "dynamodb", "DynamoDB_20120810.Query", `{"TableName":`),
		"body, twice":      jsonCall(b, "dynamodb", "DynamoDB_20120810.Query", `{"TableName":"a"}{"TableName":"b"}`),
		"body, XML":        b.signed("POST", "/shop?delete", "s3", []byte(`<Delete><Object>`), "", "Content-Type", "application/xml"),
	} {
		t.Run(name, func(t *testing.T) {
			before := len(b.Record.Operations())
			resp, text := b.do(r)
			assert.GreaterOrEqual(t, resp.StatusCode, 400, text)
			assert.Less(t, resp.StatusCode, 500, text)
			assert.Empty(t, b.cloud.requests())
			ops := b.Record.Operations()
			require.Len(t, ops, before+1, "recorded")
			assert.Equal(t, protocol.Refused, ops[before].Outcome.Result)
			assert.True(t, ops[before].Effects.Has(protocol.Write), "counts as a write")
			assert.NotEmpty(t, ops[before].Objects)
			assert.Contains(t, text, "operation test-", "its name in the record")
		})
	}
}

func TestUnknownMembersAreTold(t *testing.T) {
	b := newBed(t, nil, nil)
	body := `{"TableName":"orders","Extra":{"deep":"value"},"TableName":"customers"}`
	b.cloud.always(json10, `{}`)
	resp, text := b.do(jsonCall(b, "dynamodb", "DynamoDB_20120810.Query", body))
	require.Equal(t, 200, resp.StatusCode, text)
	op := b.last()
	require.Contains(t, op.Remark, "Extra")
	require.Contains(t, op.Remark, "the outermost")
	require.Contains(t, op.Remark, hexOf([]byte(body)))
	require.Equal(t, []string{"arn arn:aws:dynamodb:" + here + "table/customers", "arn arn:aws:dynamodb:" + here + "table/orders"}, names(op), "whichever counts")

	b.do(b.signed("PUT", "/shop/key", "s3", []byte("x"), "", "X-Amz-Something", "new"))
	require.Contains(t, b.last().Remark, "Something")
	require.NotContains(t, b.last().Remark, emptyHash)
}

// What is shown of a call has bounds; what is judged has none that hide.
func TestLargeCalls(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "all", Verdict: protocol.Allow}, {Name: "last", Verdict: protocol.Deny, Objects: []string{"arn:aws:s3:::shop/z/999"}}})
	})
	var body strings.Builder
	body.WriteString("<Delete>")
	for i := range 1000 {
		fmt.Fprintf(&body, "<Object><Key>z/%03d</Key></Object>", i)
	}
	body.WriteString("</Delete>")
	resp, text := b.do(b.signed("POST", "/shop?delete", "s3", []byte(body.String()), "", "Content-Type", "application/xml"))
	require.Equal(t, 403, resp.StatusCode, text)
	require.Contains(t, text, "last")
	op := b.last()
	require.Len(t, op.Objects, 1000)
	require.LessOrEqual(t, len(op.Params), 400)
	require.Less(t, len(op.Text), 4<<10)
	require.Contains(t, op.Remark, "more parameters are not shown")
}
