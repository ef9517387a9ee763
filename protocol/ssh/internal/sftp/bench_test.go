package sftp_test

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/require"
)

// content of an upload; larger than what pipes hold.
const benchSize = 64 << 20

type zeros struct{ left int64 }

func (z *zeros) Read(p []byte) (int, error) {
	if z.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), z.left))
	z.left -= int64(n)
	return n, nil
}

// Size implements what the client sends concurrently by.
func (z *zeros) Size() int64 { return z.left }

func BenchmarkUpload(b *testing.B) {
	legs(b, func(b *testing.B, c *client.Client) {
		b.SetBytes(benchSize)
		for b.Loop() {
			f, err := c.Create("/dev/null")
			require.NoError(b, err)
			_, err = f.ReadFrom(&zeros{benchSize})
			require.NoError(b, err)
			require.NoError(b, f.Close())
		}
	})
}

func BenchmarkDownload(b *testing.B) {
	legs(b, func(b *testing.B, c *client.Client) {
		path := filepath.Join(b.TempDir(), "file")
		require.NoError(b, os.WriteFile(path, nil, 0o600))
		require.NoError(b, os.Truncate(path, benchSize))
		b.SetBytes(benchSize)
		for b.Loop() {
			f, err := c.Open(path)
			require.NoError(b, err)
			n, err := f.WriteTo(io.Discard)
			require.NoError(b, err)
			require.EqualValues(b, benchSize, n)
			require.NoError(b, f.Close())
		}
	})
}

// legs runs a benchmark through the relay, and through one that only copies:
// over sockets as they are, and with SSH on both legs.
func legs(b *testing.B, run func(*testing.B, *client.Client)) {
	for _, over := range []struct {
		name string
		ssh  bool
	}{{"plain", false}, {"ssh", true}} {
		b.Run(over.name+"/copy", func(b *testing.B) {
			run(b, copied(b, over.ssh))
		})
		b.Run(over.name+"/relay", func(b *testing.B) {
			r := startOver(b, setup{server: func(c net.Conn) { target(b, c.(*net.UnixConn), "/", over.ssh) }}, over.ssh)
			r.Record.Thin()
			run(b, newClient(b, r.connect(), over.ssh))
		})
	}
}

func copied(b *testing.B, overSSH bool) *client.Client {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(b, err)
	var all sync.WaitGroup
	all.Go(func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		here, there := pair(b)
		defer here.Close()
		all.Go(func() {
			defer there.Close()
			target(b, there, "/", overSSH)
		})
		if overSSH {
			copyBoth(acceptSSH(conn), dialSSH(b, here))
			return
		}
		copyBoth(conn.(*net.TCPConn), here)
	})
	conn, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(b, err)
	b.Cleanup(func() {
		ln.Close()
		all.Wait()
	})
	return newClient(b, conn, overSSH)
}
