package sftp_test

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// raw speaks packets.
type raw struct {
	t testing.TB
	net.Conn
	in    []byte
	id    uint32
	reply wire.Hello
}

// raw returns a client that has been greeted.
func (r *rig) raw() *raw {
	r.t.Helper()
	c := &raw{t: r.t, Conn: r.connect()}
	c.greet()
	return c
}

func (c *raw) greet() {
	c.t.Helper()
	c.send(wire.AppendHello(nil, &wire.Hello{Kind: wire.Init, Version: 3}))
	require.NoError(c.t, wire.DecodeHello(c.hear(), &c.reply))
}

func (c *raw) offers() map[string]string {
	m := map[string]string{}
	c.reply.Extensions(func(name, data []byte) { m[string(name)] = string(data) })
	return m
}

func (c *raw) send(packets ...[]byte) {
	c.t.Helper()
	_, err := c.Write(bytes.Join(packets, nil))
	require.NoError(c.t, err)
}

// hear returns the next packet.
func (c *raw) hear() []byte {
	c.t.Helper()
	p, err := c.next()
	require.NoError(c.t, err)
	return p
}

func (c *raw) next() ([]byte, error) {
	for {
		p, _, err := wire.Next(c.in)
		if err != nil {
			return nil, err
		}
		if p != nil {
			c.in = c.in[len(p):]
			return p, nil
		}
		buf := make([]byte, 64<<10)
		n, err := c.Read(buf)
		if n == 0 && err != nil {
			if err == io.EOF && len(c.in) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		c.in = append(c.in, buf[:n]...)
	}
}

// request encodes a request with the next id.
func (c *raw) request(q wire.Request) []byte {
	c.id++
	q.ID = c.id
	return wire.AppendRequest(nil, &q)
}

// ask sends a request and returns its answer, which is the next.
func (c *raw) ask(q wire.Request) wire.Response {
	c.t.Helper()
	c.send(c.request(q))
	a := c.response()
	require.Equal(c.t, c.id, a.ID)
	return a
}

func (c *raw) response() (a wire.Response) {
	c.t.Helper()
	require.NoError(c.t, wire.DecodeResponse(c.hear(), &a))
	return a
}

// open opens a file and returns its handle.
func (c *raw) open(path string, flags uint32) []byte {
	c.t.Helper()
	a := c.ask(wire.Request{Kind: wire.Open, Path: []byte(path), Flags: flags})
	require.Equal(c.t, wire.Handle, a.Kind, "%s: %s", path, a.Message)
	return bytes.Clone(a.Handle)
}

// gone requires that the gateway has ended the channel.
func (c *raw) gone() {
	c.t.Helper()
	_, err := io.Copy(io.Discard, c)
	if err != nil {
		require.NotErrorIs(c.t, err, errTimeout)
	}
}

// errTimeout is what a connection that nobody ended fails with.
var errTimeout = os.ErrDeadlineExceeded
