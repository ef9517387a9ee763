package postgres_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// slowGoodbye returns late from having written a Terminate message, when the
// target has long closed.
type slowGoodbye struct{ net.Conn }

func (c slowGoodbye) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if bytes.Equal(b, []byte{'X', 0, 0, 0, 4}) {
		time.Sleep(200 * time.Millisecond)
	}
	return n, err
}

// A target closes when the client says goodbye: nothing was lost then, however
// quick it is.
func TestGoodbyeIsNoLoss(t *testing.T) {
	r := start(t, options{target: func(target *protocol.Target) {
		target.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return slowGoodbye{conn}, err
		}
	}})
	conn, err := r.connect().PgConn().Hijack()
	require.NoError(t, err)
	_, err = conn.Conn.Write([]byte{'X', 0, 0, 0, 4})
	require.NoError(t, err)
	rest, err := io.ReadAll(conn.Conn)
	require.NoError(t, err)
	require.Empty(t, rest, "no error was told")
	require.NoError(t, conn.Conn.Close())
	r.Record.WaitForKind(t, recorder.KindSessionClosed, 1)
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindSessionClosed {
			require.NotContains(t, e.Outcome.Text, "lost")
		}
	}
}
