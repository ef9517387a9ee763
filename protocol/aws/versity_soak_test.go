//go:build soak

package aws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// versity is a store that checks signatures by code that is not ours.
const versity = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// startVersity builds the store, which takes minutes the first time, and runs
// it on loopback.
func startVersity(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	require.NoError(t, err)
	bin := filepath.Join(cache, "sallyport", "versitygw-v1.8.0")
	program := filepath.Join(bin, "versitygw")
	if _, err := os.Stat(program); err != nil {
		build := exec.Command("go", "install", versity)
		build.Env = append(os.Environ(), "GOBIN="+bin, "GOFLAGS=")
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	cmd := exec.Command(program, "--access", realKey, "--secret", realSecret, "--port", addr, "--region", "eu-west-1", "--quiet", "posix", t.TempDir())
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
	return addr
}

// TestVersity uses a store for real, through the gateway, by two clients.
func TestVersity(t *testing.T) {
	addr := startVersity(t)
	b := newBedBefore(t, protocol.Target{Name: "cloud", Address: addr, TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}, nil, nil)
	ctx := context.Background()
	client := s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true })
	bucket := sdk.String("shop")
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: "eu-west-1"}})
	require.NoError(t, err)

	keys := []string{"plain", "a b+c/ü(1)!*';:@&=$,?#[]~x", "dir/sub/file.txt", "per%cent", "semi;colon"}
	for i, key := range keys {
		content := bytes.Repeat([]byte{byte('a' + i)}, 100_000*i+1)
		_, err := client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: &key, Body: bytes.NewReader(content)})
		require.NoError(t, err, key)
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: &key, Range: sdk.String("bytes=0-0")})
		require.NoError(t, err, key)
		one, err := io.ReadAll(got.Body)
		require.NoError(t, err)
		require.Equal(t, content[:1], one, key)
	}
	listed, err := client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	require.NoError(t, err)
	require.Len(t, listed.Contents, len(keys))

	// Several parts, the last one short.
	upload, err := client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: bucket, Key: sdk.String("parts")})
	require.NoError(t, err)
	whole := sha256.New()
	var parts []types.CompletedPart
	for i := range int32(3) {
		piece := bytes.Repeat([]byte{byte(i)}, 6<<20)
		if i == 2 {
			piece = piece[:777]
		}
		whole.Write(piece)
		n := i + 1
		part, err := client.UploadPart(ctx, &s3.UploadPartInput{Bucket: bucket, Key: sdk.String("parts"), UploadId: upload.UploadId, PartNumber: &n, Body: bytes.NewReader(piece)})
		require.NoError(t, err)
		parts = append(parts, types.CompletedPart{ETag: part.ETag, PartNumber: &n, ChecksumCRC32: part.ChecksumCRC32})
	}
	_, err = client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: bucket, Key: sdk.String("parts"), UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}})
	require.NoError(t, err)
	_, err = client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: sdk.String("copy"), CopySource: sdk.String("shop/parts")})
	require.NoError(t, err)

	// Presigned, by a client that knows nothing of AWS.
	link, err := s3.NewPresignClient(client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: sdk.String("copy")})
	require.NoError(t, err)
	resp, err := http.Get(link.URL)
	require.NoError(t, err)
	digest := sha256.New()
	_, err = io.Copy(digest, resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	require.Equal(t, whole.Sum(nil), digest.Sum(nil))

	// Signed chunks, with and without trailers, are signed anew chunk by chunk.
	host := b.Addr()
	for _, trailers := range []bool{false, true} {
		transport := &http.Transport{}
		m, err := minio.New(host, &minio.Options{
			Creds: credentials.NewStaticV4(b.creds.AccessKeyID, b.creds.SecretAccessKey, b.creds.SessionToken), Region: "eu-west-1",
			TrailingHeaders: trailers, BucketLookup: minio.BucketLookupPath, Transport: transport,
		})
		require.NoError(t, err)
		content := bytes.Repeat([]byte("0123456789"), 300_000)
		name := fmt.Sprintf("chunks-%t", trailers)
		_, err = m.PutObject(ctx, *bucket, name, bytes.NewReader(content), int64(len(content)), minio.PutObjectOptions{})
		require.NoError(t, err, name)
		object, err := m.GetObject(ctx, *bucket, name, minio.GetObjectOptions{})
		require.NoError(t, err)
		got, err := io.ReadAll(object)
		require.NoError(t, err, name)
		require.Equal(t, content, got, name)
		require.NoError(t, object.Close())
		transport.CloseIdleConnections()
	}
	gone := []types.ObjectIdentifier{}
	for _, key := range append(keys, "parts", "copy", "chunks-false", "chunks-true") {
		gone = append(gone, types.ObjectIdentifier{Key: &key})
	}
	_, err = client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: gone}})
	require.NoError(t, err)
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	require.NoError(t, err)
	require.Len(t, b.operation("s3:DeleteObjects").Objects, len(gone))
}
