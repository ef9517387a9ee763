package aws_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func TestUploads(t *testing.T) {
	b := newBed(t, nil, nil)
	ctx := context.Background()
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	put := func(name, payload string, want []byte, send func(key string) error) {
		t.Run(name, func(t *testing.T) {
			key := strings.ReplaceAll(name, " ", "-")
			require.NoError(t, send(key))
			got := b.cloud.object("/shop/" + key)
			require.True(t, bytes.Equal(want, got), "%d bytes, not %d", len(got), len(want))
			seen := b.cloud.requests()
			if payload != "" {
				require.Equal(t, payload, seen[len(seen)-1].header.Get("X-Amz-Content-Sha256"))
			}
			op := b.Record.Operation(t, key)
			require.Equal(t, protocol.OK, op.Outcome.Result)
			require.Equal(t, []string{"arn arn:aws:s3:::shop/" + key}, names(op))
			require.Empty(t, op.Input, "no content in the record")
		})
	}
	raw := func(hash string, body []byte, header ...string) func(string) error {
		return func(key string) error {
			resp, text := b.do(b.signed("PUT", "/shop/"+key, "s3", body, hash, header...))
			if resp.StatusCode != 200 {
				return fmt.Errorf("%d %s", resp.StatusCode, text)
			}
			return nil
		}
	}
	put("hashed", hexOf(content), content, raw("", content))
	put("unsigned", "UNSIGNED-PAYLOAD", content, raw("UNSIGNED-PAYLOAD", content))
	put("expecting", hexOf(content), content, raw("", content, "Expect", "100-continue"))
	put("nothing", emptyHash, nil, raw("", nil))
	put("one byte", "", []byte("x"), raw("", []byte("x")))
	put("sdk", "", content, func(key string) error {
		_, err := b.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: &key, Body: bytes.NewReader(content)})
		return err
	})
	put("unsigned trailer", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", content, func(key string) error {
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(content))
		body := fmt.Appendf(nil, "%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n", len(content), content, base64.StdEncoding.EncodeToString(sum))
		return raw("STREAMING-UNSIGNED-PAYLOAD-TRAILER", body, "X-Amz-Trailer", "x-amz-checksum-crc32", "Content-Encoding", "aws-chunked",
			"X-Amz-Decoded-Content-Length", fmt.Sprint(len(content)))(key)
	})
	put("sdk empty", "", nil, func(key string) error {
		_, err := b.s3().PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: &key})
		return err
	})
	put("chunks", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", content, func(key string) error {
		_, err := b.minio(false).PutObject(ctx, "shop", key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{DisableMultipart: true})
		return err
	})
	put("chunks with trailers", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", content, func(key string) error {
		_, err := b.minio(true).PutObject(ctx, "shop", key, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{DisableMultipart: true, Checksum: minio.ChecksumCRC32C})
		return err
	})
	put("no length", "UNSIGNED-PAYLOAD", content, func(key string) error {
		r := b.signed("PUT", "/shop/"+key, "s3", nil, "UNSIGNED-PAYLOAD")
		r.Header.Del("Content-Length")
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(bytes.NewReader(content)), -1, nil
		resp, text := b.do(r)
		if resp.StatusCode != 200 {
			return fmt.Errorf("%d %s", resp.StatusCode, text)
		}
		return nil
	})
	require.NotContains(t, b.Record.String(), realSecret)
}

func TestWrongBodies(t *testing.T) {
	b := newBed(t, nil, nil)
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	for name, tt := range map[string]struct {
		r        func() *http.Request
		status   int
		code     string
		reaching bool // something of it reaches the target
	}{
		"wrong hash": {func() *http.Request {
			return b.signed("PUT", "/shop/bad", "s3", content, hexOf([]byte("other")))
		}, 400, "XAmzContentSHA256Mismatch", true},
		"wrong hash, little": {func() *http.Request {
			return b.signed("PUT", "/shop/bad", "s3", []byte("little"), hexOf([]byte("other")))
		}, 400, "XAmzContentSHA256Mismatch", true},
		"a hash of something, and no body": {func() *http.Request {
			return b.signed("PUT", "/shop/bad", "s3", nil, hexOf([]byte("other")))
		}, 400, "XAmzContentSHA256Mismatch", false},
		"chunks announced, and no body": {func() *http.Request {
			return b.signed("PUT", "/shop/bad", "s3", nil, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length", "0", "Content-Encoding", "aws-chunked")
		}, 400, "IncompleteBody", false},
		"chunks that are none": {func() *http.Request {
			return b.signed("PUT", "/shop/bad", "s3", content, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "X-Amz-Decoded-Content-Length", "5", "Content-Encoding", "aws-chunked")
		}, 400, "InvalidRequest", true},
		"wrong chunk signature": {func() *http.Request {
			body := fmt.Appendf(nil, "5;chunk-signature=%064x\r\nhello\r\n0;chunk-signature=%064x\r\n\r\n", 1, 2)
			return b.signed("PUT", "/shop/bad", "s3", body, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "X-Amz-Decoded-Content-Length", "5", "Content-Encoding", "aws-chunked")
		}, 403, "SignatureDoesNotMatch", true},
		"a small call's body is another": {func() *http.Request {
			r := b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DeleteTable", "Content-Type", "application/x-amz-json-1.0")
			r.Body = io.NopCloser(strings.NewReader(`{"TableName":"ORDERS"}`))
			return r
		}, 400, "InvalidSignatureException", false},
	} {
		t.Run(name, func(t *testing.T) {
			before, ops := len(b.cloud.requests()), len(b.Record.Operations())
			resp, text := b.do(tt.r())
			assert.Equal(t, tt.status, resp.StatusCode, text)
			assert.Contains(t, text, tt.code)
			assert.Nil(t, b.cloud.object("/shop/bad"))
			assert.Len(t, b.cloud.requests(), before, "the target has no whole request")
			list := b.Record.Operations()
			require.Len(t, list, ops+1)
			require.NotNil(t, list[ops].Outcome)
			if tt.reaching {
				assert.Equal(t, protocol.Aborted, list[ops].Outcome.Result)
			} else {
				assert.Equal(t, protocol.Refused, list[ops].Outcome.Result)
			}
		})
	}
}

func TestDownloads(t *testing.T) {
	b := newBed(t, nil, nil)
	ctx, client := context.Background(), b.s3()
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	b.cloud.keep("/shop/big", content)
	b.cloud.keep("/shop/empty", []byte{})

	got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("big"), Range: sdk.String("bytes=10-29")})
	require.NoError(t, err)
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	require.Equal(t, content[10:30], body)
	require.Equal(t, "206", b.operation("s3:GetObject").Outcome.Code)

	head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("big")})
	require.NoError(t, err)
	require.EqualValues(t, len(content), *head.ContentLength)

	empty, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("empty")})
	require.NoError(t, err)
	body, err = io.ReadAll(empty.Body)
	require.NoError(t, err)
	require.Empty(t, body)

	_, err = client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("big")})
	require.NoError(t, err)
	require.Equal(t, protocol.OK, b.operation("s3:DeleteObject").Outcome.Result)
	_, err = client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("big")})
	require.ErrorContains(t, err, "404")
}

func TestMultipart(t *testing.T) {
	b := newBed(t, nil, nil)
	ctx, client := context.Background(), b.s3()
	b.cloud.say(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.Header().Set("Content-Type", "application/xml")
		if _, first := r.URL.Query()["uploads"]; first {
			_, _ = io.WriteString(w, `<InitiateMultipartUploadResult><Bucket>shop</Bucket><Key>big</Key><UploadId>u1</UploadId></InitiateMultipartUploadResult>`)
		} else if r.Header.Get("If-None-Match") != "" {
			_, _ = io.WriteString(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n  \n<Error><Code>InternalError</Code><Message>We encountered an internal error.</Message></Error>")
		} else {
			_, _ = io.WriteString(w, `<CompleteMultipartUploadResult><Bucket>shop</Bucket><Key>big</Key><ETag>"0123-2"</ETag></CompleteMultipartUploadResult>`)
		}
		return true
	})
	up, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: sdk.String("shop"), Key: sdk.String("big")})
	require.NoError(t, err)
	part, err := client.UploadPart(ctx, &s3.UploadPartInput{Bucket: sdk.String("shop"), Key: sdk.String("big"), UploadId: up.UploadId, PartNumber: sdk.Int32(1), Body: strings.NewReader("part one")})
	require.NoError(t, err)
	complete := &s3.CompleteMultipartUploadInput{Bucket: sdk.String("shop"), Key: sdk.String("big"), UploadId: up.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{{ETag: part.ETag, PartNumber: sdk.Int32(1)}}}}
	done, err := client.CompleteMultipartUpload(ctx, complete)
	require.NoError(t, err)
	require.Equal(t, `"0123-2"`, *done.ETag)
	require.Equal(t, "part one", string(b.cloud.object("/shop/big")))
	require.Equal(t, []string{"arn arn:aws:s3:::shop/big"}, names(b.operation("s3:UploadPart")))
	require.Equal(t, protocol.OK, b.operation("s3:CompleteMultipartUpload").Outcome.Result)

	complete.IfNoneMatch = sdk.String("*")
	_, err = client.CompleteMultipartUpload(ctx, complete, func(o *s3.Options) { o.RetryMaxAttempts = 1 })
	require.ErrorContains(t, err, "InternalError")
	ops := b.Record.Operations()
	last := ops[len(ops)-1]
	require.Equal(t, protocol.Failed, last.Outcome.Result, "S3 says 200 before it knows")
	require.Equal(t, "200 InternalError", last.Outcome.Code)
}

func TestPresigned(t *testing.T) {
	b := newBed(t, nil, nil)
	ctx := context.Background()
	b.cloud.keep("/shop/a b", []byte("content"))
	presigner := s3.NewPresignClient(b.s3())
	get, err := presigner.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("a b")})
	require.NoError(t, err)
	ask := func(method, url, body string) (*http.Response, string) {
		r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		require.NoError(t, err)
		return b.do(r)
	}
	for range 2 {
		resp, text := ask("GET", get.URL, "")
		require.Equal(t, 200, resp.StatusCode, text)
		require.Equal(t, "content", text)
	}
	put, err := presigner.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("new")})
	require.NoError(t, err)
	resp, text := ask("PUT", put.URL, "fresh")
	require.Equal(t, 200, resp.StatusCode, text)
	require.Equal(t, "fresh", string(b.cloud.object("/shop/new")))
	resp, text = ask("PUT", put.URL, "again")
	require.Equal(t, 400, resp.StatusCode, text)
	require.Contains(t, text, "signature was used")
	require.Equal(t, "fresh", string(b.cloud.object("/shop/new")))
	old, err := http.NewRequestWithContext(ctx, "GET", b.url()+"/shop/a%20b?X-Amz-Expires=60", nil)
	require.NoError(t, err)
	creds := sdk.Credentials{AccessKeyID: b.creds.AccessKeyID, SecretAccessKey: b.creds.SecretAccessKey, SessionToken: b.creds.SessionToken}
	ended, _, err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }).
		PresignHTTP(ctx, creds, old, "UNSIGNED-PAYLOAD", "s3", "eu-west-1", time.Now().Add(-61*time.Second))
	require.NoError(t, err)
	resp, text = ask("GET", ended, "")
	require.Equal(t, 403, resp.StatusCode)
	require.Contains(t, text, "expired")
	require.NotContains(t, b.Record.String(), "X-Amz-Signature")
}

// Keys that clients send along to encrypt with are in no record.
func TestCustomersKeys(t *testing.T) {
	b := newBed(t, nil, nil)
	const key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	b.do(b.signed("PUT", "/shop/key", "s3", []byte("x"), "", "X-Amz-Server-Side-Encryption-Customer-Key", key, "X-Amz-Server-Side-Encryption-Customer-Algorithm", "AES256",
		"X-Amz-Copy-Source-Server-Side-Encryption-Customer-Key", key)) // this one does not belong there
	require.Len(t, b.cloud.requests(), 1)
	require.Equal(t, key, b.cloud.requests()[0].header.Get("X-Amz-Server-Side-Encryption-Customer-Key"))
	b.noSecrets(t, key)
}
