package main

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
)

// server is a Redis in memory with a dozen commands: the target of this
// example, so that nothing need be installed to run it.
type server struct {
	ln    net.Listener
	conns sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	values map[string]string
	lists  map[string][]string
	filled map[string]int64 // values of that many bytes, which are nowhere in memory
}

// startServer listens on a free port of loopback.
func startServer() (*server, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{ln: ln, open: map[net.Conn]bool{}, values: map[string]string{}, lists: map[string][]string{}, filled: map[string]int64{}}
	s.conns.Go(s.accept)
	return s, nil
}

func (s *server) address() string { return s.ln.Addr().String() }

// close ends all connections and waits for them.
func (s *server) close() {
	s.ln.Close()
	s.mu.Lock()
	for c := range s.open {
		c.Close()
	}
	s.open = nil
	s.mu.Unlock()
	s.conns.Wait()
}

func (s *server) accept() {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		closed := s.open == nil
		if !closed {
			s.open[conn] = true
		}
		s.mu.Unlock()
		if closed {
			conn.Close()
			return
		}
		s.conns.Go(func() { s.serve(conn) })
	}
}

func (s *server) serve(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.open, conn)
		s.mu.Unlock()
	}()
	in, out := bufio.NewReader(conn), bufio.NewWriter(conn)
	for {
		c, err := readCommand(in)
		if err != nil || c.long {
			return
		}
		s.reply(out, c)
		if in.Buffered() == 0 {
			if err := out.Flush(); err != nil {
				return
			}
		}
	}
}

func (s *server) reply(out *bufio.Writer, c *command) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arg := func(i int) string {
		if i < len(c.words) {
			return string(c.words[i])
		}
		return ""
	}
	bulk := func(v string) { fmt.Fprintf(out, "$%d\r\n%s\r\n", len(v), v) }
	switch c.name {
	case "ping":
		out.WriteString("+PONG\r\n")
	case "echo":
		bulk(arg(1))
	case "set":
		s.values[arg(1)] = arg(2)
		out.WriteString("+OK\r\n")
	case "get":
		v, ok := s.values[arg(1)]
		switch n := s.filled[arg(1)]; {
		case n > 0:
			fill(out, n)
		case ok:
			bulk(v)
		default:
			out.WriteString("$-1\r\n")
		}
	case "type": // not Redis's: it answers with the value, to have a simple string
		fmt.Fprintf(out, "+%s\r\n", strings.NewReplacer("\r", " ", "\n", " ").Replace(s.values[arg(1)]))
	case "del", "unlink":
		n := 0
		for i := 1; i < len(c.words); i++ {
			if _, ok := s.values[arg(i)]; ok {
				delete(s.values, arg(i))
				n++
			}
		}
		fmt.Fprintf(out, ":%d\r\n", n)
	case "rpush":
		for i := 2; i < len(c.words); i++ {
			s.lists[arg(1)] = append(s.lists[arg(1)], arg(i))
		}
		fmt.Fprintf(out, ":%d\r\n", len(s.lists[arg(1)]))
	case "lrange": // the bounds are ignored
		fmt.Fprintf(out, "*%d\r\n", len(s.lists[arg(1)]))
		for _, v := range s.lists[arg(1)] {
			bulk(v)
		}
	case "flushall":
		out.WriteString("+OK\r\n") // it only says so: other clients are using it
	case "incr":
		fmt.Fprintf(out, "-ERR value is not an integer: %s\r\n", s.values[arg(1)])
	default:
		fmt.Fprintf(out, "-ERR unknown command %q\r\n", c.name)
	}
}

// fill writes a value of n bytes.
func fill(out *bufio.Writer, n int64) {
	fmt.Fprintf(out, "$%d\r\n", n)
	line := []byte(strings.Repeat("all work and no play ", 50))
	for n > 0 {
		part := line[:min(n, int64(len(line)))]
		if _, err := out.Write(part); err != nil {
			return
		}
		n -= int64(len(part))
	}
	out.WriteString("\r\n")
}
