package sftp_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func TestUploadAndDownload(t *testing.T) {
	t.Run("plain", func(t *testing.T) { uploadAndDownload(t, false) })
	t.Run("over SSH", func(t *testing.T) { uploadAndDownload(t, true) })
}

func uploadAndDownload(t *testing.T, overSSH bool) {
	var r *rig
	r = startOver(t, setup{server: func(c net.Conn) { target(t, c.(*net.UnixConn), r.root, overSSH) }}, overSSH)
	c := newClient(t, r.connect(), overSSH)
	content := make([]byte, 3<<20+17)
	_, _ = rand.Read(content)
	sum := sha256.Sum256(content)

	f, err := c.Create("up")
	require.NoError(t, err)
	_, err = io.Copy(f, bytes.NewReader(content))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	stored, err := os.ReadFile(filepath.Join(r.root, "up"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, stored))

	g, err := c.Open("up")
	require.NoError(t, err)
	var back bytes.Buffer
	_, err = g.WriteTo(&back)
	require.NoError(t, err)
	require.NoError(t, g.Close())
	require.True(t, bytes.Equal(content, back.Bytes()))
	require.NoError(t, c.Close())
	require.NoError(t, r.ended())

	path := filepath.Join(r.root, "up")
	var up, down bool
	for _, op := range r.Record.Operations() {
		require.NotNil(t, op.Outcome, op.Text)
		switch op.Verb {
		case "sftp.readwrite", "sftp.write":
			up = true
			assert.Equal(t, fmt.Sprintf("sha256:%x %d bytes written, contiguous from 0", sum, len(content)), op.Outcome.Text)
			assert.EqualValues(t, len(content), op.Outcome.Units)
			assert.Equal(t, path, op.Objects[0].Name)
			assert.True(t, op.Objects[0].Resolved)
		case "sftp.read":
			down = true
			assert.Equal(t, fmt.Sprintf("sha256:%x %d bytes read, contiguous from 0", sum, len(content)), op.Outcome.Text)
		default:
			continue
		}
		assert.Equal(t, protocol.OK, op.Outcome.Result)
	}
	assert.True(t, up && down)
	assert.False(t, r.Record.Holds(content[1000:1100]))
}
