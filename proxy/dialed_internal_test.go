package proxy

import (
	"io"
	"net"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDialedConnectionsAreForgottenWhenClosed(t *testing.T) {
	var d dialed
	var list []net.Conn
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(t.TempDir(), "s")} {
		ln, err := net.Listen(network, address)
		require.NoError(t, err)
		defer ln.Close()
		conn, err := net.Dial(network, ln.Addr().String())
		require.NoError(t, err)
		kept := d.add(conn)
		_, half := kept.(interface{ CloseWrite() error })
		_, fast := kept.(io.ReaderFrom)
		assert.True(t, half, network)
		assert.Equal(t, network == "tcp", fast)
		list = append(list, kept)
	}
	here, there := net.Pipe()
	defer there.Close()
	list = append(list, d.add(here))
	require.Len(t, d.open, 3)
	for i, c := range list[1:] {
		require.NoError(t, c.Close())
		require.Len(t, d.open, 2-i)
	}
	d.closeAll()
	_, err := list[0].Write([]byte("x"))
	require.ErrorIs(t, err, net.ErrClosed)
	assert.Nil(t, d.add(here))
	_ = list[0].Close()
}
