package sts

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/identity"
)

// helper is the variable by which the test binary knows that it is to be a
// credential_process: it prints the file that it names.
const helper = "SALLYPORT_TEST_CREDENTIAL_PROCESS"

func TestMain(m *testing.M) {
	if file := os.Getenv(helper); file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			os.Exit(1)
		}
		_, _ = os.Stdout.Write(b)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

const (
	ofRole      = "arn:aws:sts::123456789012:assumed-role/agents/coder"
	ofContainer = "arn:aws:sts::000000000000:assumed-role/sallyport/coder"
)

// boto asks who it is, in the words of boto3.
const boto = `import boto3, os
print(boto3.client("sts", endpoint_url=os.environ.get("ENDPOINT")).get_caller_identity()["Arn"])`

// client runs a program with an empty home and nothing of AWS in its
// environment but what is given.
func (g *gateway) client(env []string, name string, args ...string) (string, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), time.Minute)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.t.TempDir(), "AWS_REGION=eu-west-1", "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_STS_REGIONAL_ENDPOINTS=regional", "LC_ALL=C.UTF-8", "AWS_PAGER=", "NO_PROXY=127.0.0.1", "ENDPOINT=" + g.url,
	}, env...)
	b, err := c.CombinedOutput()
	return strings.TrimSpace(string(b)), err
}

func (g *gateway) proxy() []string {
	return []string{"HTTPS_PROXY=" + g.url, "AWS_CA_BUNDLE=" + g.caFile, "REQUESTS_CA_BUNDLE=" + g.caFile, "ENDPOINT=https://sts.eu-west-1.amazonaws.com"}
}

func (g *gateway) container() []string {
	return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + g.url + "/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=" + containerToken}
}

func (g *gateway) webIdentity(token string) []string {
	file := filepath.Join(g.t.TempDir(), "token")
	require.NoError(g.t, os.WriteFile(file, []byte(token), 0o600))
	return []string{"AWS_ROLE_ARN=" + role, "AWS_ROLE_SESSION_NAME=coder", "AWS_WEB_IDENTITY_TOKEN_FILE=" + file}
}

func (g *gateway) process() []string {
	c, err := g.issue(identity.Principal{Issuer: "i", Subject: "coder"}, 0)
	require.NoError(g.t, err)
	dir := g.t.TempDir()
	document, settings := filepath.Join(dir, "document"), filepath.Join(dir, "config")
	require.NoError(g.t, os.WriteFile(document, c.Document(), 0o600))
	self, err := os.Executable()
	require.NoError(g.t, err)
	require.NoError(g.t, os.WriteFile(settings, fmt.Appendf(nil, "[default]\ncredential_process = %q\n", self), 0o600))
	return []string{"AWS_CONFIG_FILE=" + settings, helper + "=" + document}
}

func TestPrograms(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		env   func(*gateway) []string
		want  string
		asked []string
	}{
		"web identity through the proxy": {
			func(g *gateway) []string { return append(g.proxy(), g.webIdentity(webToken)...) }, ofRole,
			[]string{"CONNECT sts.eu-west-1.amazonaws.com", ActionAssumeRoleWithWebIdentity, "CONNECT sts.eu-west-1.amazonaws.com", ActionGetCallerIdentity},
		},
		"container": {(*gateway).container, ofContainer, []string{"container", ActionGetCallerIdentity}},
		"process":   {(*gateway).process, ofContainer, []string{ActionGetCallerIdentity}},
	} {
		for program, run := range map[string]func(g *gateway, env []string) (string, error){
			"aws": func(g *gateway, env []string) (string, error) {
				args := []string{"sts", "get-caller-identity", "--query", "Arn", "--output", "text"}
				if !strings.Contains(strings.Join(env, " "), "HTTPS_PROXY") {
					args = append(args, "--endpoint-url", g.url)
				}
				return g.client(env, "/usr/bin/aws", args...)
			},
			"boto3": func(g *gateway, env []string) (string, error) { return g.client(env, "/usr/bin/python3", "-c", boto) },
		} {
			t.Run(program+", "+name, func(t *testing.T) {
				t.Parallel()
				g := newGateway(t)
				got, err := run(g, tt.env(g))
				require.NoError(t, err, got)
				assert.Equal(t, tt.want, got)
				assert.Equal(t, tt.asked, g.asked())
				assert.Empty(t, g.problems)
			})
		}
	}
}

// A client shows our words, and does not ask again.
func TestProgramsShowRefusals(t *testing.T) {
	t.Parallel()
	for token, says := range map[string]string{
		"nobody's": "An error occurred (IDPRejectedClaim) when calling the AssumeRoleWithWebIdentity operation: The web identity token is not accepted by this gateway.",
		"expired":  "An error occurred (ExpiredTokenException) when calling the AssumeRoleWithWebIdentity operation: The web identity token has expired",
	} {
		t.Run(token, func(t *testing.T) {
			t.Parallel()
			g := newGateway(t)
			got, err := g.client(append(g.proxy(), g.webIdentity(token)...), "/usr/bin/aws", "sts", "get-caller-identity")
			require.Error(t, err)
			assert.Contains(t, got, says)
			assert.Equal(t, []string{"CONNECT sts.eu-west-1.amazonaws.com", ActionAssumeRoleWithWebIdentity}, g.asked())
		})
	}
}

func (g *gateway) goSTS(p aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(g.url), Credentials: p, RetryMaxAttempts: 2})
}

func TestGo(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	anonymous := g.goSTS(nil)
	token := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(token, []byte(webToken), 0o600))
	container := endpointcreds.New(g.url+"/credentials", func(o *endpointcreds.Options) { o.AuthorizationToken = containerToken })
	for want, p := range map[string]aws.CredentialsProvider{
		ofRole: stscreds.NewWebIdentityRoleProvider(anonymous, role, stscreds.IdentityTokenFile(token), func(o *stscreds.WebIdentityRoleOptions) {
			o.RoleSessionName, o.Duration = "coder", 20*time.Minute
		}),
		ofContainer: container,
	} {
		got, err := g.goSTS(p).GetCallerIdentity(t.Context(), nil)
		require.NoError(t, err)
		assert.Equal(t, want, *got.Arn)
		assert.Equal(t, strings.Split(want, ":")[4], *got.Account)
		assert.True(t, strings.HasSuffix(*got.UserId, ":coder"))
		c, err := p.Retrieve(t.Context())
		require.NoError(t, err)
		assert.True(t, c.CanExpire && c.Expires.After(time.Now().Add(15*time.Minute)))
	}
	assert.Empty(t, g.problems)

	// A secret that is not ours.
	_, err := g.goSTS(credentials.NewStaticCredentialsProvider("ASIAAAAAAAAAAAAAAAAA", "x", "y")).GetCallerIdentity(t.Context(), nil)
	require.ErrorContains(t, err, "IDPRejectedClaim")
}

// The environment is all that is set, as the docs of clients tell.
func TestGoFromEnvironment(t *testing.T) {
	g := newGateway(t)
	for _, e := range append(g.webIdentity(webToken), "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL_STS="+g.url, "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent") {
		k, v, _ := strings.Cut(e, "=")
		t.Setenv(k, v)
	}
	c, err := config.LoadDefaultConfig(t.Context())
	require.NoError(t, err)
	got, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), nil)
	require.NoError(t, err)
	assert.Equal(t, ofRole, *got.Arn)
	assert.Equal(t, []string{ActionAssumeRoleWithWebIdentity, ActionGetCallerIdentity}, g.asked())
}

func TestGoRefusals(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	ask := func(token string, change func(*sts.AssumeRoleWithWebIdentityInput)) error {
		in := &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String(role), RoleSessionName: aws.String("coder"), WebIdentityToken: aws.String(token)}
		change(in)
		_, err := g.goSTS(nil).AssumeRoleWithWebIdentity(t.Context(), in)
		return err
	}
	same := func(*sts.AssumeRoleWithWebIdentityInput) {}
	var expired *types.ExpiredTokenException
	require.ErrorAs(t, ask("expired", same), &expired)
	var rejected *types.IDPRejectedClaimException
	require.ErrorAs(t, ask("nobody's", same), &rejected)
	assert.Equal(t, "The web identity token is not accepted by this gateway.", rejected.ErrorMessage())
	require.ErrorContains(t, ask(webToken, func(in *sts.AssumeRoleWithWebIdentityInput) { in.Policy = aws.String("{}") }), "cannot narrow")
	require.ErrorContains(t, ask(webToken, func(in *sts.AssumeRoleWithWebIdentityInput) {
		in.PolicyArns = []types.PolicyDescriptorType{{Arn: aws.String("arn:aws:iam::aws:policy/ReadOnlyAccess")}}
	}), "cannot narrow")
	_, err := g.goSTS(nil).AssumeRoleWithSAML(t.Context(), &sts.AssumeRoleWithSAMLInput{
		RoleArn: aws.String(role), PrincipalArn: aws.String("arn:aws:iam::123456789012:saml-provider/x"), SAMLAssertion: aws.String("hush"),
	})
	require.ErrorContains(t, err, "not supported by this gateway yet")
	assert.Len(t, g.asked(), 5, "each once")

	var away *types.IDPCommunicationErrorException
	require.ErrorAs(t, ask("away", same), &away)
	assert.Len(t, g.asked(), 7, "this one again")
}
