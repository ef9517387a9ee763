package aws_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// noSecrets fails where a secret of either side is in record or log.
func (b *bed) noSecrets(t testing.TB, more ...string) {
	t.Helper()
	for _, secret := range append([]string{realSecret, b.creds.SecretAccessKey, b.creds.SessionToken}, more...) {
		assert.False(t, b.Record.Holds([]byte(secret)), "the record holds %.12s…", secret)
		assert.NotContains(t, b.Record.String(), secret)
		assert.NotContains(t, b.Log.String(), secret)
	}
}

// kinds are calls that take different ways through the plugin.
func kinds(b *bed) map[string]func() *http.Request {
	item := func(target string) func() *http.Request {
		return func() *http.Request {
			return b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810."+target, "Content-Type", json10)
		}
	}
	return map[string]func() *http.Request{
		"a write":    item("DeleteTable"),
		"a read":     item("DescribeTable"),
		"an upload":  func() *http.Request { return b.signed("PUT", "/shop/key", "s3", make([]byte, 300_000), "") },
		"a download": func() *http.Request { return b.signed("GET", "/shop/there", "s3", nil, "") },
		"a listing":  func() *http.Request { return b.signed("GET", "/shop/?list-type=2", "s3", nil, "") },
		"a deletion": func() *http.Request { return b.signed("DELETE", "/shop/there", "s3", nil, "") },
		"not to tell": func() *http.Request {
			return b.signed("POST", "/", "dynamodb", []byte(`{}`), "", "X-Amz-Target", "DynamoDB_20120810.Nothing")
		},
	}
}

// Whatever is the first that cannot be recorded: nothing further reaches the
// target, and the client does not take it for success.
func TestRecordFails(t *testing.T) {
	t.Parallel()
	for name := range kinds(nil) {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				b := newBed(t, nil, nil)
				b.cloud.keep("/shop/there", make([]byte, 300_000))
				request := kinds(b)[name]
				b.do(b.signed("GET", "/shop/none", "s3", nil, "")) // the session is open
				b.Record.WaitFor(t, func(events []recorder.Event) bool {
					return len(b.Record.Operations()) == 1 && b.Record.Operations()[0].Outcome != nil
				})
				before := len(b.cloud.requests())
				b.Record.FailAfter(n)
				resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request())
				var text []byte
				if err == nil {
					text, err = io.ReadAll(resp.Body)
					resp.Body.Close()
				}
				if b.Record.Ready() == nil {
					require.NoError(t, err)
					require.Greater(t, n, 1, "it was tried")
					return
				}
				if err == nil {
					assert.GreaterOrEqual(t, resp.StatusCode, 300, "append %d: it looks like success", n)
					assert.Regexp(t, "record|unknown AWS operation", string(text[:min(len(text), 500)]), "append %d", n)
				}
				if n <= 1 {
					assert.Len(t, b.cloud.requests(), before, "append %d: nothing was recorded, so nothing is sent", n)
				}
				assert.True(t, b.cloud.object("/shop/key") == nil || strings.Contains(b.Record.String(), "sealed"), "append %d: whole at the target before it was recorded", n)
				require.NoError(t, b.Record.Check())
				after := len(b.cloud.requests())
				again, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/there", "s3", nil, ""))
				if err == nil {
					again.Body.Close()
					assert.GreaterOrEqual(t, again.StatusCode, 300)
				}
				assert.Len(t, b.cloud.requests(), after)
				b.noSecrets(t)
			}
		})
	}
}

func TestNoSecretsAnywhere(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.keep("/shop/there", []byte("content"))
	for _, request := range kinds(b) {
		b.do(request())
	}
	// What clients get wrong is in record and log, their secrets are not.
	wrong := b.signed("GET", "/shop/there", "s3", nil, "")
	wrong.Header.Set("Authorization", wrong.Header.Get("Authorization")[:20])
	resp, _ := b.do(wrong)
	require.Equal(t, 400, resp.StatusCode)
	swapped := b.signed("GET", "/shop/there", "s3", nil, "")
	swapped.Header.Set("X-Amz-Security-Token", strings.ToUpper(b.creds.SessionToken))
	resp, _ = b.do(swapped)
	require.Equal(t, 403, resp.StatusCode)
	query, err := http.NewRequestWithContext(context.Background(), "GET", b.url()+"/shop/there?X-Amz-Security-Token="+b.creds.SessionToken+"&X-Amz-Signature=00", nil)
	require.NoError(t, err)
	resp, _ = b.do(query)
	require.GreaterOrEqual(t, resp.StatusCode, 400)
	b.noSecrets(t)
}

// Every way a call can fail at the target, as it is told and recorded.
func TestTargetsErrors(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Type", json10)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"Requested resource not found"}`)
		return true
	})
	_, err := b.dynamodb(1).DescribeTable(context.Background(), &dynamodb.DescribeTableInput{TableName: sdk.String("orders")})
	require.ErrorContains(t, err, "ResourceNotFoundException")
	op := b.operation("dynamodb:DescribeTable")
	require.Equal(t, protocol.Failed, op.Outcome.Result)
	require.Contains(t, op.Outcome.Code, "400 ")
	require.Contains(t, op.Outcome.Code, "ResourceNotFoundException")
	require.Equal(t, "Requested resource not found", op.Outcome.Text)
}

// An answer that is not what the wire demands passes where nothing has to be
// hidden, and the record does not show it.
func TestUnreadableAnswers(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.always(json10, `{"Table": not json`)
	resp, text := b.do(b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DescribeTable", "Content-Type", json10))
	require.Equal(t, 200, resp.StatusCode)
	require.Equal(t, `{"Table": not json`, text)
	require.NotContains(t, string(b.operation("dynamodb:DescribeTable").Output), "not json")
	require.Contains(t, b.Record.String(), "cannot be read")
}
