package aws_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// halting reads from, and at stop waits until go on is closed.
type halting struct {
	from io.Reader
	stop int64
	on   <-chan struct{}
	read int64
}

func (h *halting) Read(b []byte) (int, error) {
	if h.read == h.stop {
		<-h.on
	}
	if h.read < h.stop {
		b = b[:min(int64(len(b)), h.stop-h.read)]
	}
	n, err := h.from.Read(b)
	h.read += int64(n)
	return n, err
}

// What is gathered for few system calls does not wait for what comes later,
// and is the same on the other side.
func TestLargeBodiesWaitForNothing(t *testing.T) {
	t.Parallel()
	const first = 200_000
	content := noise(3_000_000)
	b := newProxyBed(t, nil)
	for _, size := range []int64{first + 1, int64(len(content))} {
		for name, scheme := range map[string]string{"tunnel": "http", "TLS in TLS": "https"} {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				c := b.proxied(scheme, false)
				c.RequestChecksumCalculation = sdk.RequestChecksumCalculationWhenRequired
				client := s3.NewFromConfig(c)

				arrived, sum := make(chan struct{}), make(chan string, 1)
				b.amazon.be(func(_ http.ResponseWriter, r *http.Request) {
					h := sha256.New()
					n, err := io.CopyN(h, r.Body, first)
					assert.NoError(t, err, n)
					close(arrived)
					_, _ = io.Copy(h, r.Body)
					sum <- fmt.Sprintf("%x", h.Sum(nil))
				})
				body := &halting{from: bytes.NewReader(content[:size]), stop: first, on: arrived}
				_, err := client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k"), Body: body, ContentLength: &size},
					s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
				require.NoError(t, err)
				want := fmt.Sprintf("%x", sha256.Sum256(content[:size]))
				require.Equal(t, want, <-sum)
				require.Contains(t, b.Record.String(), fmt.Sprintf("sent %d bytes, sha256 of the content %s", size, want))

				for _, length := range []string{"", fmt.Sprint(size)} {
					arrived := make(chan struct{})
					b.amazon.be(func(w http.ResponseWriter, _ *http.Request) {
						if length != "" {
							w.Header().Set("Content-Length", length)
						}
						_, _ = w.Write(content[:first-1000])
						_ = http.NewResponseController(w).Flush()
						time.Sleep(20 * time.Millisecond)
						_, _ = w.Write(content[first-1000 : first])
						_ = http.NewResponseController(w).Flush()
						<-arrived
						_, _ = w.Write(content[first:size])
					})
					resp, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k")})
					require.NoError(t, err)
					h := sha256.New()
					_, err = io.CopyN(h, resp.Body, first)
					require.NoError(t, err)
					close(arrived)
					_, err = io.Copy(h, resp.Body)
					require.NoError(t, err)
					require.NoError(t, resp.Body.Close())
					require.Equal(t, want, fmt.Sprintf("%x", h.Sum(nil)))
				}
			})
		}
	}
}

// A target that is as slow as a connection may be, in both directions, between
// clients that are not, and pauses anywhere.
func TestLargeBodiesAtEveryPace(t *testing.T) {
	t.Parallel()
	content := noise(1_500_000)
	size, want := int64(len(content)), fmt.Sprintf("%x", sha256.Sum256(content))
	b := newProxyBed(t, nil)
	c := b.proxied("http", false)
	c.RequestChecksumCalculation = sdk.RequestChecksumCalculationWhenRequired
	client := s3.NewFromConfig(c)
	b.amazon.be(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			h := sha256.New()
			_, _ = io.Copy(h, paced{r.Body})
			w.Header().Set("ETag", fmt.Sprintf("%x", h.Sum(nil)))
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = io.Copy(w, paced{bytes.NewReader(content)})
	})
	for range 4 {
		put, err := client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: sdk.String("shop"), Key: sdk.String("k"), Body: paced{bytes.NewReader(content)}, ContentLength: &size,
		}, s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
		require.NoError(t, err)
		require.Equal(t, want, *put.ETag)
		get, err := client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k")})
		require.NoError(t, err)
		h := sha256.New()
		_, err = io.Copy(h, paced{get.Body})
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprintf("%x", h.Sum(nil)))
	}
}

// noise is n bytes of which no part is like another.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return b
}

// paced reads any number of bytes, and waits now and then.
type paced struct{ io.Reader }

func (p paced) Read(b []byte) (int, error) {
	if rand.IntN(8) == 0 {
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
	}
	return p.Reader.Read(b[:1+rand.IntN(len(b))])
}
