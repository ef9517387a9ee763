package proxy

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// tcpPair returns the two ends of a connection.
func tcpPair(t *testing.T) (here, there *net.TCPConn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	require.NoError(t, err)
	accepted, err := ln.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		dialed.Close()
		accepted.Close()
	})
	return accepted.(*net.TCPConn), dialed.(*net.TCPConn)
}

func TestDirectConnectionsCarryMoreThanTheSocketHolds(t *testing.T) {
	accepted, there := tcpPair(t)
	here := direct(accepted)
	want := make([]byte, 8<<20)
	_, _ = rand.Read(want)
	sent := make(chan error, 1)
	go func() {
		n, err := here.Write(want)
		sent <- errors.Join(err, here.(interface{ CloseWrite() error }).CloseWrite())
		assert.Equal(t, len(want), n)
	}()
	got, err := io.ReadAll(there)
	require.NoError(t, err)
	require.NoError(t, <-sent)
	assert.True(t, bytes.Equal(want, got))

	go func() {
		_, err := there.Write(want)
		sent <- errors.Join(err, there.CloseWrite())
	}()
	got, err = io.ReadAll(here)
	require.NoError(t, err)
	require.NoError(t, <-sent)
	assert.True(t, bytes.Equal(want, got))
	n, err := here.Read(make([]byte, 1))
	assert.Zero(t, n)
	assert.Equal(t, io.EOF, err)
}

// TestDirectConnectionsFailAsOthersDo compares with package net.
func TestDirectConnectionsFailAsOthersDo(t *testing.T) {
	full := make([]byte, 16<<20)
	for name, fail := range map[string]func(c net.Conn, peer *net.TCPConn) error{
		"read deadline that passed": func(c net.Conn, _ *net.TCPConn) error {
			_ = c.SetReadDeadline(time.Unix(1, 0))
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"read deadline that comes": func(c net.Conn, _ *net.TCPConn) error {
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"write deadline": func(c net.Conn, _ *net.TCPConn) error {
			_ = c.SetWriteDeadline(time.Now().Add(50 * time.Millisecond))
			n, err := c.Write(full)
			assert.Positive(t, n)
			assert.Less(t, n, len(full))
			return err
		},
		"closed": func(c net.Conn, _ *net.TCPConn) error {
			c.Close()
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"closed while reading": func(c net.Conn, _ *net.TCPConn) error {
			time.AfterFunc(10*time.Millisecond, func() { c.Close() })
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"closed while writing": func(c net.Conn, _ *net.TCPConn) error {
			time.AfterFunc(50*time.Millisecond, func() { c.Close() })
			_, err := c.Write(full)
			return err
		},
		"reset": func(c net.Conn, peer *net.TCPConn) error {
			_ = peer.SetLinger(0)
			peer.Close()
			_, err := c.Read(make([]byte, 1))
			return err
		},
		"write after shutdown": func(c net.Conn, _ *net.TCPConn) error {
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			_, err := c.Write([]byte("x"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			plain, peer := tcpPair(t)
			want := fail(plain, peer)
			ours, peer := tcpPair(t)
			got := fail(direct(ours), peer)
			require.Error(t, got)
			for _, e := range []error{net.ErrClosed, os.ErrDeadlineExceeded, syscall.ECONNRESET, syscall.EPIPE} {
				assert.Equal(t, errors.Is(want, e), errors.Is(got, e), "%v, want %v", got, want)
			}
			var wanted, gotten *net.OpError
			require.ErrorAs(t, want, &wanted)
			require.ErrorAs(t, got, &gotten)
			assert.Equal(t, wanted.Op, gotten.Op)
			assert.Equal(t, wanted.Net, gotten.Net)
			assert.Equal(t, ours.LocalAddr(), gotten.Source)
			assert.Equal(t, ours.RemoteAddr(), gotten.Addr)
			assert.Equal(t, wanted.Err.Error(), gotten.Err.Error())
			assert.Equal(t, wanted.Timeout(), gotten.Timeout())
		})
	}
}

func TestDirectConnectionsAllocateNothing(t *testing.T) {
	accepted, there := tcpPair(t)
	here := direct(accepted)
	b := []byte("a few bytes")
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := here.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(there, b); err != nil {
			t.Fatal(err)
		}
		if _, err := there.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(here, b); err != nil {
			t.Fatal(err)
		}
	})
	assert.Zero(t, allocs)
}
