package wire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// said is a message with all that formats and terminals could trip over.
const said = "sallyport: denied by rule <no \"reads\" & 'lists'> é\\ \x1b[31m\x00\u202e]]>; operation g1-2-3\nline two"

// heard is what a client shows of it.
const heard = `sallyport: denied by rule <no "reads" & 'lists'> é\ \x1b[31m\x00\u202e]]>; operation g1-2-3 line two`

// denier answers every request with a denial, and counts them.
func denier(t *testing.T, w model.Wire, service string) (url string, attempts *atomic.Int32) {
	attempts = new(atomic.Int32)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		header, body := Denial(w, service, "AccessDeniedException", said, "g1-2-3")
		for name, values := range header {
			rw.Header()[name] = values
		}
		rw.WriteHeader(http.StatusForbidden)
		_, _ = rw.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, attempts
}

func TestDenialGo(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		service string
		wire    model.Wire
		call    func(aws.Config) error
	}{
		{"dynamodb", model.JSON10, func(c aws.Config) error {
			_, err := dynamodb.NewFromConfig(c).ListTables(ctx, &dynamodb.ListTablesInput{})
			return err
		}},
		{"lambda", model.RESTJSON, func(c aws.Config) error {
			_, err := lambda.NewFromConfig(c).ListFunctions(ctx, &lambda.ListFunctionsInput{})
			return err
		}},
		{"cloudwatch", model.CBOR, func(c aws.Config) error {
			_, err := cloudwatch.NewFromConfig(c).ListMetrics(ctx, &cloudwatch.ListMetricsInput{})
			return err
		}},
		{"iam", model.Query, func(c aws.Config) error {
			_, err := iam.NewFromConfig(c).ListUsers(ctx, &iam.ListUsersInput{})
			return err
		}},
		{"sts", model.Query, func(c aws.Config) error {
			_, err := sts.NewFromConfig(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
			return err
		}},
		{"ec2", model.EC2, func(c aws.Config) error {
			_, err := ec2.NewFromConfig(c).DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
			return err
		}},
		{"s3", model.RESTXML, func(c aws.Config) error {
			client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
			_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String("b"), Key: aws.String("k")})
			return err
		}},
	} {
		t.Run(c.service, func(t *testing.T) {
			url, attempts := denier(t, c.wire, c.service)
			err := c.call(aws.Config{Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", "")})
			require.Error(t, err)
			require.Equal(t, 1, strings.Count(err.Error(), heard), err.Error())
			require.Contains(t, err.Error(), "AccessDeniedException")
			require.Contains(t, err.Error(), "g1-2-3")
			require.EqualValues(t, 1, attempts.Load())
		})
	}
}

// quiet is an environment in which AWS's Python clients find nothing of this
// machine's.
func quiet(t *testing.T) []string {
	dir := t.TempDir()
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "AWS_CONFIG_FILE=" + filepath.Join(dir, "config"), "AWS_SHARED_CREDENTIALS_FILE=" + filepath.Join(dir, "credentials"),
		"AWS_ACCESS_KEY_ID=AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY=secret", "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
		"PYTHONIOENCODING=utf-8", "LC_ALL=C.UTF-8"}
}

func TestDenialCLI(t *testing.T) {
	for _, c := range []struct {
		service string
		wire    model.Wire
		command string
	}{
		{"dynamodb", model.JSON10, "dynamodb list-tables"},
		{"lambda", model.RESTJSON, "lambda list-functions"},
		{"iam", model.Query, "iam list-users"},
		{"ec2", model.EC2, "ec2 describe-instances"},
		{"s3", model.RESTXML, "s3 ls s3://bucket"},
		{"route53", model.RESTXML, "route53 list-hosted-zones"},
	} {
		t.Run(c.service, func(t *testing.T) {
			t.Parallel()
			url, attempts := denier(t, c.wire, c.service)
			cmd := exec.Command("/usr/bin/aws", append(strings.Fields(c.command), "--endpoint-url", url)...)
			cmd.Env = quiet(t)
			out, err := cmd.CombinedOutput()
			require.Error(t, err)
			require.Equal(t, 1, strings.Count(string(out), heard), string(out))
			require.Contains(t, string(out), "(AccessDeniedException)")
			require.EqualValues(t, 1, attempts.Load())
		})
	}
}

// denied calls one operation for each argument "service operation url" and
// prints what the error says.
const denied = `
import sys, boto3, botocore.exceptions
for arg in sys.argv[1:]:
    service, operation, url = arg.split()
    try:
        getattr(boto3.client(service, endpoint_url=url), operation)()
        print("no error")
    except botocore.exceptions.ClientError as e:
        assert e.response["ResponseMetadata"]["HTTPStatusCode"] == 403
        assert e.response["ResponseMetadata"]["RetryAttempts"] == 0
        print(e.response["Error"]["Code"], e.response["Error"]["Message"], sep="|")
`

func TestDenialBoto3(t *testing.T) {
	var args []string
	var all []*atomic.Int32
	for _, c := range []struct {
		service, operation string
		wire               model.Wire
	}{
		{"dynamodb", "list_tables", model.JSON10},
		{"ssm", "describe_parameters", model.JSON11},
		{"lambda", "list_functions", model.RESTJSON},
		{"cloudwatch", "list_metrics", model.Query},
		{"ec2", "describe_instances", model.EC2},
		{"s3", "list_buckets", model.RESTXML},
		{"cloudfront", "list_distributions", model.RESTXML},
	} {
		url, attempts := denier(t, c.wire, c.service)
		args, all = append(args, c.service+" "+c.operation+" "+url), append(all, attempts)
	}
	cmd := exec.Command("/usr/bin/python3", append([]string{"-c", denied}, args...)...)
	cmd.Env = quiet(t)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Equal(t, strings.Repeat("AccessDeniedException|"+heard+"\n", len(args)), string(out))
	for i, n := range all {
		require.EqualValues(t, 1, n.Load(), args[i])
	}
}

func TestDenialIsBounded(t *testing.T) {
	for _, w := range []model.Wire{model.JSON10, model.JSON11, model.Query, model.EC2, model.RESTJSON, model.RESTXML, model.CBOR} {
		for _, service := range []string{"s3", "dynamodb", "other"} {
			for _, nasty := range []string{strings.Repeat("\x00é<", 1<<16), "", "\xff\xff", "</Message>\r\nX-Injected: 1"} {
				header, body := Denial(w, service, nasty, nasty, nasty)
				require.Less(t, len(body), 64<<10)
				for name, values := range header {
					require.Len(t, values, 1)
					require.NotContains(t, values[0], "\n", name)
					require.NotContains(t, values[0], "\r", name)
				}
				got, r, err := responseLines(t, operation(nil, nil), w, 403, header, string(body))
				require.NoError(t, err)
				require.Zero(t, r.Unknown)
				require.NotEmpty(t, got)
			}
		}
	}
	_, r, err := lines(t, nil, func(f func(Leaf) error) (Report, error) {
		return Request(operation(nil, nil), model.JSON11, nil, nil, nil, nil, f)
	})
	require.NoError(t, err)
	require.Zero(t, r.Unknown)
}
