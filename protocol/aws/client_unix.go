//go:build unix

package aws

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// quiet returns what reports whether nothing can be read from a connection, not
// even its end; nil where that cannot be known.
func quiet(conn net.Conn) func() bool {
	var raw syscall.RawConn
	if c, ok := conn.(syscall.Conn); ok {
		raw, _ = c.SyscallConn()
	}
	if raw == nil {
		return nil
	}
	var still bool
	one := make([]unix.PollFd, 1)
	look := func(fd uintptr) {
		one[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
		n, err := unix.Poll(one, 0)
		still = n == 0 && err == nil
	}
	return func() bool {
		still = false
		return raw.Control(look) == nil && still
	}
}
