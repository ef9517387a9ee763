package sigv4_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// clientEnv is all that a client may know: nothing of the user's own configuration.
func clientEnv(t *testing.T) []string {
	return []string{"PATH=/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_ACCESS_KEY_ID=" + clientKey, "AWS_SECRET_ACCESS_KEY=" + clientSecret,
		"AWS_SESSION_TOKEN=" + clientToken, "AWS_DEFAULT_REGION=eu-west-1", "AWS_EC2_METADATA_DISABLED=true", "AWS_MAX_ATTEMPTS=1",
		"LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONWARNINGS=ignore"}
}

func run(t *testing.T, g *relay, stdin []byte, command string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command, args...)
	cmd.Env, cmd.Stdin = clientEnv(t), bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s\n%s", out, g.problem)
}

func TestBoto(t *testing.T) {
	for name, tls := range map[string]bool{"http": false, "https": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRelay(t, tls)
			keys, err := json.Marshal(oddKeys)
			require.NoError(t, err)
			run(t, g, keys, "/usr/bin/python3", "testdata/boto.py", g.front.URL)
			calls := g.done()
			var got []string
			for _, c := range calls {
				if c.method == "GET" && c.claim.Service == "s3" && c.header.Get("Range") != "" {
					got = append(got, strings.TrimPrefix(c.key, "/bucket/"))
				}
			}
			assert.Equal(t, oddKeys, got)
			seen := payloads(calls)
			assert.Contains(t, seen, sigv4.Undeclared)
			if tls {
				assert.Contains(t, seen, sigv4.StreamingUnsignedTrailer)
				assert.Contains(t, seen, sigv4.Unsigned)
			} else {
				assert.Contains(t, seen, sigv4.Hashed)
			}
		})
	}
}

func TestCLI(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a b+c.bin")
	data := bytes.Repeat([]byte("0123456789abcdef"), 9<<16)
	require.NoError(t, os.WriteFile(file, data, 0o600))
	for name, args := range map[string][]string{
		"multipart": {"s3", "cp", file, "s3://bucket/a b+c/ü(1)!.bin"},
		"sts":       {"sts", "get-caller-identity"},
		"dynamodb":  {"dynamodb", "put-item", "--table-name", "table", "--item", `{"id":{"S":"ü"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newRelay(t, false)
			run(t, g, nil, "/usr/bin/aws", append([]string{"--endpoint-url", g.front.URL}, args...)...)
			calls := g.done()
			assert.NotEmpty(t, calls)
			if name == "multipart" {
				assert.Greater(t, len(calls), 3)
			}
		})
	}
}
