//go:build unix

package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

const realKey = "AKIAREALREALREALREAL"

// store stands for AWS: it answers what the test asks of it, and keeps what
// came.
type store struct {
	*httptest.Server
	t *testing.T

	mu   sync.Mutex
	seen []string
}

func newStore(t *testing.T) *store {
	s := &store{t: t}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(s.t, err)
	assert.Contains(s.t, r.Header.Get("Authorization"), "Credential="+realKey+"/", "signed by the gateway")
	assert.Empty(s.t, r.Header.Get("X-Amz-Security-Token"))
	s.mu.Lock()
	s.seen = append(s.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+string(body)))
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/xml")
	switch {
	case r.Method == http.MethodPut:
		w.Header().Set("ETag", `"0123"`)
	case r.URL.Path == "/":
		fmt.Fprint(w, `<?xml version="1.0"?><ListAllMyBucketsResult><Buckets><Bucket><Name>shop</Name></Bucket></Buckets></ListAllMyBucketsResult>`)
	default:
		fmt.Fprint(w, `<?xml version="1.0"?><ListBucketResult><Name>shop</Name><KeyCount>1</KeyCount><Contents><Key>AKIAZ7QYXWVUTSRPONML</Key></Contents></ListBucketResult>`)
	}
}

func (s *store) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

// running is the example, run as its comment says.
type running struct {
	t       *testing.T
	dir     string
	address string
	token   string
	answers io.Writer // what the person at the terminal types
}

func start(t *testing.T, s *store) *running {
	g := &running{t: t, dir: t.TempDir(), token: identity.NewToken()}
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	g.write("issuer.key", base64.StdEncoding.EncodeToString(random)+"\n")
	g.write("store.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	cert, key, err := aws.NewAuthority("agents", time.Hour)
	require.NoError(t, err)
	g.write("authority.crt", string(cert))
	g.write("authority.key", string(key))
	binary := filepath.Join(t.TempDir(), "gateway")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	t.Cleanup(func() { log.Close() })
	logged := func() string {
		b, err := os.ReadFile(log.Name())
		require.NoError(t, err)
		return string(b)
	}
	gateway := exec.Command(binary)
	gateway.Dir, gateway.Stdout, gateway.Stderr = g.dir, log, log
	gateway.Env = []string{"AWS_ACCESS_KEY_ID=" + realKey, "AWS_SECRET_ACCESS_KEY=real", "ACCOUNT=123456789012", "AGENT_TOKEN=" + g.token,
		"LISTEN=127.0.0.1:0", "STORE=" + s.Listener.Addr().String(), "STORE_CA=store.pem", "AUTHORITY=authority"}
	in, err := gateway.StdinPipe()
	require.NoError(t, err)
	g.answers = in
	require.NoError(t, gateway.Start())
	t.Cleanup(func() {
		require.NoError(t, gateway.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, gateway.Wait(), "it ends in order")
		assert.DirExists(t, filepath.Join(g.dir, "journal"))
		assert.NotContains(t, logged(), g.token)
		if t.Failed() {
			t.Log(logged())
		}
	})
	listens := regexp.MustCompile(`gateway listens.* address=(\S+)`)
	require.Eventually(t, func() bool { return listens.MatchString(logged()) }, time.Minute, 10*time.Millisecond, "it does not listen")
	g.address = listens.FindStringSubmatch(logged())[1]
	return g
}

func (g *running) write(name, content string) {
	g.t.Helper()
	require.NoError(g.t, os.WriteFile(filepath.Join(g.dir, name), []byte(content), 0o600))
}

// cli runs Debian's AWS CLI as the agent.
func (g *running) cli(env []string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/aws", args...)
	cmd.Dir = g.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.t.TempDir(), "AWS_DEFAULT_REGION=eu-west-1", "AWS_PAGER=",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://" + g.address + aws.CredentialsPath,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=Basic " + base64.StdEncoding.EncodeToString([]byte("agent:"+g.token))}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestGateway(t *testing.T) {
	s := newStore(t)
	g := start(t, s)
	endpoint := []string{"--endpoint-url", "http://" + g.address}
	g.write("object", "content")

	out, err := g.cli(nil, append(endpoint, "s3api", "list-objects-v2", "--bucket", "shop")...)
	require.NoError(t, err, out)
	assert.Contains(t, out, `"Key": "********************"`, "secrets are masked")

	put := append(endpoint, "s3api", "put-object", "--bucket", "shop", "--key", "new", "--body", "object")
	_, err = io.WriteString(g.answers, "n\n")
	require.NoError(t, err)
	out, err = g.cli(nil, put...)
	require.Error(t, err)
	assert.Contains(t, out, `denied by rule "all else needs a person"`)
	_, err = io.WriteString(g.answers, "y\n")
	require.NoError(t, err)
	out, err = g.cli(nil, put...)
	require.NoError(t, err, out)

	for want, args := range map[string][]string{
		`denied by rule "nothing is destroyed": ask a person to do it`: {"s3api", "delete-object", "--bucket", "shop", "--key", "new"},
		"it hands AWS credentials to the caller":                       {"sts", "get-session-token"},
	} {
		out, err = g.cli(nil, append(endpoint, args...)...)
		require.Error(t, err)
		assert.Contains(t, out, "AccessDenied")
		assert.Contains(t, out, want)
	}

	// A proxy leads to AWS, and the target of this test is a store.
	out, err = g.cli([]string{"HTTPS_PROXY=http://" + g.address, "AWS_CA_BUNDLE=authority.crt"}, "s3api", "list-buckets", "--query", "Buckets[].Name", "--output", "text")
	require.Error(t, err, out)
	assert.Contains(t, out, "proxy")

	out, err = g.cli([]string{"AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer wrong"}, append(endpoint, "s3api", "list-buckets")...)
	require.Error(t, err, out)
	assert.Equal(t, []string{"GET /shop", "PUT /shop/new content"}, s.requests(), "nothing else reached the target")
}

func TestRules(t *testing.T) {
	agent := identity.Principal{Issuer: "static", Subject: "agent"}
	object := []protocol.Object{{Kind: "arn", Name: "arn:aws:s3:::shop"}}
	ask := func(verb string, e protocol.Effects, want protocol.Verdict, rule string) proxytest.Case {
		o := append([]protocol.Object(nil), object...)
		o[0].Effects = e
		return proxytest.Case{Principal: agent, Operation: protocol.Operation{Verb: verb, Effects: e, Objects: o}, Want: want, Rule: rule}
	}
	_, err := approve.NewPolicy(rules()...)
	require.NoError(t, err)
	proxytest.Policy(t, rules(), []proxytest.Case{
		ask("ec2:DescribeInstances", protocol.Read, protocol.Allow, "reading"),
		ask("secretsmanager:GetSecretValue", protocol.Read, protocol.Deny, "no secrets"),
		ask("secretsmanager:BatchGetSecretValue", protocol.Read, protocol.Deny, "no secrets"),
		ask("secretsmanager:ListSecrets", protocol.Read, protocol.Allow, "reading"),
		ask("ssm:GetParametersByPath", protocol.Read, protocol.Deny, "no secrets"),
		ask("iam:CreateAccessKey", protocol.Write|protocol.Credential, protocol.Deny, "no credentials"),
		ask("ec2:TerminateInstances", protocol.Write|protocol.Destroy, protocol.Deny, "nothing is destroyed"),
		ask("iam:PutUserPolicy", protocol.Write|protocol.Access, protocol.Ask, "all else needs a person"),
		ask("ssm:SendCommand", protocol.Write|protocol.Code|protocol.Opaque, protocol.Ask, "all else needs a person"),
	})
}

func TestItIsShort(t *testing.T) {
	code, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.Less(t, strings.Count(string(code), "\n"), 80, "the example promises to be short")
}
