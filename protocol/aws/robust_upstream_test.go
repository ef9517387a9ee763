package aws_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
)

// A Login that hangs holds up nobody whose client has left, and what waits for
// it is not carried out behind the client's back.
func TestLoginHangs(t *testing.T) {
	release := make(chan struct{})
	var asked atomic.Int32
	b := newBed(t, func(c *aws.Config) {
		c.Login = func(context.Context, identity.Principal, protocol.Target) (aws.Login, error) {
			asked.Add(1)
			<-release // deaf to its context
			return aws.Login{Credentials: aws.Credentials{AccessKeyID: realKey, SecretAccessKey: aws.NewSecret(realSecret)}}, nil
		}
	}, nil)
	first := make(chan error, 1)
	go func() {
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.describe())
		if err == nil {
			resp.Body.Close()
		}
		first <- err
	}()
	require.Eventually(t, func() bool { return asked.Load() == 1 }, 5*time.Second, time.Millisecond)
	ctx, leave := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer leave()
	_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/there", "s3", nil, "").WithContext(ctx))
	require.Error(t, err)
	ended := func() bool {
		for _, op := range b.Record.Operations() {
			if op.Verb == "s3:GetObject" && op.Outcome != nil {
				return op.Outcome.Result == protocol.NotSent
			}
		}
		return false
	}
	done := false
	for range 100 {
		if done = ended(); done {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	close(release)
	require.NoError(t, <-first)
	require.True(t, done, "it waits on although its client has left")
}

// Who reads no events is let go of after Limits.Stall, as with other answers.
func TestEventsThatNobodyTakes(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.AllowAll().Limits(proxy.Limits{Stall: time.Second})
	})
	gone := make(chan struct{})
	b.cloud.say(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		defer close(gone)
		w.Header().Set("Content-Type", eventKind)
		f := event(t, "event", "PayloadChunk", "application/octet-stream", strings.Repeat("x", 700))
		for r.Context().Err() == nil {
			if _, err := w.Write(f); err != nil {
				break
			}
			w.(http.Flusher).Flush()
		}
		return true
	})
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(
		b.signed("POST", "/2021-11-15/functions/f/response-streaming-invocations", "lambda", []byte(`{}`), ""))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 200, resp.StatusCode)
	select {
	case <-gone:
	case <-time.After(6 * time.Second):
		t.Error("it goes on and on")
		go func() { _, _ = io.Copy(io.Discard, resp.Body) }()
	}
}
