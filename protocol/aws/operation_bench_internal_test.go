package aws

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// masking is an engine whose session has masks and a target, and no more.
type (
	masking struct {
		protocol.Engine
		session masked
	}
	masked struct {
		protocol.SessionEngine
		masks  *mask.Set
		target protocol.Target
	}
)

func (m masking) Open(context.Context, identity.Proven, protocol.Route) (protocol.SessionEngine, error) {
	return m.session, nil
}
func (m masked) Masks() *mask.Set        { return m.masks }
func (m masked) Target() protocol.Target { return m.target }

const (
	smallCall   = `{"TableName":"orders","Key":{"customer":{"S":"customer-0815"},"id":{"S":"order-4711"}},"ConsistentRead":true}`
	smallAnswer = `{"Item":{"id":{"S":"order-4711"},"customer":{"S":"Ada Lovelace"},"total":{"N":"129.90"},"lines":{"L":[{"M":{"sku":{"S":"A-1"},"count":{"N":"2"}}}]}}}`
)

// newSmallCall is a call of DynamoDB's that has been verified and read, with
// all detectors on.
func newSmallCall(b *testing.B) *call {
	masks, err := mask.New(mask.Secrets(), mask.Personal())
	require.NoError(b, err)
	s, err := protocol.NewGate(masking{session: masked{masks: masks}}).Open(b.Context(), identity.Proven{}, protocol.Route{})
	require.NoError(b, err)
	p := New(Config{Account: "123456789012"})
	require.NoError(b, p.broken)
	r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "http://127.0.0.1:1/", http.NoBody)
	require.NoError(b, err)
	r.ContentLength = int64(len(smallCall))
	for name, value := range map[string]string{
		"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": "DynamoDB_20120810.GetItem", "User-Agent": "aws-sdk-go-v2/1.30.3 os/linux lang/go#1.22 md/GOOS#linux api/dynamodb#1.34.4",
		"Amz-Sdk-Invocation-Id": "5b2c6f4e-0c2f-4b60-9b80-2c8a0cf3e2a9", "Amz-Sdk-Request": "attempt=1; max=3", "Accept-Encoding": "identity", "Content-Length": "110",
	} {
		r.Header.Set(name, value)
	}
	k := &call{c: &connection{p: p}, p: p, r: r, s: s, claim: sigv4.Claim{Service: "dynamodb", Region: "eu-west-1", AccessKeyID: "AKIABENCHBENCHBENCH0"}, body: []byte(smallCall), whole: true}
	k.token = strings.Repeat("IQoJb3JpZ2luX2VjEJr/", 40)
	require.NoError(b, k.understand())
	return k
}

// BenchmarkSmallCall is what the gateway itself does with a small call, from
// its name on: its head, and the look at its answer.
func BenchmarkSmallCall(b *testing.B) {
	k := newSmallCall(b)
	resp := &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}, "Content-Length": {"157"}, "Date": {"Mon, 23 Nov 2026 18:00:00 GMT"}}, Body: io.NopCloser(nil)}
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"understand", k.understand},
		{"name", func() error {
			_, err := k.p.table.Name(model.Request{Method: k.r.Method, Path: k.r.URL.EscapedPath(), Query: url.Values{}, Header: k.r.Header, SigningName: "dynamodb"})
			return err
		}},
		{"operation", func() error { _, err := k.operation(); return err }},
		{"key", func() error { k.key("dynamodb:GetItem"); return nil }},
		{"scrub", func() error { return k.scrub(resp.Header, []byte(smallAnswer)) }},
		{"look", func() error { _, err := k.look(resp, []byte(smallAnswer)); return err }},
	} {
		b.Run(part.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := part.do(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	seen, err := k.look(resp, []byte(smallAnswer))
	require.NoError(b, err)
	require.Empty(b, seen.edits)
}
