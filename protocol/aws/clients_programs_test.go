package aws_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

func testdata(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", name))
	require.NoError(t, err)
	return path
}

// exceptStranger allows everything to all but one.
func exceptStranger(p *proxy.Builder) *proxy.Builder {
	return p.Approve([]approve.Rule{
		{Name: "no strangers", Principals: []string{"stranger"}, Reason: "ask Ada"},
		{Name: "all", Verdict: protocol.Allow},
	})
}

// deniedWords are what the gateway says to a stranger.
const deniedWords = `denied by rule "no strangers": ask Ada`

func TestBoto(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, exceptStranger)
	b.cloud.amazon()
	stranger := b.signIn("stranger")
	all := b.boto("everything", "DENIED="+stranger.AccessKeyID+" "+stranger.SecretAccessKey+" "+stranger.SessionToken)
	counted := verbs(b.Gateway)

	t.Run("each wire", func(t *testing.T) {
		for service, says := range map[string]string{
			"s3": "shop", "dynamodb": "orders", "lambda": "resize", "iam": "ada", "ec2": "i-1", "sqs": "http://q/jobs", "cloudwatch": "Metrics",
			"sts": "arn:aws:sts::123456789012:assumed-role/sallyport/agent",
		} {
			got, _ := all["calls"].(map[string]any)[service].(map[string]any)
			assert.Contains(t, got["answer"], says, "%s: %v", service, got)
		}
	})
	t.Run("denied", func(t *testing.T) {
		denied := all["denied"].(map[string]any)
		for call, got := range denied {
			got := got.(map[string]any)
			if call == "sts" { // nobody is denied to learn who they are, as with AWS
				assert.Contains(t, got["answer"], "assumed-role/sallyport/stranger")
				continue
			}
			words, _ := got["words"].(string)
			assert.Equal(t, 403., got["status"], "%s: %v", call, got)
			assert.Equal(t, 0., got["retries"], call)
			switch call {
			case "head": // the answer has no body
				assert.Contains(t, words, "Forbidden")
			case "role":
				assert.Contains(t, words, "hands AWS credentials to the caller")
			default:
				assert.Equal(t, 1, strings.Count(words, deniedWords), "%s: %s", call, words)
				assert.Contains(t, got["code"], "AccessDenied", call)
			}
		}
		assert.Len(t, denied, 11)
		for _, verb := range []string{"dynamodb:ListTables", "lambda:ListFunctions", "iam:ListUsers", "ec2:DescribeInstances", "sqs:ListQueues", "cloudwatch:ListMetrics", "s3:ListBuckets"} {
			assert.Equal(t, 2, counted[verb], "%s: once allowed and once denied", verb)
		}
		assert.Equal(t, 1, counted["sts:AssumeRole"])
	})
	t.Run("objects", func(t *testing.T) {
		objects := all["objects"].(map[string]any)
		for _, key := range []string{"plain", "a b+c&d=é/ü.txt", "a/../b", "a//b", "/lead", "tail/", "%2e%2e", "(it's)!*~", "a?b#c", ".target/x", "\u202eback"} {
			assert.Equal(t, key, objects[key].(map[string]any)["answer"], key)
			assert.Equal(t, key, string(b.cloud.object("/shop/"+key)))
		}
		for _, key := range []string{"..", "../up"} {
			assert.Contains(t, objects[key].(map[string]any)["words"], "dot segments that lead out", "the path would leave the bucket")
		}
		assert.Equal(t, "2345", objects["range"])
		assert.Equal(t, true, objects["big"])
		assert.Equal(t, []any{"sums"}, objects["list"])
		assert.Equal(t, "NoSuchKey", objects["missing"].(map[string]any)["code"])
		assert.Equal(t, map[string]int{"s3:CreateMultipartUpload": 1, "s3:UploadPart": 2, "s3:CompleteMultipartUpload": 1, "s3:DeleteObjects": 1}, pick(counted, "s3:CreateMultipartUpload", "s3:UploadPart", "s3:CompleteMultipartUpload", "s3:DeleteObjects"))
		op := b.operation("s3:DeleteObjects")
		assert.Equal(t, []string{"arn arn:aws:s3:::shop/digits", "arn arn:aws:s3:::shop/sums"}, names(op))
		b.presigned(objects["get"].(string), objects["put"].(string), objects["sigv2"].(string))
	})
	for _, secret := range []string{stranger.SecretAccessKey, b.creds.SecretAccessKey, stranger.SessionToken, b.creds.SessionToken, realSecret} {
		assert.False(t, b.Record.Holds([]byte(secret)), "no secret is in the record")
		assert.False(t, b.Log.Contains(secret), "no secret is in the log")
	}
}

// presigned opens addresses as a browser would, with no header of AWS's.
func (b *bed) presigned(get, put, sigv2 string) {
	b.t.Helper()
	do := func(method, address, body string) (int, string) {
		r, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
		require.NoError(b.t, err)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Do(r)
		require.NoError(b.t, err)
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		require.NoError(b.t, err)
		return resp.StatusCode, string(got)
	}
	for range 2 { // reading may be repeated until it expires
		status, body := do(http.MethodGet, get, "")
		assert.Equal(b.t, 200, status)
		assert.Equal(b.t, "a b+c&d=é/ü.txt", body)
	}
	status, body := do(http.MethodPut, put, "by its address")
	assert.Equal(b.t, 200, status, body)
	assert.Equal(b.t, "by its address", string(b.cloud.object("/shop/presigned")))
	status, _ = do(http.MethodPut, put, "again")
	assert.Equal(b.t, 400, status, "writing may not")
	status, _ = do(http.MethodGet, strings.Replace(get, "/shop/", "/shop/x", 1), "")
	assert.Equal(b.t, 403, status)
	status, body = do(http.MethodGet, sigv2, "")
	assert.Equal(b.t, 403, status)
	assert.Contains(b.t, body, "signature version 2")
}

func pick(from map[string]int, keys ...string) map[string]int {
	some := map[string]int{}
	for _, k := range keys {
		some[k] = from[k]
	}
	return some
}

func TestCLI(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, nil)
	b.cloud.amazon()
	tree := t.TempDir()
	big := make([]byte, 6<<20)
	_, _ = rand.Read(big)
	for name, content := range map[string]string{"a.txt": "one", "deep/b c.txt": "two", "deep/ü+&.bin": "three", "big": string(big)} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(tree, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(tree, name), []byte(content), 0o600))
	}
	settings := filepath.Join(t.TempDir(), "config")
	require.NoError(t, os.WriteFile(settings, []byte("[default]\ns3 =\n  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n  addressing_style = path\n"), 0o600))
	stdout, stderr, err := b.cli(`set -e; cd "$TREE"
		aws $E s3 sync --only-show-errors . s3://shop/tree
		aws $E s3 ls --recursive s3://shop/
		aws $E s3 cp --only-show-errors s3://shop/tree/big back
		cmp back big
		aws $E s3api get-object --bucket shop --key tree/a.txt --range bytes=1-1 part >/dev/null
		cat part; echo
		aws $E s3 rm --only-show-errors --recursive s3://shop/tree/deep
		aws $E dynamodb get-item --table-name orders --key '{"id":{"S":"1"}}' --query Item.name.S --output text
		aws $E ec2 describe-instances --query 'Reservations[].Instances[].InstanceId' --output text
		aws $E cloudwatch list-metrics --query 'length(Metrics)' --output text
		aws $E sts get-caller-identity --query Arn --output text`, "TREE="+tree, "AWS_CONFIG_FILE="+settings)
	require.NoError(t, err, stderr)
	assert.Empty(t, stderr)
	list, rest, _ := strings.Cut(stdout, "\nn\n")
	assert.Equal(t, 4, strings.Count(list, "\n")+1, list)
	assert.Contains(t, list, "tree/deep/ü+&.bin")
	assert.Equal(t, "Ada\ni-1\n0\narn:aws:sts::123456789012:assumed-role/sallyport/agent", rest)
	assert.True(t, bytes.Equal(big, b.cloud.object("/shop/tree/big")))
	assert.Nil(t, b.cloud.object("/shop/tree/deep/b c.txt"))
	assert.Equal(t, map[string]int{
		"s3:PutObject": 3, "s3:CreateMultipartUpload": 1, "s3:UploadPart": 2, "s3:CompleteMultipartUpload": 1, "s3:HeadObject": 1, "s3:GetObject": 3,
		"s3:DeleteObject": 2, "dynamodb:GetItem": 1, "ec2:DescribeInstances": 1,
		"cloudwatch:ListMetrics": 1, "sts:GetCallerIdentity": 1, "s3:ListObjectsV2": 3,
	}, verbs(b.Gateway))
}

// The CLI shows the gateway's words once, tries once, and fails as it does
// where AWS denies.
func TestCLIDenied(t *testing.T) {
	t.Parallel()
	b := newBed(t, nil, exceptStranger)
	b.creds = b.signIn("stranger")
	for command, verb := range map[string]string{
		"aws $E dynamodb delete-table --table-name orders":        "dynamodb:DeleteTable",
		"aws $E lambda list-functions":                            "lambda:ListFunctions",
		"aws $E iam list-users":                                   "iam:ListUsers",
		"aws $E ec2 describe-instances":                           "ec2:DescribeInstances",
		"echo x | aws $E s3 cp - s3://shop/k":                     "s3:PutObject",
		"aws $E s3api get-object --bucket shop --key k /dev/null": "s3:GetObject",
	} {
		stdout, stderr, err := b.cli(command)
		require.Error(t, err, command)
		assert.Contains(t, []int{1, 254, 255}, exitCode(t, err), command)
		assert.Equal(t, 1, strings.Count(stdout+stderr, deniedWords), "%s: %s", command, stderr)
		op := b.operation(verb)
		assert.Equal(t, protocol.Refused, op.Outcome.Result)
		assert.Contains(t, stderr, fmt.Sprintf("operation %s.%d", op.Session, op.ID), "the id leads to the record")
	}
	assert.Empty(t, b.cloud.requests())
}

// A call that a person is asked about waits, and goes through; the question is
// asked once, however often the client loses patience.
func TestProgramsWait(t *testing.T) {
	t.Parallel()
	people := proxytest.NewPeople("people")
	var hold time.Duration
	answer := func(ctx context.Context, q approve.Request) (approve.Answer, error) {
		select {
		case <-time.After(hold):
		case <-ctx.Done():
			return approve.Answer{}, ctx.Err()
		}
		return approve.Answer{Digest: q.Digest, Approved: true, By: "Ada"}, nil
	}
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "ask", Verdict: protocol.Ask, Verbs: []string{"*:Delete*"}}, {Name: "all", Verdict: protocol.Allow}}, people)
	}, func(p *aws.Plugin) { p.TellEvery(1500 * time.Millisecond) })
	b.cloud.amazon()
	b.cloud.objects["/shop/k"] = []byte("x")
	hold = 3200 * time.Millisecond // longer than the client's patience, which the gateway's words renew
	people.Next(answer)
	_, stderr, err := b.cli("aws $E --cli-read-timeout 2 s3 rm s3://shop/k", "AWS_MAX_ATTEMPTS=1")
	require.NoError(t, err, stderr)
	assert.Nil(t, b.cloud.object("/shop/k"))
	b.operation("s3:DeleteObject")

	hold = 1200 * time.Millisecond // it hears nothing, and sends the call again
	people.Next(answer)
	_, stderr, err = b.cli("aws $E --cli-read-timeout 1 dynamodb delete-table --table-name orders")
	require.NoError(t, err, stderr)
	b.operation("dynamodb:DeleteTable")
	assert.Len(t, people.Asked(), 2)
	deleted := 0
	for _, r := range b.cloud.requests() {
		if strings.HasSuffix(r.target, ".DeleteTable") {
			deleted++
		}
	}
	assert.Equal(t, 1, deleted, fmt.Sprint(b.cloud.requests()))
}
