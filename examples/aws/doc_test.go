//go:build unix

package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// wires says how a call of a service is sent: by the prefix of X-Amz-Target, or
// as a form of that version.
var wires = map[string]struct{ target, version string }{
	"dynamodb": {target: "DynamoDB_20120810"}, "ssm": {target: "AmazonSSM"}, "kms": {target: "TrentService"},
	"secretsmanager": {target: "secretsmanager"}, "ecr": {target: "AmazonEC2ContainerRegistry_V20150921"},
	"iam": {version: "2010-05-08"}, "sts": {version: "2011-06-15"}, "ec2": {version: "2016-11-15"}, "cloudformation": {version: "2010-05-15"},
}

// routes are calls whose name stands in method and path.
var routes = map[string]string{
	"s3:GetObject": "GET /shop/a", "s3:PutObject": "PUT /shop/a", "s3:DeleteObject": "DELETE /shop/a", "s3:PutBucketPolicy": "PUT /shop?policy",
	"lambda:UpdateFunctionCode": "PUT /2015-03-31/functions/resize/code",
}

// request makes the call that a verb means, unsigned.
func request(t *testing.T, base, verb string) (*http.Request, []byte) {
	t.Helper()
	service, name, _ := strings.Cut(verb, ":")
	method, path, body, kind, target := http.MethodPost, "/", "{}", "", ""
	switch wire, known := wires[service]; {
	case routes[verb] != "":
		method, path, _ = strings.Cut(routes[verb], " ")
		if service == "s3" {
			body = ""
		}
	case known && wire.target != "":
		target, kind = wire.target+"."+name, "application/x-amz-json-1.1"
		if service == "dynamodb" {
			kind = "application/x-amz-json-1.0"
		}
	case known:
		body, kind = "Action="+name+"&Version="+wire.version, "application/x-www-form-urlencoded"
	default:
		require.Fail(t, "the test does not know how to send it", verb)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, base+path, strings.NewReader(body))
	require.NoError(t, err)
	for header, value := range map[string]string{"X-Amz-Target": target, "Content-Type": kind} {
		if value != "" {
			r.Header.Set(header, value)
		}
	}
	return r, []byte(body)
}

// docs/aws.md says what effects calls have. The gateway says the same of them:
// it is asked, and denies all, so that none is carried out.
func TestTheDocumentedEffects(t *testing.T) {
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	key, err := awskeys.NewKey(random)
	require.NoError(t, err)
	issuer, err := awskeys.New(key)
	require.NoError(t, err)
	mint := proxytest.NewMint()
	gw := proxytest.Start(t, func(b *proxy.Builder) *proxy.Builder {
		return b.Identify(mint, issuer).Approve([]approve.Rule{{Name: "nothing", Verdict: protocol.Deny}}).Listen("127.0.0.1:0",
			aws.New(aws.Config{Issuer: issuer, Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: "AKIA", SecretAccessKey: aws.NewSecret("real")}})}), aws.Target("cloud"))
	})
	defer http.DefaultClient.CloseIdleConnections()
	base := "http://" + gw.Addr()
	send := func(r *http.Request) (int, string) {
		t.Helper()
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp.StatusCode, string(body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+aws.CredentialsPath, nil)
	require.NoError(t, err)
	r.SetBasicAuth("agent", mint.Token("agent"))
	_, document := send(r)
	var creds struct {
		AccessKeyID     string `json:"AccessKeyId"`
		SecretAccessKey string
		SessionToken    string
	}
	require.NoError(t, json.Unmarshal([]byte(document), &creds))
	judged := func(verb string) protocol.Operation {
		t.Helper()
		r, body := request(t, base, verb)
		sum := sha256.Sum256(body)
		r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(sum[:]))
		service, _, _ := strings.Cut(verb, ":")
		require.NoError(t, v4.NewSigner().SignHTTP(t.Context(), sdk.Credentials{AccessKeyID: creds.AccessKeyID, SecretAccessKey: creds.SecretAccessKey, SessionToken: creds.SessionToken},
			r, hex.EncodeToString(sum[:]), service, "eu-west-1", time.Now(), func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }))
		status, answer := send(r)
		require.Equal(t, http.StatusForbidden, status, "%s: %s", verb, answer)
		list := gw.Record.Operations()
		require.NotEmpty(t, list)
		op := list[len(list)-1].Operation
		require.Equal(t, verb, op.Verb, answer)
		return op
	}

	text, err := os.ReadFile("../../docs/aws.md")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(text), "\n| Calls | Effects |\n|---|---|\n")
	require.True(t, found)
	rest, _, _ = strings.Cut(rest, "\n\n")
	calls := 0
	for line := range strings.Lines(rest) {
		cells := strings.Split(strings.Trim(line, "|\n "), "|")
		require.Len(t, cells, 2)
		said := strings.TrimSpace(cells[1])
		exact := strings.TrimSuffix(said, " and others")
		want, err := protocol.ParseEffects(exact)
		require.NoError(t, err, line)
		for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[0], -1) {
			op := judged(m[1])
			assert.True(t, op.Effects.Has(want), "%s: %s, not %s", m[1], op.Effects, want)
			if exact == said {
				assert.Equal(t, want, op.Effects, m[1])
			}
			assert.NotEmpty(t, op.Objects, m[1])
			calls++
		}
	}
	assert.Greater(t, calls, 20)
}
