package proxy

import (
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tcpConn is a TCP connection that the gateway reads and writes itself; see
// socket. What it does not have of its own is the connection's.
type tcpConn struct {
	*net.TCPConn
	socket socket
}

// direct returns conn, or what reads and writes it at less cost.
func direct(conn net.Conn) net.Conn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return conn
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return conn
	}
	c := &tcpConn{TCPConn: tcp}
	c.socket.raw, c.socket.in.call, c.socket.out.call = raw, c.socket.in.receive, c.socket.out.send
	return c
}

// Read implements net.Conn.
func (c *tcpConn) Read(b []byte) (int, error) {
	n, err := c.socket.read(b)
	return n, c.name("read", err)
}

// Write implements net.Conn.
func (c *tcpConn) Write(b []byte) (int, error) {
	n, err := c.socket.write(b)
	return n, c.name("write", err)
}

// name gives an error the form that package net would have given it.
func (c *tcpConn) name(op string, err error) error {
	switch e := err.(type) {
	case *net.OpError:
		e.Op = op // "raw-read" or "raw-write"
	case systemError:
		return &net.OpError{Op: op, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: e.error}
	}
	return err
}

// systemError is what the operating system said.
type systemError struct{ error }

// socket reads and writes a connection by system calls that cannot block
// (MSG_DONTWAIT), and so need not be announced to Go's scheduler; waiting,
// deadlines and closing are the connection's. An announced call wakes up the
// scheduler's monitor, which then looks every 20 µs for a while whether the call
// blocks: measured with pgbench -S at 8 clients, that was a tenth of the
// gateway's CPU time.
type socket struct {
	raw     syscall.RawConn
	in, out transfer
}

// transfer is one direction.
type transfer struct {
	mu   sync.Mutex
	call func(fd uintptr) bool // made once, so that no call allocates
	buf  []byte
	done int
	err  error
}

func (s *socket) read(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	n, err := s.in.run(s.raw.Read, b)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (s *socket) write(b []byte) (int, error) { return s.out.run(s.raw.Write, b) }

// run has by, which is Read or Write of the RawConn, carry b.
func (t *transfer) run(by func(func(uintptr) bool) error, b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf, t.done, t.err = b, 0, nil
	err := by(t.call)
	t.buf = nil
	if err == nil {
		err = t.err
	}
	return t.done, err
}

// receive reads once; false says that there is nothing yet.
func (t *transfer) receive(fd uintptr) bool {
	n, errno := t.again(unix.SYS_RECVFROM, fd, unix.MSG_DONTWAIT)
	if errno == unix.EAGAIN {
		return false
	}
	t.done = n
	if errno != 0 {
		t.err = systemError{os.NewSyscallError("read", errno)}
	}
	orderReceived()
	return true
}

// send writes all of it; false says that there is no room now.
func (t *transfer) send(fd uintptr) bool {
	orderSent()
	for t.done < len(t.buf) {
		n, errno := t.again(unix.SYS_SENDTO, fd, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
		if errno == unix.EAGAIN {
			return false
		}
		if errno != 0 {
			t.err = systemError{os.NewSyscallError("write", errno)}
			return true
		}
		t.done += n
	}
	return true
}

// again makes one call for what is left of the buffer, and makes it again
// where a signal came between.
func (t *transfer) again(call, fd, flags uintptr) (int, unix.Errno) {
	b := t.buf[t.done:]
	for {
		n, _, errno := unix.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}
