package aws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4/strict"
	"github.com/sallyport/sallyport/protocol/protocoltest"
)

const canary = "AKIAZ7QYXWVUTSRPONML"

const largeObject = 100_000_000

func TestConformance(t *testing.T) {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	key, err := awskeys.NewKey(random)
	require.NoError(t, err)
	issuer, err := awskeys.New(key)
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(answerTheKit))
	t.Cleanup(server.Close)
	protocoltest.Run(t, protocoltest.Plugin{
		New: func() protocol.Protocol {
			return aws.New(aws.Config{
				Issuer: issuer, Patience: 50 * time.Millisecond,
				Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: realKey, SecretAccessKey: aws.NewSecret(realSecret)}}),
			})
		},
		Target: func(testing.TB) protocol.Target {
			return protocol.Target{Name: "cloud", Address: strings.TrimPrefix(server.URL, "http://"), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}
		},
		Connect: connectKit, Identify: []identity.Authenticator{issuer}, Shared: true,
		Rules: []approve.Rule{
			{Name: "all", Verdict: protocol.Allow},
			{Name: "no-deletes", Verdict: protocol.Deny, Verbs: []string{"dynamodb:Delete*"}},
			{Name: "ask-updates", Verdict: protocol.Ask, Verbs: []string{"dynamodb:Update*"}},
		},
		Read: "json dynamodb DynamoDB_20120810.GetItem", Write: "json dynamodb DynamoDB_20120810.PutItem",
		Denied: "json dynamodb DynamoDB_20120810.DeleteItem", Asked: "json dynamodb DynamoDB_20120810.UpdateItem",
		Large: "get /large", LargeBytes: largeObject,
		Canary: []string{
			"json dynamodb DynamoDB_20120810.Scan", "json dynamodb DynamoDB_20120810.Query", "json ssm AmazonSSM.GetParameter",
			"rest lambda /2015-03-31/functions/f/configuration", "form iam ListUsers", "form ec2 DescribeInstances", "list /?list-type=2", "cbor cloudwatch",
			"json dynamodb DynamoDB_20120810.DescribeLimits",
		},
		Secret: canary, Masks: []mask.Rule{mask.Secrets()},
	})
}

// answerTheKit is the target: it answers each call with one form of the canary.
func answerTheKit(w http.ResponseWriter, r *http.Request) {
	body, err := strict.Check(r, strict.One(realKey, realSecret, ""), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		return
	}
	w.Header()["Date"] = nil // differs each time
	say := func(kind, text string) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, text)
	}
	escaped := ""
	for _, c := range canary {
		escaped += fmt.Sprintf(`\u%04x`, c)
	}
	switch target := r.Header.Get("X-Amz-Target"); {
	case strings.HasSuffix(target, ".Scan"):
		say("application/x-amz-json-1.0", `{"Items":[{"note":{"S":"the key is `+canary+`!"}}],"Count":1}`)
	case strings.HasSuffix(target, ".Query"):
		say("application/x-amz-json-1.0", `{"Items":[{"note":{"S":"`+escaped+`"}}],"Surprise":"`+canary+`"}`)
	case strings.HasSuffix(target, ".GetParameter"):
		say("application/x-amz-json-1.1", `{"Parameter":{"Name":"key","Value":"`+canary+`"}}`)
	case strings.HasSuffix(target, ".DescribeLimits"):
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws#ValidationException","message":"no such thing as `+canary+`"}`)
	case target != "":
		say("application/x-amz-json-1.0", `{"Item":{"id":{"S":"1"}}}`)
	case r.URL.Path == "/large":
		w.Header().Set("Content-Length", strconv.Itoa(largeObject))
		piece := make([]byte, 64<<10)
		for rest := largeObject; rest > 0; rest -= len(piece) {
			if _, err := w.Write(piece[:min(rest, len(piece))]); err != nil {
				return
			}
		}
	case strings.HasSuffix(r.URL.Path, "/configuration"):
		say("application/json", `{"FunctionName":"f","Environment":{"Variables":{"KEY":"`+canary+`"}}}`)
	case bytes.Contains(body, []byte("ListUsers")):
		say("text/xml", `<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users><member><UserName>u</UserName><Path>/`+canary+`/</Path><Arn>&#65;`+canary[1:]+`</Arn></member></Users></ListUsersResult></ListUsersResponse>`)
	case bytes.Contains(body, []byte("DescribeInstances")):
		say("text/xml", `<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId><keyName>`+canary+`</keyName></item></instancesSet></item></reservationSet></DescribeInstancesResponse>`)
	case r.URL.Query().Get("list-type") == "2":
		say("application/xml", `<ListBucketResult><Name>large</Name><Contents><Key>backup/`+canary+`.txt</Key></Contents></ListBucketResult>`)
	case strings.Contains(r.URL.Path, "/service/"):
		b, _ := cbor.Marshal(map[string]any{"Metrics": []any{map[string]any{"MetricName": canary, "Namespace": "n"}}})
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		say("application/cbor", string(b))
	}
}

// kitClient is a client that has one connection and credentials of its own.
type kitClient struct {
	conn      net.Conn
	transport *http.Transport
	creds     document
	signed    time.Duration // how far the clock of its signatures has moved on
}

func connectKit(ctx context.Context, conn net.Conn, user, token string) (protocoltest.Client, error) {
	taken := false
	c := &kitClient{conn: conn, transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		if taken {
			return nil, net.ErrClosed
		}
		taken = true
		return conn, nil
	}}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://gateway"+aws.CredentialsPath, nil)
	if err != nil {
		return nil, err
	}
	r.SetBasicAuth(user, token)
	body, err := c.roundTrip(r, io.ReadAll)
	if err != nil {
		return nil, err
	}
	return c, json.Unmarshal(body, &c.creds)
}

func (c *kitClient) roundTrip(r *http.Request, read func(io.Reader) ([]byte, error)) ([]byte, error) {
	resp, err := c.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := read(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 300 && r.Header.Get("X-Amz-Target") != "DynamoDB_20120810.DescribeLimits" {
		return nil, fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	return body, nil
}

func (c *kitClient) request(ctx context.Context, op string) (*http.Request, error) {
	kind, rest, _ := strings.Cut(op, " ")
	service, what, _ := strings.Cut(rest, " ")
	method, url, contentType, body := http.MethodPost, "http://gateway/", "", ""
	header := http.Header{}
	switch kind {
	case "json":
		contentType, body = "application/x-amz-json-1.0", `{"TableName":"orders","Key":{"id":{"S":"1"}}}`
		if service == "ssm" {
			body = `{"Name":"key"}`
		}
		header.Set("X-Amz-Target", what)
	case "rest":
		method, url = http.MethodGet, "http://gateway"+what
	case "form":
		contentType, body = "application/x-www-form-urlencoded", "Action="+what+"&Version="+map[string]string{"iam": "2010-05-08", "ec2": "2016-11-15"}[service]
	case "get", "list":
		method, url = http.MethodGet, "http://gateway/large"+strings.TrimPrefix(rest, "/large")
		service = "s3"
	case "cbor":
		url, contentType = "http://gateway/service/GraniteServiceVersion20100801/operation/ListMetrics", "application/cbor"
		body, service = "\xa0", "monitoring"
		header.Set("Smithy-Protocol", "rpc-v2-cbor")
	}
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		r.Header[name] = values
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	sum := sha256.Sum256([]byte(body))
	c.signed += time.Second // no two calls have one signature
	_, err = sigv4.Sign(r, sigv4.Credentials{AccessKeyID: c.creds.AccessKeyID, SecretAccessKey: c.creds.SecretAccessKey, SessionToken: c.creds.SessionToken},
		service, "eu-west-1", hex.EncodeToString(sum[:]), time.Now().Add(c.signed-time.Minute))
	return r, err
}

func (c *kitClient) Do(ctx context.Context, op string) ([]byte, error) {
	r, err := c.request(ctx, op)
	if err != nil {
		return nil, err
	}
	return c.roundTrip(r, io.ReadAll)
}

func (c *kitClient) Drain(ctx context.Context, op string) (int64, error) {
	r, err := c.request(ctx, op)
	if err != nil {
		return 0, err
	}
	n := int64(0)
	_, err = c.roundTrip(r, func(from io.Reader) (_ []byte, err error) {
		n, err = io.Copy(io.Discard, from)
		return nil, err
	})
	return n, err
}

// Unknown sends a call that no model has.
func (c *kitClient) Unknown(ctx context.Context) error {
	_, err := c.Do(ctx, "json dynamodb DynamoDB_20120810.DropEverything")
	if err == nil || !strings.Contains(err.Error(), "unknown AWS operation") {
		return fmt.Errorf("an unknown call: %w", err)
	}
	return nil
}

func (c *kitClient) Close() error {
	c.transport.CloseIdleConnections()
	return c.conn.Close()
}
