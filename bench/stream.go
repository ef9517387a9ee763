//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// streamed is what came of one statement.
type streamed struct {
	bytes, rows int64
	took        time.Duration
	first       time.Duration // until the first byte of the answer
}

// errRefused means that the gateway or the server answered with an error.
var errRefused = errors.New("refused")

// connect logs in by pgconn, which then hands over the connection.
func (l *leg) connect(ctx context.Context) (net.Conn, error) {
	c, err := pgconn.ParseConfig("sslmode=disable dbname=" + benchDatabase)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(l.addr)
	if err != nil {
		return nil, err
	}
	c.Host, c.User, c.Password, c.Fallbacks = host, l.user, l.password, nil
	if _, err := fmt.Sscan(port, &c.Port); err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	h, err := conn.Hijack()
	if err != nil {
		return nil, err
	}
	return h.Conn, nil
}

// stream sends one Query and reads its answer, looking at message headers only:
// the client must not be what is measured.
func stream(conn net.Conn, sql string) (streamed, error) {
	msg := []byte{'Q', 0, 0, 0, 0}
	msg = append(append(msg, sql...), 0)
	binary.BigEndian.PutUint32(msg[1:], uint32(len(msg)-1))
	start := time.Now()
	if _, err := conn.Write(msg); err != nil {
		return streamed{}, err
	}
	s, err := readAnswer(conn, start)
	s.took = time.Since(start)
	return s, err
}

func readAnswer(r io.Reader, start time.Time) (streamed, error) {
	var s streamed
	var refused error
	buf := make([]byte, 256<<10)
	have, skip := 0, 0 // bytes in buf; bytes of the current message still to come
	for {
		n, err := r.Read(buf[have:])
		if s.first == 0 {
			s.first = time.Since(start)
		}
		s.bytes += int64(n)
		have += n
		at := min(skip, have)
		skip -= at
		for skip == 0 && have-at >= 5 {
			length := int(binary.BigEndian.Uint32(buf[at+1:]))
			if length < 4 {
				return s, errors.New("bad message length")
			}
			whole := have-at > length
			if kind := buf[at]; (kind == 'Z' || kind == 'E') && !whole && length < len(buf) {
				break // these are read whole
			}
			switch buf[at] {
			case 'D', 'd':
				s.rows++
			case 'Z':
				return s, refused
			case 'E':
				refused = fmt.Errorf("%w: %s", errRefused, message(buf[at+5:have]))
			}
			step := min(1+length, have-at)
			skip = 1 + length - step
			at += step
		}
		have = copy(buf, buf[at:have])
		if err != nil {
			return s, err
		}
	}
}

// message finds the human-readable field of an ErrorResponse.
func message(body []byte) string {
	for field := range strings.SplitSeq(string(body), "\x00") {
		if strings.HasPrefix(field, "M") {
			return field[1:]
		}
	}
	return "(no message)"
}
