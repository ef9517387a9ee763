package aws_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func TestObjects(t *testing.T) {
	b := newBed(t, nil, nil)
	client := s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true })
	ctx := context.Background()
	content := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("a b/ü.bin"), Body: bytes.NewReader(content)})
	require.NoError(t, err)
	require.Equal(t, content, b.cloud.object("/shop/a b/ü.bin"))
	op := b.operation("s3:PutObject")
	require.Equal(t, []string{"arn arn:aws:s3:::shop/a b/ü.bin"}, names(op))
	require.Equal(t, protocol.Write, op.Effects)
	require.Equal(t, protocol.OK, op.Outcome.Result)

	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("a b/ü.bin")})
	require.NoError(t, err)
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, content, body)
	require.NoError(t, got.Body.Close())

	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("none")})
	require.ErrorContains(t, err, "NoSuchKey")
	require.NotContains(t, b.Record.String(), realSecret)
}

func TestItems(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.always("application/x-amz-json-1.0", `{"Item":{"id":{"S":"1"},"name":{"S":"Ada"}}}`)
	client := dynamodb.NewFromConfig(b.config())
	out, err := client.GetItem(context.Background(), &dynamodb.GetItemInput{TableName: sdk.String("orders"), Key: nil})
	_ = out
	require.Error(t, err, "the SDK checks by itself")
	_, err = client.DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: sdk.String("orders")})
	require.NoError(t, err)
	op := b.operation("dynamodb:DescribeTable")
	require.Equal(t, []string{"arn arn:aws:dynamodb:eu-west-1:123456789012:table/orders"}, names(op))
	require.Equal(t, "orders", params(op).Get("TableName"))
	require.True(t, strings.Contains(string(op.Output), "Ada"), string(op.Output))
	require.Equal(t, http.MethodPost, b.cloud.requests()[0].method)
}
