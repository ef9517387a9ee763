package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// The examples of the S3 API reference, chapters on signature calculation.
const (
	exampleSecret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	exampleAuth   = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders="
	emptyHash     = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
)

var exampleTime = time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)

func TestS3Examples(t *testing.T) {
	for _, tt := range []struct {
		name, method, target, body, signed, signature string
		headers                                       map[string]string
	}{
		{"get object", "GET", "/test.txt", "", "host;range;x-amz-content-sha256;x-amz-date",
			"f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41", map[string]string{"Range": "bytes=0-9"}},
		{"put object", "PUT", "/test$file.text", "Welcome to Amazon S3.", "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
			map[string]string{"Date": "Fri, 24 May 2013 00:00:00 GMT", "X-Amz-Storage-Class": "REDUCED_REDUNDANCY"}},
		{"get lifecycle", "GET", "/?lifecycle", "", "host;x-amz-content-sha256;x-amz-date",
			"fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543", nil},
		{"list objects", "GET", "/?max-keys=2&prefix=J", "", "host;x-amz-content-sha256;x-amz-date",
			"34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			build := func() *http.Request {
				r := httptest.NewRequest(tt.method, tt.target, strings.NewReader(tt.body))
				r.Host = "examplebucket.s3.amazonaws.com"
				for k, v := range tt.headers {
					r.Header.Set(k, v)
				}
				return r
			}
			sum := sha256.Sum256([]byte(tt.body))
			r := build()
			r.Header.Set("X-Amz-Date", "20130524T000000Z")
			r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
			r.Header.Set("Authorization", exampleAuth+tt.signed+", Signature="+tt.signature)
			c, err := sigv4.Parse(r)
			require.NoError(t, err)
			require.NoError(t, c.Verify(r, exampleSecret, exampleTime, nil, sigv4.Options{}))
			got, err := io.ReadAll(sigv4.NewReader(r.Body, c, exampleSecret, nil))
			require.NoError(t, err)
			assert.Equal(t, tt.body, string(got))

			out := build()
			require.NoError(t, sigv4.Normalise(out, "s3"))
			signature, err := sigv4.Sign(out, sigv4.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: exampleSecret},
				"s3", "us-east-1", hex.EncodeToString(sum[:]), exampleTime)
			require.NoError(t, err)
			assert.Equal(t, tt.signature, hex.EncodeToString(signature))
		})
	}
}

func TestS3ExamplePresigned(t *testing.T) {
	r := httptest.NewRequest("GET", "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2F"+
		"us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="+
		"aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404", nil)
	r.Host = "examplebucket.s3.amazonaws.com"
	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	assert.Equal(t, sigv4.Unsigned, c.Payload)
	assert.Equal(t, 24*time.Hour, c.Expires)
	require.NoError(t, c.Verify(r, exampleSecret, exampleTime.Add(23*time.Hour), nil, sigv4.Options{}))
	require.ErrorIs(t, c.Verify(r, exampleSecret, exampleTime.Add(24*time.Hour), nil, sigv4.Options{}), sigv4.ErrExpired)
	require.ErrorIs(t, c.Verify(r, exampleSecret, exampleTime.Add(-16*time.Minute), nil, sigv4.Options{}), sigv4.ErrSkewed)
}

// example is a chunked upload of 66,560 bytes from the reference.
type example struct {
	payload sigv4.Payload
	signed  string
	seed    string
	body    string
	framed  int // how long the reference says that the body is; 0 where it is wrong about it
}

func chunkedExamples() []example {
	chunk := func(size, signature, data string) string {
		return size + ";chunk-signature=" + signature + "\r\n" + data + "\r\n"
	}
	first, second := strings.Repeat("a", 65536), strings.Repeat("a", 1024)
	return []example{
		{sigv4.StreamingSigned, "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
			"4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
			chunk("10000", "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648", first) +
				chunk("400", "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497", second) +
				chunk("0", "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9", ""), 66824},
		{sigv4.StreamingSignedTrailer, "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
			"106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
			chunk("10000", "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2", first) +
				chunk("400", "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7", second) +
				"0;chunk-signature=2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n" +
				"x-amz-checksum-crc32c:sOO8/Q==\r\n" +
				"x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n", 0},
	}
}

func (e example) request(body io.Reader) *http.Request {
	r := httptest.NewRequest("PUT", "/examplebucket/chunkObject.txt", body)
	r.Host = "s3.amazonaws.com"
	r.ContentLength = 66824
	r.Header.Set("X-Amz-Date", "20130524T000000Z")
	r.Header.Set("X-Amz-Storage-Class", "REDUCED_REDUNDANCY")
	r.Header.Set("X-Amz-Content-Sha256", e.payload.String())
	r.Header.Set("Content-Encoding", "aws-chunked")
	r.Header.Set("X-Amz-Decoded-Content-Length", "66560")
	if e.payload == sigv4.StreamingSignedTrailer {
		r.Header.Set("X-Amz-Trailer", "x-amz-checksum-crc32c")
	}
	r.Header.Set("Authorization", exampleAuth+e.signed+", Signature="+e.seed)
	return r
}

func (e example) claim(t testing.TB) sigv4.Claim {
	r := e.request(nil)
	c, err := sigv4.Parse(r)
	require.NoError(t, err)
	require.Equal(t, e.payload, c.Payload)
	require.Equal(t, int64(66560), c.DecodedLength)
	require.NoError(t, c.Verify(r, exampleSecret, exampleTime, nil, sigv4.Options{}))
	return c
}

func TestS3ExamplesChunked(t *testing.T) {
	for _, e := range chunkedExamples() {
		t.Run(e.payload.String(), func(t *testing.T) {
			c := e.claim(t)
			got, err := io.ReadAll(sigv4.NewReader(strings.NewReader(e.body), c, exampleSecret, nil))
			require.NoError(t, err)
			assert.Equal(t, strings.Repeat("a", 66560), string(got))

			// Signed again with the same key over the same seed, the bytes are the same.
			resign := &sigv4.Resign{SecretAccessKey: exampleSecret, Region: c.Region, Service: c.Service, Time: c.Time, Seed: c.Signature}
			data, wire, err := drain(sigv4.NewReader(strings.NewReader(e.body), c, exampleSecret, resign))
			require.NoError(t, err)
			assert.Equal(t, 66560, len(data))
			assert.Equal(t, e.body, wire)
			if e.framed > 0 {
				assert.Len(t, wire, e.framed)
			}
		})
	}
}

// drain reads all pieces.
func drain(r *sigv4.Reader) (data, wire string, err error) {
	var d, w strings.Builder
	for {
		p, err := r.Next()
		if err == io.EOF {
			return d.String(), w.String(), nil
		}
		if err != nil {
			return d.String(), w.String(), err
		}
		d.Write(p.Data)
		w.Write(p.Wire)
	}
}
