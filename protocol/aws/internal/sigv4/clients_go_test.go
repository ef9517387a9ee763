package sigv4_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awssigner "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	dynamotypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/minio/minio-go/v7"
	miniocredentials "github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

func (g *relay) aws() aws.Config {
	return aws.Config{Region: "eu-west-1", BaseEndpoint: aws.String(g.front.URL), HTTPClient: g.front.Client(), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(clientKey, clientSecret, clientToken)}
}

func (g *relay) s3() *s3.Client {
	return s3.NewFromConfig(g.aws(), func(o *s3.Options) { o.UsePathStyle = true })
}

func TestGoS3(t *testing.T) {
	for name, tls := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRelay(t, tls)
			ctx, client, bucket := t.Context(), g.s3(), aws.String("bucket")
			for _, key := range oddKeys {
				_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: strings.NewReader("x"),
					Metadata: map[string]string{"Spaces": "inner   spaces", "empty": ""}, ContentType: aws.String("text/plain")})
				require.NoError(t, err)
				_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key, Range: aws.String("bytes=0-3"),
					ResponseContentDisposition: aws.String(`attachment; filename="a b+c;d.txt"`)})
				require.NoError(t, err)
			}
			calls := g.done()
			requireKeys(t, calls, "PUT", oddKeys)
			requireKeys(t, calls, "GET", oddKeys)
			assert.Equal(t, "inner   spaces", calls[0].header.Get("X-Amz-Meta-Spaces"))

			big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("big"), Body: bytes.NewReader(big),
				ChecksumAlgorithm: types.ChecksumAlgorithmCrc32c})
			require.NoError(t, err)
			if tls {
				// No seeking and no length: only chunks with trailers can do that.
				_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("stream"), ContentLength: aws.Int64(int64(len(big))),
					Body: io.LimitReader(bytes.NewReader(big), int64(len(big)))})
				require.NoError(t, err)
				_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("unsigned"), Body: bytes.NewReader(big)},
					s3.WithAPIOptions(awssigner.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
				require.NoError(t, err)
			}
			_, err = client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: aws.String("big")})
			require.NoError(t, err)
			_, err = client.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: aws.String("big"), UploadId: aws.String("u1"),
				PartNumber: aws.Int32(1), Body: bytes.NewReader(big)})
			require.NoError(t, err)
			_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: aws.String("big"), UploadId: aws.String("u1"),
				MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: aws.String("x"), PartNumber: aws.Int32(1)}}}})
			require.NoError(t, err)
			_, err = client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("a b+c&d=/ü"), Delimiter: aws.String("/")})
			require.NoError(t, err)
			_, err = client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String("bucket/a%20b")})
			require.NoError(t, err)
			calls = g.done()
			for _, c := range calls {
				if c.method == "PUT" && !strings.HasSuffix(c.key, "copy") {
					assert.Equal(t, big, c.body, c.key)
				}
			}
			if tls {
				assert.Contains(t, payloads(calls), sigv4.StreamingUnsignedTrailer)
				assert.Contains(t, payloads(calls), sigv4.Unsigned)
			}
			assert.Contains(t, payloads(calls), sigv4.Hashed)
		})
	}
}

func TestGoPresigned(t *testing.T) {
	g := newRelay(t, false)
	signer := s3.NewPresignClient(g.s3())
	send := func(method, url string, header http.Header, body string) {
		r, err := http.NewRequest(method, url, strings.NewReader(body))
		require.NoError(t, err)
		for k, v := range header {
			if k != "Host" {
				r.Header[k] = v
			}
		}
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode, g.problem)
	}
	for _, key := range oddKeys {
		get, err := signer.PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: aws.String("bucket"), Key: &key, VersionId: aws.String("v+1 /")})
		require.NoError(t, err)
		send(get.Method, get.URL, get.SignedHeader, "")
	}
	put, err := signer.PresignPutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("bucket"), Key: aws.String("k"), ACL: "private",
		ContentType: aws.String("text/plain"), Metadata: map[string]string{"a": "b"}, RequestPayer: "requester"}, s3.WithPresignExpires(time.Minute))
	require.NoError(t, err)
	send(put.Method, put.URL, put.SignedHeader, "hello")
	calls := g.done()
	requireKeys(t, calls, "GET", oddKeys)
	last := calls[len(calls)-1]
	assert.True(t, last.claim.Presigned)
	assert.Equal(t, "hello", string(last.body))
	assert.Equal(t, "private", last.header.Get("X-Amz-Acl"))
	assert.Equal(t, "requester", last.header.Get("X-Amz-Request-Payer"), "what was hoisted to the query is a header again")
	assert.NotContains(t, strings.ToLower(last.uri), "x-amz-")

	id, err := sts.NewPresignClient(sts.NewFromConfig(g.aws())).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	require.NoError(t, err)
	send(id.Method, id.URL, id.SignedHeader, "")
	assert.Equal(t, []sigv4.Payload{sigv4.Undeclared}, payloads(g.done()))
}

func TestGoOtherServices(t *testing.T) {
	g := newRelay(t, true)
	ctx := t.Context()
	_, err := dynamodb.NewFromConfig(g.aws()).PutItem(ctx, &dynamodb.PutItemInput{TableName: aws.String("t"),
		Item: map[string]dynamotypes.AttributeValue{"id": &dynamotypes.AttributeValueMemberS{Value: "ü"}}})
	require.NoError(t, err)
	_, err = cloudwatch.NewFromConfig(g.aws()).ListMetrics(ctx, &cloudwatch.ListMetricsInput{Namespace: aws.String("a b")})
	require.NoError(t, err)
	_, err = iam.NewFromConfig(g.aws()).ListUsers(ctx, &iam.ListUsersInput{PathPrefix: aws.String("/a+b c/")})
	require.NoError(t, err)
	for _, name := range []string{"arn:aws:lambda:eu-west-1:123456789012:function:f", "f:1"} {
		_, err = lambda.NewFromConfig(g.aws()).GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: &name, Qualifier: aws.String("a*+b")})
		require.NoError(t, err)
	}
	_, err = lambda.NewFromConfig(g.aws()).ListTags(ctx, &lambda.ListTagsInput{Resource: aws.String("arn:aws:lambda:eu-west-1:1:function:a/b")})
	require.NoError(t, err)
	calls := g.done()
	require.Len(t, calls, 6)
	assert.Equal(t, "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Aa%2Fb", calls[5].uri)
}

func TestMinio(t *testing.T) {
	g := newRelay(t, false)
	for _, trailing := range []bool{false, true} {
		client, err := minio.New(strings.TrimPrefix(g.front.URL, "http://"), &minio.Options{Region: "eu-west-1", TrailingHeaders: trailing,
			Creds: miniocredentials.NewStaticV4(clientKey, clientSecret, clientToken), MaxRetries: 1})
		require.NoError(t, err)
		for _, size := range []int{0, 1, 65536, 200_000} {
			data := bytes.Repeat([]byte{'m'}, size)
			options := minio.PutObjectOptions{UserMetadata: map[string]string{"x": "a  b"}}
			if trailing {
				options.Checksum = minio.ChecksumCRC32C
			}
			_, err = client.PutObject(context.Background(), "bucket", "a b+c(ü)", bytes.NewReader(data), int64(size), options)
			require.NoError(t, err)
			calls := g.done()
			assert.Equal(t, data, append([]byte{}, calls[0].body...))
			if size > 0 {
				want := sigv4.StreamingSigned
				if trailing {
					want = sigv4.StreamingSignedTrailer
				}
				assert.Equal(t, want, calls[0].claim.Payload, size)
			}
		}
		// A stream without a length goes up in parts.
		_, err = client.PutObject(context.Background(), "bucket", "parts", io.LimitReader(zeros{}, 6<<20), -1, minio.PutObjectOptions{PartSize: 5 << 20})
		require.NoError(t, err)
		url, err := client.PresignedGetObject(context.Background(), "bucket", "a b+c(ü)", time.Minute, nil)
		require.NoError(t, err)
		resp, err := http.Get(url.String())
		require.NoError(t, err)
		_ = resp.Body.Close()
		require.Equal(t, 200, resp.StatusCode)
		calls := g.done()
		assert.Len(t, calls, 5)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
