package main

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// bed is a gateway with a static token for "coder", and the command, built.
type bed struct {
	t                  *testing.T
	dir, binary, token string
	gateway            *proxytest.Gateway
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, dir: t.TempDir(), token: identity.NewToken()}
	b.binary = filepath.Join(b.dir, "awscredentials")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", b.binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	hash, err := identity.HashToken(b.token)
	require.NoError(t, err)
	tokens, err := identity.NewTokens("static", identity.Token{Name: "coder", Verifier: hash})
	require.NoError(t, err)
	key, err := awskeys.ParseKey(base64.StdEncoding.EncodeToString([]byte("not random, but of 32 characters")))
	require.NoError(t, err)
	issuer, err := awskeys.New(key)
	require.NoError(t, err)
	// It also lends its certificate.
	target := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(target.Close)
	b.write("ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: target.Certificate().Raw})))
	b.gateway = proxytest.Start(t, func(p *proxy.Builder) *proxy.Builder {
		return p.Identify(tokens, issuer).AllowAll().Certificate(target.TLS.Certificates[0]).Listen("127.0.0.1:0",
			aws.New(aws.Config{Issuer: issuer, Account: "123456789012", Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: "AKIAREAL", SecretAccessKey: aws.NewSecret("real")}})}),
			protocol.Target{Name: "prod", Address: target.Listener.Addr().String()})
	})
	return b
}

func (b *bed) write(name, content string) string {
	b.t.Helper()
	path := filepath.Join(b.dir, name)
	require.NoError(b.t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// run runs the command and returns what it printed.
func (b *bed) run(env []string, args ...string) (stdout, stderr string, err error) {
	cmd := exec.CommandContext(b.t.Context(), b.binary, args...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &complaints, env
	err = cmd.Run()
	return out.String(), complaints.String(), err
}

// The CLI asks the command by itself, in the clear on loopback and by TLS.
func TestCLI(t *testing.T) {
	b := newBed(t)
	file := b.write("token", b.token+"\n")
	for scheme, more := range map[string]string{"http": "", "https": " -ca " + filepath.Join(b.dir, "ca.pem")} {
		url := scheme + "://" + b.gateway.Addr()
		config := b.write("config", fmt.Sprintf("[profile agent]\nregion = eu-west-1\ncredential_process = %s -gateway %s -name coder -token-file %s%s\n", b.binary, url, file, more))
		cmd := exec.CommandContext(t.Context(), "/usr/bin/aws", "--profile", "agent", "--endpoint-url", url, "--output", "text", "sts", "get-caller-identity", "--query", "Arn")
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "AWS_CONFIG_FILE=" + config, "AWS_CA_BUNDLE=" + filepath.Join(b.dir, "ca.pem"), "AWS_EC2_METADATA_DISABLED=true", "HTTPS_PROXY=http://127.0.0.1:1", "NO_PROXY=127.0.0.1"}
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Regexp(t, `^arn:aws:sts::123456789012:assumed-role/.*coder`, string(out))
	}
}

func TestWhatItSays(t *testing.T) {
	b := newBed(t)
	good := "http://" + b.gateway.Addr()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Authorization") {
		case "Bearer redirect":
			http.Redirect(w, r, good+aws.CredentialsPath, http.StatusFound)
		default:
			fmt.Fprint(w, "{}")
		}
	}))
	defer elsewhere.Close()
	empty := b.write("empty", "\n")
	token := "SALLYPORT_TOKEN=" + b.token
	for name, c := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"no gateway":        {[]string{token}, nil, "-gateway must be an https URL"},
		"in the clear":      {[]string{token}, []string{"-gateway", "http://gateway.internal"}, "http is for loopback only"},
		"user in the URL":   {[]string{token}, []string{"-gateway", "http://127.0.0.1@gateway.internal"}, "http is for loopback only"},
		"another scheme":    {[]string{token}, []string{"-gateway", "ftp://127.0.0.1"}, "-gateway must be an https URL"},
		"no token":          {nil, []string{"-gateway", good}, "there is no token"},
		"no such file":      {[]string{token}, []string{"-gateway", good, "-token-file", filepath.Join(b.dir, "none")}, "there is no token"},
		"empty file":        {[]string{token}, []string{"-gateway", good, "-token-file", empty}, "there is no token"},
		"no CA":             {[]string{token}, []string{"-gateway", "https://" + b.gateway.Addr(), "-ca", empty}, "empty cannot be read, or holds no certificate"},
		"unknown authority": {[]string{token}, []string{"-gateway", "https://" + b.gateway.Addr()}, "the gateway did not answer: "},
		"wrong name":        {[]string{token}, []string{"-gateway", good, "-name", "other"}, `the gateway gave no credentials: "401 Unauthorized" "the token was refused"`},
		"wrong token":       {[]string{"SALLYPORT_TOKEN=wrong"}, []string{"-gateway", good, "-name", "coder"}, `"the token was refused"`},
		"nobody there":      {[]string{token}, []string{"-gateway", "http://127.0.0.1:1"}, "the gateway did not answer: "},
		"another server":    {[]string{token}, []string{"-gateway", elsewhere.URL}, `the gateway gave no credentials: "200 OK" ""`},
		"redirected":        {[]string{"SALLYPORT_TOKEN=redirect"}, []string{"-gateway", elsewhere.URL}, `the gateway gave no credentials: "302 Found" ""`},
	} {
		t.Run(name, func(t *testing.T) {
			stdout, stderr, err := b.run(c.env, c.args...)
			require.Error(t, err)
			assert.Contains(t, stderr, c.want)
			assert.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			assert.NotRegexp(t, "^[0-9]", stderr)
			assert.NotContains(t, stderr, b.token)
			assert.Empty(t, stdout)
		})
	}
	for _, path := range []string{"", "/", "/.target/prod", "/.target/prod/"} {
		stdout, stderr, err := b.run([]string{token}, "-gateway", good+path, "-name", "coder")
		require.NoError(t, err, stderr)
		assert.Contains(t, stdout, `"AccessKeyId":"ASIA`)
	}
	assert.NotContains(t, b.gateway.Log.String(), b.token)
}

func TestItIsShort(t *testing.T) {
	code, err := os.ReadFile("main.go")
	require.NoError(t, err)
	assert.LessOrEqual(t, strings.Count(string(code), "\n"), 60)
}
