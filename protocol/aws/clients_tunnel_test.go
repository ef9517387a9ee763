package aws_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/recorder"
)

// signedFor makes a request as the bed's agent would, for a service and a region.
func (b *bed) signedFor(method, address, body, service, region string, header ...string) *http.Request {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	require.NoError(b.t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	r.Header.Set("X-Amz-Content-Sha256", hash)
	creds := sdk.Credentials{AccessKeyID: b.creds.AccessKeyID, SecretAccessKey: b.creds.SecretAccessKey, SessionToken: b.creds.SessionToken}
	require.NoError(b.t, v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = service == "s3" }).SignHTTP(b.t.Context(), creds, r, hash, service, region, time.Now()))
	return r
}

// tunnel is a client whose every connection leads through one tunnel to host.
func (b *proxyBed) tunnel(host string, h2 bool) *http.Client {
	transport := &http.Transport{ForceAttemptHTTP2: h2, DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, resp, words := b.ask("CONNECT " + host + ":443 HTTP/1.1\r\nHost: " + host + ":443\r\n\r\n")
		if resp.StatusCode != http.StatusOK {
			return nil, errors.New(words)
		}
		protocols := []string{"http/1.1"}
		if h2 {
			protocols = []string{"h2"}
		}
		c := tls.Client(conn, &tls.Config{RootCAs: b.roots, ServerName: host, NextProtos: protocols})
		return c, c.HandshakeContext(ctx)
	}}
	b.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second} // less than a call may hang
}

func send(t testing.TB, c *http.Client, r *http.Request) (int, string) {
	t.Helper()
	resp, err := c.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body)
}

// What the tunnel is for, what the request says and what is signed must be one.
func TestTunnelAndRequestAgree(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	table := []string{"X-Amz-Target", "DynamoDB_20120810.ListTables", "Content-Type", "application/x-amz-json-1.0"}
	for _, h2 := range []bool{false, true} {
		c := b.tunnel("dynamodb.eu-west-1.amazonaws.com", h2)
		status, body := send(t, c, b.signedFor("POST", "https://dynamodb.eu-west-1.amazonaws.com/", "{}", "dynamodb", "eu-west-1", table...))
		require.Equal(t, 200, status, body)
		status, _ = send(t, c, b.signedFor("POST", "https://dynamodb.eu-west-1.amazonaws.com:443/", "{}", "dynamodb", "eu-west-1", table...))
		assert.Equal(t, 200, status, "the port may be named")
		for what, r := range map[string]*http.Request{
			"another host":            b.signedFor("POST", "https://dynamodb.us-east-1.amazonaws.com/", "{}", "dynamodb", "us-east-1", table...),
			"another port":            b.signedFor("POST", "https://dynamodb.eu-west-1.amazonaws.com:8443/", "{}", "dynamodb", "eu-west-1", table...),
			"a host that is not AWS":  b.signedFor("POST", "https://evil.test/", "{}", "dynamodb", "eu-west-1", table...),
			"another service":         b.signedFor("GET", "https://dynamodb.eu-west-1.amazonaws.com/shop/k", "", "s3", "eu-west-1"),
			"another service's call":  b.signedFor("POST", "https://dynamodb.eu-west-1.amazonaws.com/", "{}", "sqs", "eu-west-1", "X-Amz-Target", "AmazonSQS.ListQueues", "Content-Type", "application/x-amz-json-1.0"),
			"another region":          b.signedFor("POST", "https://dynamodb.eu-west-1.amazonaws.com/", "{}", "dynamodb", "us-east-1", table...),
			"the gateway's own paths": b.signedFor("POST", "https://dynamodb.eu-west-1.amazonaws.com/.target/account/", "{}", "dynamodb", "eu-west-1", table...),
		} {
			status, body := send(t, c, r)
			assert.Contains(t, []int{400, 403}, status, "%s: %s", what, body)
		}
		r, err := http.NewRequestWithContext(t.Context(), "GET", "https://dynamodb.eu-west-1.amazonaws.com"+aws.CredentialsPath, nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+b.mint.Token("agent"))
		status, _ = send(t, c, r)
		assert.Equal(t, 403, status, "credentials are for the gateway's own name")
	}
	assert.Len(t, b.amazon.requests(), 4)
}

// One HTTP/2 connection may carry the calls of several principals: as many
// sessions.
func TestTwoPrincipalsInOneTunnel(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	c := b.tunnel("dotted.shop.s3.eu-west-1.amazonaws.com", true)
	put := func(who string) *http.Request {
		b.creds = b.signIn(who)
		return b.signedFor("PUT", "https://dotted.shop.s3.eu-west-1.amazonaws.com/of%20"+who, who, "s3", "eu-west-1")
	}
	requests := []*http.Request{put("one"), put("two"), put("three")}
	var all sync.WaitGroup
	for _, r := range requests {
		all.Go(func() {
			resp, err := c.Do(r)
			if assert.NoError(t, err) {
				assert.Equal(t, "HTTP/2.0 200", fmt.Sprint(resp.Proto, " ", resp.StatusCode))
				resp.Body.Close()
			}
		})
	}
	all.Wait()
	who, sessions := map[string]string{}, map[string]bool{}
	for _, e := range b.Record.Events() {
		if e.Kind == recorder.KindSessionOpened && e.Opened != nil {
			who[e.Session] = e.Opened.Principal.Subject
		}
	}
	for _, op := range b.Record.Operations() {
		assert.Equal(t, []string{"arn arn:aws:s3:::dotted.shop/of " + who[op.Session]}, names(op))
		sessions[op.Session] = true
	}
	assert.Len(t, sessions, 3)
	assert.Equal(t, "two", string(b.amazon.object("/of two")))
}

// In endpoint mode too, some of AWS's calls have a prefix in front of the host:
// the gateway knows it, with or without.
func TestHostPrefixes(t *testing.T) {
	t.Parallel()
	b := newProxyBed(t, nil)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, b.at)
	}}
	steps := []string{"X-Amz-Target", "AWSStepFunctions.StartSyncExecution", "Content-Type", "application/x-amz-json-1.0"}
	machine := `{"stateMachineArn":"arn:aws:states:eu-west-1:123456789012:stateMachine:m"}`
	block := "/v20180820/configuration/publicAccessBlock"
	account := []string{"X-Amz-Account-Id", "123456789012"}
	for _, one := range []struct {
		r             *http.Request
		verb, reaches string
	}{
		{b.signedFor("POST", "http://sync-states.gw.test/", machine, "states", "eu-west-1", steps...), "stepfunctions:StartSyncExecution", "sync-states.eu-west-1.amazonaws.com/"},
		{b.signedFor("POST", "http://gw.test/", machine, "states", "eu-west-1", steps...), "stepfunctions:StartSyncExecution", "sync-states.eu-west-1.amazonaws.com/"},
		{b.signedFor("GET", "http://123456789012.gw.test"+block, "", "s3", "eu-west-1", account...), "s3control:GetPublicAccessBlock", "123456789012.s3-control.eu-west-1.amazonaws.com" + block},
		{b.signedFor("GET", "http://gw.test"+block, "", "s3", "eu-west-1", account...), "s3control:GetPublicAccessBlock", "123456789012.s3-control.eu-west-1.amazonaws.com" + block},
		{b.signedFor("GET", "http://123456789012.gw.test"+block, "", "s3", "eu-west-1"), "s3:GetObject", "s3.eu-west-1.amazonaws.com/123456789012" + block},
		{b.signedFor("GET", "http://gw.test/tiles/raster.satellite/1/0/0", "", "geo-maps", "eu-west-1"), "geo-maps:GetTile", "maps.geo.eu-west-1.amazonaws.com/v2/tiles/raster.satellite/1/0/0"},
		{b.signedFor("GET", "http://dotted.shop.gw.test/k", "", "s3", "eu-west-1"), "s3:GetObject", "s3.eu-west-1.amazonaws.com/dotted.shop/k"},
	} {
		_, body := send(t, &http.Client{Transport: transport}, one.r)
		ops := b.Record.Operations()
		require.NotEmpty(t, ops, body)
		assert.Equal(t, one.verb, ops[len(ops)-1].Verb, body)
		seen := b.amazon.requests()
		if assert.NotEmpty(t, seen, "%s: %s", one.r.URL, body) {
			assert.Equal(t, one.reaches, seen[len(seen)-1].host+seen[len(seen)-1].path)
		}
	}
}
