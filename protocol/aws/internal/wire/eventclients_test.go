package wire

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// selected answers a SelectObjectContent with two events, the second one
// masked, and an error.
func selected(t *testing.T) string {
	raw := append(message(t, "first", ":message-type", "event", ":event-type", "Records", ":content-type", "application/octet-stream"),
		message(t, "secret", ":message-type", "event", ":event-type", "Records", ":content-type", "application/octet-stream")...)
	op := sent{Service: "s3", Op: "SelectObjectContent"}.operation(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		frames := NewFrames(bytes.NewReader(raw), 0)
		for frame, err := frames.Next(); err == nil; frame, err = frames.Next() {
			var edits []Edit
			report, err := Event(op.Output, model.RESTXML, frame, func(l Leaf) error {
				if l.Path == "Records.Payload" && l.Value == "secret" {
					edits = append(edits, l.Edit("masked"))
				}
				return nil
			})
			if err != nil || report.Unknown != 0 {
				panic("the event was not understood")
			}
			payload, err := Rewrite(frame.Payload, edits)
			if err != nil {
				panic(err)
			}
			_, _ = w.Write(frame.Replace(payload))
		}
		_, _ = w.Write(ErrorFrame("AccessDeniedException", said))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestEventsGo(t *testing.T) {
	url, ctx := selected(t), context.Background()
	client := s3.NewFromConfig(aws.Config{Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE", "secret", "")},
		func(o *s3.Options) { o.UsePathStyle = true })
	out, err := client.SelectObjectContent(ctx, &s3.SelectObjectContentInput{
		Bucket: aws.String("b"), Key: aws.String("k"), Expression: aws.String("SELECT *"), ExpressionType: types.ExpressionTypeSql,
		InputSerialization: &types.InputSerialization{}, OutputSerialization: &types.OutputSerialization{},
	})
	require.NoError(t, err)
	var got []string
	for event := range out.GetStream().Events() {
		got = append(got, string(event.(*types.SelectObjectContentEventStreamMemberRecords).Value.Payload))
	}
	require.Equal(t, []string{"first", "masked"}, got)
	require.ErrorContains(t, out.GetStream().Err(), heard)
	_ = out.GetStream().Close() // says the same error again
}

const selecting = `
import sys, boto3, botocore.exceptions
out = boto3.client("s3", endpoint_url=sys.argv[1]).select_object_content(
    Bucket="b", Key="k", Expression="SELECT *", ExpressionType="SQL", InputSerialization={}, OutputSerialization={})
try:
    for event in out["Payload"]:
        print(event["Records"]["Payload"].decode())
except botocore.exceptions.EventStreamError as e:
    print(e)
`

func TestEventsBoto3(t *testing.T) {
	cmd := exec.Command("/usr/bin/python3", "-c", selecting, selected(t))
	cmd.Env = quiet(t)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.True(t, strings.HasPrefix(string(out), "first\nmasked\n"), string(out))
	require.Equal(t, 1, strings.Count(string(out), heard), string(out))
}
