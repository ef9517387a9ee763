package aws_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signed is a request by hand, signed by AWS's own code. A hash that is empty
// is the body's.
func (b *bed) signed(method, path, service string, body []byte, hash string, header ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, b.url()+path, bytes.NewReader(body))
	require.NoError(b.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	b.sign(r, service, hash, body)
	return r
}

func (b *bed) sign(r *http.Request, service, hash string, body []byte) {
	if hash == "" {
		sum := sha256.Sum256(body)
		hash = hex.EncodeToString(sum[:])
	}
	r.Header.Set("X-Amz-Content-Sha256", hash)
	creds := sdk.Credentials{AccessKeyID: b.creds.AccessKeyID, SecretAccessKey: b.creds.SecretAccessKey, SessionToken: b.creds.SessionToken}
	err := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).
		SignHTTP(context.Background(), creds, r, hash, service, "eu-west-1", time.Now().Add(-b.ago))
	require.NoError(b.t, err)
}

// do sends a request on a connection of its own.
func (b *bed) do(r *http.Request) (*http.Response, string) {
	b.t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, ExpectContinueTimeout: 10 * time.Second}
	resp, err := transport.RoundTrip(r)
	require.NoError(b.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(b.t, err)
	return resp, string(body)
}

func (b *bed) s3() *s3.Client {
	return s3.NewFromConfig(b.config(), func(o *s3.Options) { o.UsePathStyle = true })
}

// minio is a client that signs chunks.
func (b *bed) minio(trailers bool) *minio.Client {
	b.t.Helper()
	transport := &http.Transport{}
	b.t.Cleanup(transport.CloseIdleConnections)
	c, err := minio.New(b.Addr(), &minio.Options{
		Creds: credentials.NewStaticV4(b.creds.AccessKeyID, b.creds.SecretAccessKey, b.creds.SessionToken), Region: "eu-west-1", Transport: transport,
		BucketLookup: minio.BucketLookupPath, TrailingHeaders: trailers,
	})
	require.NoError(b.t, err)
	return c
}

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

func hexOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
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

// sizes are what the streams' tests send: more where time is no matter.
func streamSize() int64 {
	if os.Getenv("SALLYPORT_SOAK") != "" {
		return 5 << 30
	}
	return 64 << 20
}

// pattern is a body that costs nothing to make.
type pattern struct{ left, at int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	for i := range b[:n] {
		b[i] = byte(p.at + int64(i)*7)
	}
	p.left, p.at = p.left-int64(n), p.at+int64(n)
	return n, nil
}

// highest returns the most that was in use while run ran.
func highest(run func()) uint64 {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var high uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			high = max(high, m.HeapInuse)
			select {
			case <-stop:
				most <- high
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	run()
	close(stop)
	return <-most
}

func TestStreamsInFlatMemory(t *testing.T) {
	b := newBed(t, nil, nil)
	b.Record.Thin()
	size := streamSize()
	sums := make(chan string, 1)
	b.cloud.be(func(w http.ResponseWriter, r *http.Request) {
		digest := sha256.New()
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = io.Copy(io.MultiWriter(w, digest), &pattern{left: size})
		} else {
			_, _ = io.Copy(digest, r.Body)
		}
		sums <- hex.EncodeToString(digest.Sum(nil))
	})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	high := highest(func() {
		r := b.signed("PUT", "/shop/big", "s3", nil, "UNSIGNED-PAYLOAD")
		sent := sha256.New()
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(io.TeeReader(&pattern{left: size}, sent)), size, nil
		r.Header.Del("Content-Length")
		b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
		resp, text := b.do(r)
		require.Equal(t, 200, resp.StatusCode, text)
		require.Equal(t, hex.EncodeToString(sent.Sum(nil)), <-sums)

		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/big", "s3", nil, ""))
		require.NoError(t, err)
		defer resp.Body.Close()
		got := sha256.New()
		n, err := io.Copy(got, resp.Body)
		require.NoError(t, err)
		require.Equal(t, size, n)
		require.Equal(t, <-sums, hex.EncodeToString(got.Sum(nil)))
	})
	require.Less(t, high, before.HeapInuse+24<<20, "memory grew")
	text := b.Record.String()
	require.Contains(t, text, fmt.Sprintf("sent %d bytes, sha256 of the content ", size))
	require.Contains(t, text, fmt.Sprintf("received %d bytes, sha256 ", size))
}

func TestExpectContinueIsAskedOfTheTargetFirst(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.be(func(w http.ResponseWriter, _ *http.Request) { // reads nothing of the body
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>not you</Message></Error>`)
	})
	big := make([]byte, 8<<20)
	for name, header := range map[string][]string{"expecting": {"Expect", "100-continue"}, "sending at once": nil} {
		t.Run(name, func(t *testing.T) {
			before := b.Record.PayloadBytes()
			resp, text := b.do(b.signed("PUT", "/shop/"+strings.Fields(name)[0], "s3", big, "UNSIGNED-PAYLOAD", header...))
			require.Equal(t, 403, resp.StatusCode)
			require.Contains(t, text, "not you")
			op := b.Record.Operation(t, strings.Fields(name)[0])
			require.Equal(t, protocol.Failed, op.Outcome.Result)
			require.Equal(t, "403 AccessDenied", op.Outcome.Code)
			require.Less(t, b.Record.PayloadBytes()-before, int64(4<<10))
		})
	}
	require.Contains(t, b.Record.String(), "before it had the whole body")
}

func TestMostBytes(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "small", Verdict: protocol.Allow, MaxBytes: 1000}})
	})
	b.cloud.keep("/shop/large", make([]byte, 1001))
	b.cloud.keep("/shop/small", make([]byte, 1000))
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
	}{
		"get small": {b.signed("GET", "/shop/small", "s3", nil, ""), 200},
		"get large": {b.signed("GET", "/shop/large", "s3", nil, ""), 403},
		"put small": {b.signed("PUT", "/shop/put-small", "s3", make([]byte, 1000), ""), 200},
		"put large": {b.signed("PUT", "/shop/put-large", "s3", make([]byte, 200_000), ""), 403},
	} {
		t.Run(name, func(t *testing.T) {
			resp, text := b.do(tt.r)
			require.Equal(t, tt.status, resp.StatusCode, text)
			if tt.status == 403 {
				require.Contains(t, text, "AccessDenied")
				require.Contains(t, text, "1000 bytes")
			}
		})
	}
	require.Nil(t, b.cloud.object("/shop/put-large"))
	// What has no length is cut: the client has part of it already.
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		for range 100 {
			_, _ = w.Write(make([]byte, 100))
			_ = http.NewResponseController(w).Flush()
		}
		return true
	})
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/endless", "s3", nil, ""))
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.Error(t, err, "it must not look whole")
	require.LessOrEqual(t, len(got), 1000)
	require.Equal(t, protocol.Aborted, b.Record.Operation(t, "endless").Outcome.Result)
	// Answers that are held whole are denied in words.
	b.cloud.always("application/x-amz-json-1.0", `{"Items":["`+strings.Repeat("x", 2000)+`"]}`)
	resp2, text := b.do(b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.Scan", "Content-Type", "application/x-amz-json-1.0"))
	require.Equal(t, 403, resp2.StatusCode)
	require.Contains(t, text, "1000 bytes")
}

func TestBrokenStreams(t *testing.T) {
	b := newBed(t, nil, nil)
	t.Run("client gone while it sends", func(t *testing.T) {
		whole := make(chan bool, 1)
		b.cloud.be(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			whole <- err == nil
		})
		r := b.signed("PUT", "/shop/gone", "s3", nil, "UNSIGNED-PAYLOAD", "Content-Length", "5000000")
		r.ContentLength = 5_000_000
		b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
		conn, err := net.Dial("tcp", b.Addr())
		require.NoError(t, err)
		fmt.Fprintf(conn, "PUT /shop/gone HTTP/1.1\r\nHost: %s\r\n", r.Host)
		_ = r.Header.Write(conn)
		fmt.Fprintf(conn, "\r\n%s", make([]byte, 300_000))
		b.Record.WaitForKind(t, recorder.KindInput, 1)
		conn.Close()
		require.False(t, <-whole, "the target must not take it for whole")
		require.Equal(t, protocol.Aborted, b.Record.Operation(t, "gone").Outcome.Result)
	})
	t.Run("target gone while it answers", func(t *testing.T) {
		b.cloud.be(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(make([]byte, 300_000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/half", "s3", nil, ""))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		require.Error(t, err)
		op := b.Record.Operation(t, "half")
		require.Equal(t, protocol.Unknown, op.Outcome.Result)
		require.Contains(t, op.Outcome.Text, "broke off")
	})
	t.Run("target gone before it answers", func(t *testing.T) {
		b.cloud.be(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		resp, text := b.do(b.signed("DELETE", "/shop/silent", "s3", nil, ""))
		require.Equal(t, 502, resp.StatusCode)
		require.Contains(t, text, "ServiceUnavailable")
		require.Equal(t, protocol.Unknown, b.Record.Operation(t, "silent").Outcome.Result)
	})
	t.Run("target never answers", func(t *testing.T) {
		left := make(chan struct{})
		b.cloud.be(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(left)
		})
		ctx, leave := context.WithCancel(context.Background())
		time.AfterFunc(100*time.Millisecond, leave)
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("DELETE", "/shop/never", "s3", nil, "").WithContext(ctx))
		require.Error(t, err)
		<-left
		op := b.Record.Operation(t, "never")
		require.Equal(t, protocol.Unknown, op.Outcome.Result)
		require.Contains(t, op.Outcome.Text, "client left")
	})
}

// secure is a gateway that shows a certificate, and a client that speaks
// HTTP/2 with it.
func secure(t testing.TB, change func(*aws.Config), build func(*proxy.Builder) *proxy.Builder, before ...func(*aws.Plugin)) (*bed, *http.Transport) {
	other := httptest.NewTLSServer(nil)
	client := other.Client().Transport.(*http.Transport).Clone()
	cert := other.TLS.Certificates[0]
	other.Close()
	client.ForceAttemptHTTP2 = true
	t.Cleanup(client.CloseIdleConnections)
	return newBed(t, change, func(p *proxy.Builder) *proxy.Builder {
		p = p.Certificate(cert)
		if build == nil {
			return p.AllowAll()
		}
		return build(p)
	}, before...), client
}

func TestHTTP2(t *testing.T) {
	b, client := secure(t, nil, nil)
	content := bytes.Repeat([]byte("0123456789abcdef"), 20<<10)
	do := func(method, path string, body []byte, hash string) (*http.Response, []byte) {
		r := b.signed(method, path, "s3", body, hash)
		r.URL.Scheme = "https"
		resp, err := client.RoundTrip(r)
		require.NoError(t, err)
		require.Equal(t, 2, resp.ProtoMajor)
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, got
	}
	resp, text := do("PUT", "/shop/key", content, "")
	require.Equal(t, 200, resp.StatusCode, string(text))
	resp, got := do("GET", "/shop/key", nil, "")
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, content, got)
	resp, text = do("DELETE", "/shop/key", nil, "")
	require.Equal(t, 204, resp.StatusCode, string(text))
	require.Equal(t, protocol.OK, b.operation("s3:DeleteObject").Outcome.Result)
	resp, text = do("PUT", "/shop/bad", content, hexOf([]byte("other")))
	require.Equal(t, 400, resp.StatusCode)
	require.Contains(t, string(text), "XAmzContentSHA256Mismatch")
	require.Nil(t, b.cloud.object("/shop/bad"))
}

// A client that sends slowly hears of a denial before it is done.
func TestDeniedWhileItSends(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "frozen", Verdict: protocol.Deny}})
	})
	r := b.signed("PUT", "/shop/key", "s3", nil, "UNSIGNED-PAYLOAD")
	r.ContentLength = 5_000_000
	b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
	conn, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	defer conn.Close()
	fmt.Fprintf(conn, "PUT /shop/key HTTP/1.1\r\nHost: %s\r\nContent-Length: 5000000\r\n", r.Host)
	_ = r.Header.Write(conn)
	fmt.Fprintf(conn, "\r\n%s", make([]byte, 100_000))
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, r)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, 403, resp.StatusCode)
	require.Contains(t, string(text), "frozen")
	// One that reads only when it has sent all of it is not cut off.
	_, err = conn.Write(make([]byte, 4_900_000))
	require.NoError(t, err)
	again := b.signed("GET", "/shop/key", "s3", nil, "")
	fmt.Fprintf(conn, "GET /shop/key HTTP/1.1\r\nHost: %s\r\n", r.Host)
	_ = again.Header.Write(conn)
	fmt.Fprint(conn, "\r\n")
	resp, err = http.ReadResponse(in, again)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, 403, resp.StatusCode)
	require.Empty(t, b.cloud.requests())
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
