//go:build unix

package main

import (
	"context"
	"encoding/base64"
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

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/recorder"
)

// cloud stands for AWS: an STS that gives a role's credentials, and one answer
// to all else.
type cloud struct {
	*httptest.Server
	t *testing.T

	mu   sync.Mutex
	seen []string
}

const assumed = `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>ASIAROLEROLEROLEROLE</AccessKeyId><SecretAccessKey>role's secret</SecretAccessKey><SessionToken>role's token</SessionToken><Expiration>%s</Expiration>
</Credentials></AssumeRoleResult></AssumeRoleResponse>`

func newCloud(t *testing.T) *cloud {
	c := &cloud{t: t}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	assert.NoError(c.t, err)
	key, _, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential="), "/")
	c.mu.Lock()
	c.seen = append(c.seen, strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", key, r.Method, r.URL.Path, body)))
	c.mu.Unlock()
	w.Header().Set("Content-Type", "text/xml")
	if strings.Contains(string(body), "Action=AssumeRole") {
		fmt.Fprintf(w, assumed, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		return
	}
	fmt.Fprint(w, `<?xml version="1.0"?><ListAllMyBucketsResult><Buckets><Bucket><Name>shop</Name></Bucket><Bucket><Name>AKIAZ7QYXWVUTSRPONML</Name></Bucket></Buckets></ListAllMyBucketsResult>`)
}

func (c *cloud) requests() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.seen...)
}

// startAWSBed starts a gateway from a file for AWS alone.
func startAWSBed(t *testing.T) (*bed, *cloud) {
	c := newCloud(t)
	dir, err := os.MkdirTemp("", "gw") // paths of sockets must be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	b := &bed{t: t, dir: dir, admin: filepath.Join(dir, "admin.sock"), token: identity.NewToken(), log: &output{}}
	b.administer()
	for _, args := range [][]string{{"aws", "key", filepath.Join(dir, "aws.key")}, {"aws", "authority", filepath.Join(dir, "ca")}} {
		status, _, stderr := gatewayCommand(t, args...)
		require.Zero(t, status, stderr)
	}
	hash, err := identity.HashToken(b.token)
	require.NoError(t, err)
	write(t, dir, "tokens.yaml", fmt.Sprintf("tokens:\n  - {name: coder, hash: %q, groups: [agents]}\n", hash))
	write(t, dir, "id", "AKIAREALREALREALREAL\n")
	write(t, dir, "secret", "hunter2hunter2\n")
	write(t, dir, "revoked.yaml", "revoked: []\n")
	b.file = write(t, dir, "g.yaml", fmt.Sprintf(`name: g
admin: {listen: %s}
identity: {tokens: {file: tokens.yaml}}
targets:
  - name: cloud
    address: %q
    tls: {mode: disable}
    account: "123456789012"
    login: {access_key_id: "file:id", secret_access_key: "file:secret", role: {arn: "arn:aws:iam::123456789012:role/agents", tags: {team: search}}}
listeners:
  - {protocol: aws, address: "127.0.0.1:0", targets: [cloud]}
rules:
  - {name: nothing is destroyed, verdict: deny, effects: [destroy], reason: "ask a person to do it"}
  - {name: reading, verdict: allow, groups: [agents], effects: [read]}
masks: {detectors: [secrets]}
record: {dir: journal}
aws:
  keys: ["file:aws.key"]
  revocations: revoked.yaml
  authority: {cert: ca.crt, key: ca.key}
`, b.admin, strings.TrimPrefix(c.URL, "http://")))
	b.run()
	return b, c
}

// cli runs Debian's AWS CLI with what the environment says beside the region.
func (b *bed) cli(env []string, args ...string) (string, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/usr/bin/aws", args...)
	cmd.Dir = b.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "AWS_DEFAULT_REGION=eu-west-1", "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true"}, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestFromFileToAWS(t *testing.T) {
	b, c := startAWSBed(t)
	url := "http://127.0.0.1:" + b.port
	token := []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + url + aws.CredentialsPath,
		"AWS_CONTAINER_AUTHORIZATION_TOKEN=Basic " + base64.StdEncoding.EncodeToString([]byte("coder:"+b.token))}
	list := []string{"s3api", "list-buckets", "--query", "Buckets[].Name", "--output", "text"}
	const shown = "shop\t********************\n"

	// Credentials that outlive this command.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+aws.CredentialsPath, nil)
	require.NoError(t, err)
	r.SetBasicAuth("coder", b.token)
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	document, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	kept := []string{}
	for _, one := range [][2]string{{"AWS_ACCESS_KEY_ID", "AccessKeyId"}, {"AWS_SECRET_ACCESS_KEY", "SecretAccessKey"}, {"AWS_SESSION_TOKEN", "SessionToken"}} {
		m := regexp.MustCompile(`"` + one[1] + `":"([^"]+)"`).FindSubmatch(document)
		require.NotNil(t, m, "%s", document)
		kept = append(kept, one[0]+"="+string(m[1]))
	}

	t.Run("by an endpoint", func(t *testing.T) {
		out, err := b.cli(token, append(list, "--endpoint-url", url)...)
		require.NoError(t, err, out)
		assert.Equal(t, shown, out)
		out, err = b.cli(kept, "s3api", "delete-bucket", "--bucket", "shop", "--endpoint-url", url)
		require.Error(t, err)
		assert.Contains(t, out, `(AccessDenied) when calling the DeleteBucket operation: denied by rule "nothing is destroyed": ask a person to do it (operation g-`)
	})
	t.Run("a proxy leads to AWS, not to a store", func(t *testing.T) {
		out, err := b.cli(append(kept, "HTTPS_PROXY="+url, "AWS_CA_BUNDLE=ca.crt"), list...)
		require.Error(t, err, out)
		b.logged("the client asked for a host of AWS, which the target is not")
	})
	t.Run("as the role", func(t *testing.T) {
		seen := c.requests()
		require.NotEmpty(t, seen)
		assert.Contains(t, seen[0], "AKIAREALREALREALREAL: POST / Action=AssumeRole")
		for _, part := range []string{"RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fagents", "SourceIdentity=coder", "RoleSessionName=g-", "Tags.member.3.Key=team"} {
			assert.Contains(t, seen[0], part)
		}
		assert.Contains(t, seen, "ASIAROLEROLEROLEROLE: GET /")
		assert.NotContains(t, strings.Join(seen, "\n"), "DELETE")
	})
	t.Run("revocations follow a reload", func(t *testing.T) {
		id := strings.TrimPrefix(kept[0], "AWS_ACCESS_KEY_ID=")
		write(t, b.dir, "revoked.yaml", "revoked:\n  - {access_key_id: nonsense}\n")
		require.ErrorContains(t, reloadBed(b), "revoked.yaml:2: revoked[0]: access_key_id is not one of ours")
		write(t, b.dir, "revoked.yaml", "revoked:\n  - {access_key_id: "+id+"}\n")
		out, err := b.cli(kept, append(list, "--endpoint-url", url)...)
		require.NoError(t, err, "not reloaded yet: %s", out)
		require.NoError(t, b.gateway.Process.Signal(syscall.SIGHUP))
		b.logged("aws_revoked=1")
		out, err = b.cli(kept, append(list, "--endpoint-url", url)...)
		require.Error(t, err)
		assert.Contains(t, out, "InvalidClientTokenId")
		out, err = b.cli(token, append(list, "--endpoint-url", url)...)
		require.NoError(t, err, "others are good: %s", out)
	})
	t.Run("the record has it", func(t *testing.T) {
		record, err := recorder.Open(filepath.Join(b.dir, "journal"))
		require.NoError(t, err)
		var events strings.Builder
		require.NoError(t, recorder.Export(&events, record.All(0)))
		for _, want := range []string{`"s3:ListBuckets"`, `"sts:AssumeRole"`, `"rule":"nothing is destroyed"`, "arn:aws:s3:::shop", "issued ASIA"} {
			assert.Contains(t, events.String(), want)
		}
		secrets := []string{b.token, "AKIAZ7QYXWVUTSRPONML", "hunter2hunter2", "role's secret", "role's token"}
		for _, v := range kept[1:] {
			_, v, _ = strings.Cut(v, "=")
			secrets = append(secrets, v)
		}
		for _, secret := range secrets {
			assert.NotContains(t, events.String(), secret)
			assert.NotContains(t, b.log.String(), secret)
		}
	})
}
