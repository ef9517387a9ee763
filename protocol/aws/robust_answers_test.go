package aws_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
)

// raw makes the cloud answer with these bytes and nothing else.
func (c *cloud) raw(answer string) {
	c.be(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, answer)
			time.AfterFunc(2*time.Second, func() { conn.Close() })
		}
	})
}

func (b *bed) describe() *http.Request {
	return b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.DescribeTable", "Content-Type", json10)
}

// A target that answers what is no answer to a call: the client does not take
// it for success, and the record does not say so.
func TestAnswersThatAreNone(t *testing.T) {
	for name, answer := range map[string]string{
		"another protocol": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"no status":        "HTTP/1.1 000 None\r\nContent-Length: 2\r\n\r\n{}",
		"too low":          "HTTP/1.1 099 None\r\nContent-Length: 2\r\n\r\n{}",
	} {
		for kind, request := range map[string]func(*bed) *http.Request{
			"a call":     (*bed).describe,
			"a download": func(b *bed) *http.Request { return b.signed("GET", "/shop/there", "s3", nil, "") },
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				b := newBed(t, nil, nil)
				b.cloud.raw(answer)
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request(b).WithContext(ctx))
				require.NoError(t, err, "it is told")
				defer resp.Body.Close()
				require.Equal(t, http.StatusBadGateway, resp.StatusCode)
				ops := b.Record.Operations()
				require.Len(t, ops, 1)
				require.Equal(t, protocol.Unknown, ops[0].Outcome.Result)
			})
		}
	}
}

// Services say what they would have signed, and with it the session token.
func TestTargetsEchoTheToken(t *testing.T) {
	const token = "FwoGZXIvYXdzEREALTOKENREALTOKEN/REALTOKEN+REAL=="
	b := newBed(t, func(c *aws.Config) {
		c.Login = aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: realKey, SecretAccessKey: aws.NewSecret(realSecret), SessionToken: aws.NewSecret(token)}})
	}, nil)
	b.cloud.be(func(w http.ResponseWriter, r *http.Request) {
		echo := r.Header.Get("X-Amz-Security-Token")
		w.Header().Set("X-Echo", echo)
		w.WriteHeader(http.StatusForbidden)
		if r.Header.Get("X-Amz-Target") != "" {
			echo = strings.ReplaceAll(echo, "/", `\/`)
			_, _ = io.WriteString(w, `{"__type":"InvalidSignatureException","message":"The Canonical String should have been x-amz-security-token:`+echo+`"}`)
			return
		}
		_, _ = io.WriteString(w, `<Error><Code>SignatureDoesNotMatch</Code><Message>x</Message><CanonicalRequest>x-amz-security-token:`+echo+`</CanonicalRequest></Error>`)
	})
	for _, r := range []*http.Request{b.describe(), b.signed("GET", "/shop/there", "s3", nil, "")} {
		resp, text := b.do(r)
		require.Equal(t, http.StatusForbidden, resp.StatusCode)
		require.Contains(t, text, "ignature", "the error itself passes")
		require.NotContains(t, text, "REALTOKEN")
		require.NotContains(t, resp.Header.Get("X-Echo"), "REALTOKEN")
	}
	b.noSecrets(t, "REALTOKEN")
}

// A target whose certificate is not right has seen nothing of the call.
func TestTargetIsNotTheOneItShouldBe(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	t.Cleanup(server.Close)
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { plain.Close() })
	go func() {
		for {
			conn, err := plain.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "220 this is no TLS\r\n")
			conn.Close()
		}
	}()
	for _, address := range []string{server.Listener.Addr().String(), plain.Addr().String()} {
		b := newBedBefore(t, protocol.Target{Name: "cloud", Address: address}, nil, nil)
		resp, _ := b.do(b.describe())
		require.Equal(t, http.StatusBadGateway, resp.StatusCode)
		op := b.operation("dynamodb:DescribeTable")
		require.Equal(t, protocol.NotSent, op.Outcome.Result)
	}
}
