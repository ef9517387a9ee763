package login

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// maxMessage bounds a message before the session is open. A token is the
// largest thing that belongs here.
const maxMessage = 64 << 10

var longAgo = time.Unix(1, 0)

// watch makes reads and writes on conn fail once ctx ends. The function it
// returns stops that, and reports ctx's cause where it ended before.
func watch(ctx context.Context, conn net.Conn) func() error {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = conn.SetDeadline(longAgo)
	})
	return func() error {
		if stop() {
			return nil
		}
		<-done // so that it can't undo a deadline that is set from here on
		return context.Cause(ctx)
	}
}

// readMessage reads one message and not a byte more.
func readMessage(r io.Reader) (typ byte, body []byte, err error) {
	var head [wire.HeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n < 4 || n > maxMessage-1 {
		return 0, nil, &wire.FormatError{Message: "message", Reason: "its length is not one that a login may have"}
	}
	body = make([]byte, n-4)
	if _, err := io.ReadFull(r, body); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return head[0], body, nil
}

// prefixed is a connection whose first bytes were read already.
type prefixed struct {
	net.Conn
	first []byte
}

func (p *prefixed) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}
