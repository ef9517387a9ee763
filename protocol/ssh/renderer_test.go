package ssh_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/ssh"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// Whatever the plugin records with its content can be read again.
func TestRecordIsReadable(t *testing.T) {
	r := start(t, options{})
	there := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(there, "known-name"), []byte("x"), 0o640))
	got := r.run("ls -l "+there+"\nget "+there+"/known-name\nget "+there+"/missing\n", "sftp", "gateway")
	require.Contains(t, got.stdout, "known-name", got.stderr)
	r.ssh("echo hello")
	var out bytes.Buffer
	for _, e := range r.Record.Events() {
		if e.Part != nil && len(e.Payload) > 0 {
			require.NoError(t, ssh.Renderer{}.Render(&out, e.Part.Kind, nil, e.Payload), e.Part.Kind)
		}
	}
	for _, words := range []string{"hello\n", "known-name", "init, version 3\n", "version 3\n", "NO_SUCH_FILE", "readdir"} {
		assert.Contains(t, out.String(), words)
	}
}

func FuzzRender(f *testing.F) {
	for _, kind := range []string{"stdout", "request", "response", "gateway", "window-change", "other"} {
		f.Add(kind, wire.AppendStatus(nil, 1, wire.EOF, "end"))
		f.Add(kind, wire.AppendRequest(nil, &wire.Request{Kind: wire.Open, Path: []byte("/x")}))
		f.Add(kind, []byte("\x00\x00\x00\x05\x01\x00\x00\x00\x03"))
	}
	f.Fuzz(func(t *testing.T, kind string, payload []byte) {
		var out bytes.Buffer
		_ = ssh.Renderer{}.Render(&out, kind, nil, payload)
		if out.Len() > 100*len(payload)+200 {
			t.Fatalf("%d bytes became %d", len(payload), out.Len())
		}
	})
}
