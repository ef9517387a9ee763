package wire

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// TestMaskedGo has clients in Go read answers in which one value was masked.
func TestMaskedGo(t *testing.T) {
	ctx := context.Background()
	for _, c := range []struct {
		service, op, path, body string
		wire                    model.Wire
		call                    func(aws.Config) (got []string, err error)
	}{
		{"dynamodb", "GetItem", `Item["ssn"].S`, `{"Item":{"name":{"S":"Ann"},"ssn":{"S":"078-05-1120"},"n":{"N":"1.50"},"b":{"B":"AAE="}}}`, model.JSON10,
			func(c aws.Config) ([]string, error) {
				out, err := dynamodb.NewFromConfig(c).GetItem(ctx, &dynamodb.GetItemInput{TableName: aws.String("t"), Key: map[string]types.AttributeValue{"k": &types.AttributeValueMemberS{Value: "v"}}})
				if err != nil {
					return nil, err
				}
				return []string{out.Item["name"].(*types.AttributeValueMemberS).Value, out.Item["ssn"].(*types.AttributeValueMemberS).Value, out.Item["n"].(*types.AttributeValueMemberN).Value}, nil
			}},
		{"lambda", "GetFunctionConfiguration", `Environment.Variables["KEY"]`, `{"FunctionName":"Ann","Environment":{"Variables":{"KEY":"secret"}},"Timeout":3,"MemorySize":128,"LastModified":"1.50"}`, model.RESTJSON,
			func(c aws.Config) ([]string, error) {
				out, err := lambda.NewFromConfig(c).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: aws.String("f")})
				if err != nil {
					return nil, err
				}
				return []string{*out.FunctionName, out.Environment.Variables["KEY"], *out.LastModified}, nil
			}},
		{"cloudwatch", "ListMetrics", "Metrics[0].Namespace", "\xa2\x67Metrics\x81\xa2\x6aMetricName\x63Ann\x69Namespace\x66secret\x69NextToken\x641.50", model.CBOR,
			func(c aws.Config) ([]string, error) {
				out, err := cloudwatch.NewFromConfig(c).ListMetrics(ctx, &cloudwatch.ListMetricsInput{})
				if err != nil {
					return nil, err
				}
				return []string{*out.Metrics[0].MetricName, *out.Metrics[0].Namespace, *out.NextToken}, nil
			}},
		{"iam", "ListUsers", "Users[0].Path", `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><IsTruncated>false</IsTruncated><Users><member><UserName>Ann</UserName><Path>/secret/</Path><CreateDate>2020-01-02T03:04:05Z</CreateDate><UserId>1.50</UserId></member></Users></ListUsersResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ListUsersResponse>`, model.Query,
			func(c aws.Config) ([]string, error) {
				out, err := iam.NewFromConfig(c).ListUsers(ctx, &iam.ListUsersInput{})
				if err != nil {
					return nil, err
				}
				require.Equal(t, 2020, out.Users[0].CreateDate.Year())
				return []string{*out.Users[0].UserName, *out.Users[0].Path, *out.Users[0].UserId}, nil
			}},
		{"ec2", "DescribeInstances", "Reservations[0].Instances[0].KeyName", `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><reservationSet><item><ownerId>1.50</ownerId><instancesSet><item><instanceId>Ann</instanceId><keyName>secret</keyName><ebsOptimized>true</ebsOptimized></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`, model.EC2,
			func(c aws.Config) ([]string, error) {
				out, err := ec2.NewFromConfig(c).DescribeInstances(ctx, &ec2.DescribeInstancesInput{})
				if err != nil {
					return nil, err
				}
				return []string{*out.Reservations[0].Instances[0].InstanceId, *out.Reservations[0].Instances[0].KeyName, *out.Reservations[0].OwnerId}, nil
			}},
		{"s3", "ListObjectsV2", "Contents[1].Key", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><KeyCount>2</KeyCount><Contents><Key>Ann</Key><Size>5</Size></Contents><Contents><Key>secret</Key><ETag>1.50</ETag></Contents></ListBucketResult>`, model.RESTXML,
			func(c aws.Config) ([]string, error) {
				client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
				out, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("b")})
				if err != nil {
					return nil, err
				}
				return []string{*out.Contents[0].Key, *out.Contents[1].Key, *out.Contents[1].ETag}, nil
			}},
	} {
		t.Run(c.service, func(t *testing.T) {
			op := sent{Service: c.service, Op: c.op}.operation(t)
			body := masked(t, []byte(c.body), func(l Leaf) (Edit, bool) { return l.Edit(mask), l.Path == c.path && !l.Key },
				func(f func(Leaf) error) (Report, error) {
					r, err := Response(op, c.wire, 200, nil, []byte(c.body), f)
					require.Zero(t, r.Unknown, r.UnknownPaths)
					return r, err
				})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if c.wire == model.CBOR {
					w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
					w.Header().Set("Content-Type", "application/cbor")
				}
				_, _ = w.Write(body)
			}))
			defer server.Close()
			got, err := c.call(aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", "")})
			require.NoError(t, err)
			require.Equal(t, []string{"Ann", mask, "1.50"}, got)
		})
	}
}
