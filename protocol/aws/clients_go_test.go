package aws_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// goCalls are calls of the Go SDK, one on each wire, by their verbs.
func goCalls(c sdk.Config) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"dynamodb:ListTables": func(ctx context.Context) error { // JSON
			_, err := dynamodb.NewFromConfig(c).ListTables(ctx, nil)
			return err
		},
		"cloudwatch:ListMetrics": func(ctx context.Context) error { // CBOR
			_, err := cloudwatch.NewFromConfig(c).ListMetrics(ctx, nil)
			return err
		},
		"lambda:ListFunctions": func(ctx context.Context) error { // REST and JSON
			_, err := lambda.NewFromConfig(c).ListFunctions(ctx, nil)
			return err
		},
		"iam:ListUsers": func(ctx context.Context) error { // query
			_, err := iam.NewFromConfig(c).ListUsers(ctx, nil)
			return err
		},
		"ec2:DescribeInstances": func(ctx context.Context) error {
			_, err := ec2.NewFromConfig(c).DescribeInstances(ctx, nil)
			return err
		},
		"s3:PutObject": func(ctx context.Context) error { // REST and XML
			_, err := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }).
				PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k"), Body: strings.NewReader("content")})
			return err
		},
	}
}

func TestGoCalls(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, exceptStranger)
	b.cloud.amazon()
	for verb, call := range goCalls(b.config()) {
		require.NoError(t, call(t.Context()), verb)
		assert.Equal(t, protocol.OK, b.operation(verb).Outcome.Result)
	}
	reached := len(b.cloud.requests())
	b.creds = b.signIn("stranger")
	for verb, call := range goCalls(b.config()) {
		err := call(t.Context())
		require.Error(t, err, verb)
		assert.Equal(t, 1, strings.Count(err.Error(), deniedWords), err.Error())
		var refused smithy.APIError
		require.ErrorAs(t, err, &refused, verb)
		assert.Contains(t, refused.ErrorCode(), "AccessDenied")
		var status *smithyhttp.ResponseError
		require.True(t, errors.As(err, &status))
		assert.Equal(t, http.StatusForbidden, status.HTTPStatusCode(), verb)
		assert.Equal(t, 2, verbs(b.Gateway)[verb], "allowed once, and denied in one attempt")
	}
	assert.Len(t, b.cloud.requests(), reached)
}

// Calls on every wire wait for a person.
func TestGoWaits(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("people")
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "ask", Verdict: protocol.Ask}}, people)
	})
	b.cloud.amazon()
	calls := goCalls(b.config())
	for range calls {
		people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
			time.Sleep(50 * time.Millisecond)
			return approve.Answer{Digest: q.Digest, Approved: true, By: "Ada"}, nil
		})
	}
	for verb, call := range calls {
		require.NoError(t, call(t.Context()), verb)
		b.operation(verb)
	}
	assert.Len(t, people.Asked(), len(calls))
	people.Deny("not today")
	err := calls["dynamodb:ListTables"](t.Context())
	require.ErrorContains(t, err, "not today")
	assert.Len(t, people.Asked(), len(calls)+1)
}
