package aws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// trickling gives 100 kB at a time, with pauses.
type trickling struct{ io.Reader }

func (p trickling) Read(b []byte) (int, error) {
	time.Sleep(time.Millisecond)
	return p.Reader.Read(b[:min(len(b), 100_000)])
}

// A target that refuses an upload without reading it: the client hears it at
// once, though what was gathered cannot be sent.
func TestBulkEarlyAnswerIsNotHeldByWhatCannotBeSent(t *testing.T) {
	b := newProxyBed(t, nil)
	c := b.proxied("http", false)
	c.RequestChecksumCalculation, c.RetryMaxAttempts = sdk.RequestChecksumCalculationWhenRequired, 1
	answered := make(chan time.Time, 1)
	release := make(chan struct{})
	defer close(release)
	b.amazon.be(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.CopyN(io.Discard, r.Body, 100_000)
		time.Sleep(time.Second)
		const text = `<Error><Code>AccessDenied</Code><Message>not you</Message></Error>`
		w.Header().Set("Content-Length", fmt.Sprint(len(text)))
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, text)
		_ = http.NewResponseController(w).Flush()
		answered <- time.Now()
		select {
		case <-release:
		case <-time.After(20 * time.Second):
		}
	})
	size := int64(64 << 20)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	_, err := s3.NewFromConfig(c).PutObject(ctx, &s3.PutObjectInput{Bucket: sdk.String("shop"), Key: sdk.String("k"), Body: trickling{bytes.NewReader(make([]byte, size))}, ContentLength: &size},
		s3.WithAPIOptions(v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware))
	late := time.Since(<-answered)
	t.Log(late, err)
	require.Less(t, late, 2*time.Second)
}
