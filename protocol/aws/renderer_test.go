package aws_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/recorder"
)

func TestRenderer(t *testing.T) {
	for _, tt := range []struct{ kind, payload, want string }{
		{"response", "HTTP 200\r\nA: b\r\n\r\n{\"x\":1}", "HTTP 200\r\nA: b\n{\n  \"x\": 1\n}\n"},
		{"response", "HTTP 204\r\n\r\n", "HTTP 204\n"},
		{"response", "HTTP 200\r\n\r\n\r\n\r\nx", "HTTP 200\n\r\n\r\nx\n"},
		{"head", "HTTP 200\r\nA: b\r\n", "HTTP 200\r\nA: b\n"},
		{"body", "<a/>", "<a/>\n"},
	} {
		var b bytes.Buffer
		require.NoError(t, aws.Renderer{}.Render(&b, tt.kind, nil, []byte(tt.payload)))
		require.Equal(t, tt.want, b.String(), "%q", tt.payload)
	}
	require.ErrorContains(t, aws.Renderer{}.Render(new(bytes.Buffer), "rows", nil, nil), "unknown")
	require.Error(t, aws.Renderer{}.Render(new(bytes.Buffer), "event", nil, []byte("no event")))
}

// A small answer is one event with the outcome, and reads as what the client got.
func TestAnswersAreRecordedWhole(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.always("application/x-amz-json-1.0", `{"TableNames":["orders"]}`)
	resp, text := b.do(b.signed("POST", "/", "dynamodb", []byte(`{}`), "", "X-Amz-Target", "DynamoDB_20120810.ListTables", "Content-Type", "application/x-amz-json-1.0"))
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, `{"TableNames":["orders"]}`, text)
	var ends, outputs int
	for _, e := range b.Record.Events() {
		switch e.Kind {
		case recorder.KindOutput:
			outputs++
		case recorder.KindEnd:
			ends++
			require.Equal(t, protocol.OK, e.Outcome.Result)
			require.Equal(t, "response", e.Part.Kind)
			require.Contains(t, string(e.Payload), "HTTP 200\r\n")
			require.Contains(t, string(e.Payload), "\r\n\r\n"+text)
		}
	}
	require.Equal(t, 1, ends)
	require.Zero(t, outputs)
}
