package aws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/eventstream"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
)

// event is a message as AWS sends it.
func event(t testing.TB, kind, name, contentType, payload string) []byte {
	t.Helper()
	var m eventstream.Message
	m.Headers.Set(":message-type", eventstream.StringValue(kind))
	m.Headers.Set(":"+kind+"-type", eventstream.StringValue(name))
	m.Headers.Set(":content-type", eventstream.StringValue(contentType))
	m.Payload = []byte(payload)
	var b bytes.Buffer
	require.NoError(t, eventstream.NewEncoder().Encode(&b, m))
	return b.Bytes()
}

func (b *bed) invoke(t testing.TB) *lambda.InvokeWithResponseStreamEventStream {
	t.Helper()
	client := lambda.NewFromConfig(b.config())
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	out, err := client.InvokeWithResponseStream(ctx, &lambda.InvokeWithResponseStreamInput{FunctionName: sdk.String("pay"), Payload: []byte(`{}`)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = out.GetStream().Close() })
	return out.GetStream()
}

const eventKind = "application/vnd.amazon.eventstream"

// Each event comes before the next one is made; the head before the first.
func TestEventsPassAtOnce(t *testing.T) {
	b := newBed(t, nil, nil)
	next := make(chan struct{})
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", eventKind)
		flush := http.NewResponseController(w)
		_ = flush.Flush()
		for i := range 3 {
			<-next
			_, _ = w.Write(event(t, "event", "PayloadChunk", "application/octet-stream", fmt.Sprintf("piece %d", i)))
			_ = flush.Flush()
		}
		<-next
		_, _ = w.Write(event(t, "event", "InvokeComplete", "application/json", `{"LogResult":"x"}`))
		return true
	})
	stream := b.invoke(t)
	for i := range 3 {
		next <- struct{}{}
		got := (<-stream.Events()).(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk)
		require.Equal(t, fmt.Sprintf("piece %d", i), string(got.Value.Payload))
	}
	next <- struct{}{}
	require.IsType(t, &types.InvokeWithResponseStreamResponseEventMemberInvokeComplete{}, <-stream.Events())
	_, more := <-stream.Events()
	require.False(t, more)
	require.NoError(t, stream.Err())
	op := b.Record.Operation(t, "InvokeWithResponseStream")
	require.Equal(t, protocol.OK, op.Outcome.Result)
	require.True(t, op.Effects.Has(protocol.Code))
	require.Equal(t, []string{"arn arn:aws:lambda:eu-west-1:123456789012:function:pay"}, names(op))
}

func TestEventsAreMasked(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder { return p.AllowAll().Mask(mask.Secrets()) })
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", eventKind)
		for _, e := range [][]byte{
			event(t, "event", "initial-response", "application/x-amz-json-1.1", `{}`),
			event(t, "event", "sessionStart", "application/x-amz-json-1.1", `{"requestId":"1","sessionId":"2"}`),
			event(t, "event", "sessionUpdate", "application/x-amz-json-1.1", `{"sessionResults":[{"message":"token `+github+` seen","timestamp":1}]}`),
			event(t, "exception", "SessionStreamingException", "application/x-amz-json-1.1", `{"message":"no more of `+github+`"}`),
		} {
			_, _ = w.Write(e)
		}
		return true
	})
	r := jsonCall(b, "logs", "Logs_20140328.StartLiveTail", `{"logGroupIdentifiers":["arn:aws:logs:eu-west-1:123456789012:log-group:app"]}`)
	resp, text := b.do(r)
	require.Equal(t, 200, resp.StatusCode, text)
	require.NotContains(t, text, github)
	require.False(t, b.Record.Holds([]byte(github)))
	decoder, in := eventstream.NewDecoder(), strings.NewReader(text)
	var got []string
	for {
		m, err := decoder.Decode(in, nil)
		if err == io.EOF {
			break
		}
		require.NoError(t, err, "checksums fit")
		got = append(got, string(m.Payload))
	}
	require.Len(t, got, 4)
	require.Contains(t, got[2], `"message":"token *`)
	require.Contains(t, got[2], ` seen"`)
	op := b.operation("logs:StartLiveTail")
	require.Equal(t, protocol.Failed, op.Outcome.Result)
	require.Equal(t, "200 SessionStreamingException", op.Outcome.Code)
}

// Payloads that AWS calls sensitive are in no record.
func TestEventsOfNobodysBusiness(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", eventKind)
		_, _ = w.Write(event(t, "event", "PayloadChunk", "application/octet-stream", "between you and me"))
		return true
	})
	stream := b.invoke(t)
	got := (<-stream.Events()).(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk)
	require.Equal(t, "between you and me", string(got.Value.Payload))
	b.Record.Operation(t, "InvokeWithResponseStream")
	require.False(t, b.Record.Holds([]byte("between you and me")))
}

func TestEventsBreakOff(t *testing.T) {
	whole := event(t, "event", "PayloadChunk", "application/octet-stream", "piece")
	damaged := bytes.Replace(whole, []byte("piece"), []byte("PIECE"), 1)
	for name, tt := range map[string]struct {
		send   []byte
		abort  bool
		result protocol.Result
	}{
		"between two":             {whole, true, protocol.Unknown},
		"inside of one":           {append(bytes.Clone(whole), whole[:20]...), false, protocol.Unknown},
		"with one that is broken": {append(bytes.Clone(whole), damaged...), false, protocol.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil, nil)
			b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				w.Header().Set("Content-Type", eventKind)
				_, _ = w.Write(tt.send)
				_ = http.NewResponseController(w).Flush()
				if tt.abort {
					panic(http.ErrAbortHandler)
				}
				return true
			})
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("POST", "/2021-11-15/functions/pay/response-streaming-invocations", "lambda", []byte("{}"), ""))
			require.NoError(t, err)
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			require.Error(t, err)
			require.Equal(t, whole, got)
			op := b.Record.Operation(t, "InvokeWithResponseStream")
			require.Equal(t, tt.result, op.Outcome.Result)
			require.Equal(t, "the answer broke off", op.Outcome.Text)
		})
	}
}

func TestEventsAreDeniedInTheirOwnWay(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "little", Verdict: protocol.Allow, MaxBytes: 1000}})
	})
	gone := make(chan struct{})
	b.cloud.say(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", eventKind)
		for r.Context().Err() == nil {
			_, _ = w.Write(event(t, "event", "PayloadChunk", "application/octet-stream", strings.Repeat("x", 300)))
			_ = http.NewResponseController(w).Flush()
		}
		close(gone)
		return true
	})
	stream := b.invoke(t)
	n := 0
	for range stream.Events() {
		n++
	}
	require.Equal(t, 2, n)
	require.ErrorContains(t, stream.Err(), "1000 bytes")
	require.ErrorContains(t, stream.Err(), "AccessDenied")
	<-gone
	op := b.Record.Operation(t, "InvokeWithResponseStream")
	require.Equal(t, protocol.Aborted, op.Outcome.Result)
}

// An event in which a rule hides what has no place in its body ends the stream.
func TestEventsThatCannotBeMasked(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.AllowAll().Mask(mask.Columns("lambda.InvokeWithResponseStream.LogResult", mask.Full()))
	})
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", eventKind)
		_, _ = w.Write(event(t, "event", "PayloadChunk", "application/octet-stream", "piece"))
		_, _ = w.Write(event(t, "event", "InvokeComplete", "application/json", `{"LogResult": broken`))
		return true
	})
	stream := b.invoke(t)
	require.NotNil(t, <-stream.Events())
	_, more := <-stream.Events()
	require.False(t, more)
	require.ErrorContains(t, stream.Err(), "could not be masked")
	require.Equal(t, protocol.Aborted, b.Record.Operation(t, "InvokeWithResponseStream").Outcome.Result)
}

// The client leaves in the middle: so does the gateway.
func TestEventsOfAClientThatLeaves(t *testing.T) {
	b := newBed(t, nil, nil)
	gone := make(chan struct{})
	b.cloud.say(func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", eventKind)
		_, _ = w.Write(event(t, "event", "PayloadChunk", "application/octet-stream", "piece"))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		close(gone)
		return true
	})
	stream := b.invoke(t)
	require.NotNil(t, <-stream.Events())
	_ = stream.Close() // the SDK may find that what it closes is closed
	<-gone
	require.NotEqual(t, protocol.OK, b.Record.Operation(t, "InvokeWithResponseStream").Outcome.Result)
}
