package aws_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// An answer that is denied for its size has one outcome in the record, small
// or large, and nothing of the operation follows its end.
func TestDeniedAnswerSmallAndLarge(t *testing.T) {
	for name, n := range map[string]int{"small": 2000, "large": 70_000} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
				return p.Approve([]approve.Rule{{Name: "small", Verdict: protocol.Allow, MaxBytes: 1000}})
			})
			b.cloud.always("application/x-amz-json-1.0", `{"Items":["`+strings.Repeat("x", n)+`"]}`)
			resp, text := b.do(b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.Scan", "Content-Type", "application/x-amz-json-1.0"))
			require.Equal(t, 403, resp.StatusCode)
			require.Contains(t, text, "1000 bytes")
			op := b.Record.Operation(t, "orders")
			ended := false
			for _, e := range b.Record.Events() {
				if ended && e.Kind == recorder.KindAnnotation {
					t.Errorf("annotation %q after the end of its exchange", e.Note.Kind)
				}
				ended = ended || e.Kind == recorder.KindEnd
			}
			if op.Outcome.Result != protocol.Aborted {
				t.Errorf("outcome %s %+v, but the client got 403", op.Outcome.Result, op.Outcome)
			}
		})
	}
}
