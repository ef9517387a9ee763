package aws

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// script is a target that does what a test says, and a client of it.
type script struct {
	client
	t      *testing.T
	scheme string
	at     string
	dials  atomic.Int32
	calls  atomic.Int32 // that the target has read
}

// play starts a target. Each connection is handed over with its number, from 1.
func play(t *testing.T, secure bool, act func(s *script, n int32, conn net.Conn, in *bufio.Reader)) *script {
	t.Helper()
	s := &script{t: t, scheme: "http"}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.at = listener.Addr().String()
	if secure {
		model := httptest.NewTLSServer(nil)
		model.Close()
		s.scheme, s.tls = "https", &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
		s.tls.RootCAs.AddCert(model.Certificate())
		listener = tls.NewListener(listener, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: model.TLS.Certificates})
	}
	var running sync.WaitGroup
	var open sync.Map
	running.Go(func() {
		for n := int32(1); ; n++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			open.Store(conn, true)
			running.Go(func() {
				defer conn.Close()
				act(s, n, conn, bufio.NewReader(conn))
			})
		}
	})
	s.dial = func(ctx context.Context, address string) (*bulk, error) {
		s.dials.Add(1)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, err
		}
		return &bulk{Conn: conn, blocks: newBlocks()}, nil
	}
	t.Cleanup(func() {
		s.close()
		listener.Close()
		open.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		running.Wait()
	})
	return s
}

// read reads the next request; nil says that there is none.
func (s *script) read(in *bufio.Reader) *http.Request {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil
	}
	s.calls.Add(1)
	_, _ = io.Copy(io.Discard, r.Body)
	return r
}

func (s *script) request(ctx context.Context, method, body string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, method, s.scheme+"://"+s.at+"/", strings.NewReader(body))
	require.NoError(s.t, err)
	return r
}

// ask makes a call and reads its answer whole.
func (s *script) ask(method, body string, writes bool) (string, error) {
	resp, err := s.do(s.request(context.Background(), method, body), writes, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func ok(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// both runs a test without TLS and with it.
func both(t *testing.T, f func(t *testing.T, secure bool)) {
	t.Run("plain", func(t *testing.T) { t.Parallel(); f(t, false) })
	t.Run("TLS", func(t *testing.T) { t.Parallel(); f(t, true) })
}

// One connection serves call after call.
func TestClientReuses(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, secure bool) {
		s := play(t, secure, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
			for r := s.read(in); r != nil; r = s.read(in) {
				answer := ok(r.Method)
				if r.Method == http.MethodHead {
					answer = "HTTP/1.1 200 OK\r\nContent-Length: 4711\r\n\r\n"
				}
				_, _ = io.WriteString(conn, answer)
			}
		})
		for i := range 20 {
			method := []string{"POST", "GET", "HEAD", "PUT"}[i%4]
			got, err := s.ask(method, []string{"", "x"}[i%2], true)
			require.NoError(t, err)
			if method != "HEAD" {
				require.Equal(t, method, got)
			}
		}
		gone, leave := context.WithCancel(context.Background())
		leave()
		_, err := s.do(s.request(gone, "POST", "x"), true, func(*bulk) { t.Error("it goes on") })
		require.ErrorIs(t, err, context.Canceled)
		require.EqualValues(t, 20, s.calls.Load())
		require.EqualValues(t, 1, s.dials.Load())
	})
}

// What a target says unasked is no answer to the next call: not when it came
// together with the last answer, and not later.
func TestClientTakesNothingUnasked(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, secure bool) {
		for name, wait := range map[string]time.Duration{"at once": 0, "later": 50 * time.Millisecond} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := play(t, secure, func(s *script, n int32, conn net.Conn, in *bufio.Reader) {
					if s.read(in) == nil {
						return
					}
					answer := ok(fmt.Sprint("right ", n))
					if wait == 0 {
						answer += ok("smuggled")
					}
					_, _ = io.WriteString(conn, answer)
					time.Sleep(wait)
					_, _ = io.WriteString(conn, ok("smuggled"))
					s.read(in)
				})
				for n := range 3 {
					got, err := s.ask("POST", "x", true)
					require.NoError(t, err)
					require.Equal(t, fmt.Sprint("right ", n+1), got)
					time.Sleep(2 * wait)
				}
				require.EqualValues(t, 3, s.calls.Load())
			})
		}
	})
}

// A target that has closed an idle connection costs no call.
func TestClientIdleClosed(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, secure bool) {
		closed := make(chan struct{}, 10)
		s := play(t, secure, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
			s.read(in)
			_, _ = io.WriteString(conn, ok("fine"))
			conn.Close()
			closed <- struct{}{}
		})
		for range 5 {
			got, err := s.ask("POST", "x", true)
			require.NoError(t, err)
			require.Equal(t, "fine", got)
			<-closed
			time.Sleep(5 * time.Millisecond) // to arrive
		}
		require.EqualValues(t, 5, s.calls.Load())
	})
}

// A target that closes a used connection when the next call comes: what only
// reads is asked again, and what writes, or has a body, is not.
func TestClientClosedUnderCall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, body  string
		writes, again bool
	}{
		{"GET", "", false, true}, {"HEAD", "", false, true}, {"GET", "", true, false}, {"POST", "x", false, false}, {"POST", "", true, false},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			t.Parallel()
			s := play(t, false, func(s *script, n int32, conn net.Conn, in *bufio.Reader) {
				s.read(in)
				_, _ = io.WriteString(conn, ok(""))
				s.read(in) // and closes
			})
			_, err := s.ask("GET", "", true)
			require.NoError(t, err)
			_, err = s.ask(c.method, c.body, c.writes)
			if c.again {
				require.NoError(t, err)
				require.EqualValues(t, 3, s.calls.Load())
				return
			}
			require.Error(t, err)
			require.EqualValues(t, 2, s.calls.Load())
		})
	}
	t.Run("a new connection", func(t *testing.T) {
		t.Parallel()
		s := play(t, false, func(s *script, _ int32, _ net.Conn, in *bufio.Reader) { s.read(in) })
		_, err := s.ask("GET", "", false)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		require.EqualValues(t, 1, s.calls.Load())
	})
	t.Run("half an answer", func(t *testing.T) {
		t.Parallel()
		s := play(t, false, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
			s.read(in)
			_, _ = io.WriteString(conn, ok(""))
			s.read(in)
			_, _ = io.WriteString(conn, "HTTP/1.1 2")
		})
		_, err := s.ask("GET", "", false)
		require.NoError(t, err)
		_, err = s.ask("GET", "", false)
		require.Error(t, err, "the target had the call")
		require.EqualValues(t, 2, s.calls.Load())
	})
}

// Answers in all their forms; those whose end is the connection's leave none.
func TestClientAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer, body string
		status       int
		dials        int32 // for two calls
	}{
		"length":            {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", 200, 1},
		"chunks":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "ab", 200, 1},
		"trailer":           {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n", "ab", 200, 1},
		"empty":             {"HTTP/1.1 204 No Content\r\n\r\n", "", 204, 1},
		"until it closes":   {"HTTP/1.1 200 OK\r\n\r\nab", "ab", 200, 2},
		"it will close":     {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", "ab", 200, 2},
		"HTTP/1.0":          {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", 200, 2},
		"still to come":     {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nab", "ab", 404, 1},
		"another protocol":  {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "", 101, 2},
		"no known protocol": {"SSH-2.0-x\r\n\r\n", "", 0, 2},
		"two lengths":       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "", 0, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := play(t, false, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
				for s.read(in) != nil {
					_, _ = io.WriteString(conn, c.answer)
					if c.status == 0 || name == "until it closes" {
						return
					}
				}
			})
			for range 2 {
				resp, err := s.do(s.request(context.Background(), "POST", "x"), true, nil)
				if c.status == 0 {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, c.status, resp.StatusCode)
				got, err := io.ReadAll(resp.Body)
				require.NoError(t, err)
				require.Equal(t, c.body, string(got))
				resp.Body.Close()
			}
			require.EqualValues(t, c.dials, s.dials.Load())
			require.EqualValues(t, 2, s.calls.Load())
		})
	}
}

// Headers that do not end, and answers before the answer without end, end.
func TestClientEndlessHeaders(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]string{
		"headers":       "X-" + strings.Repeat("a", 100) + ": b\r\n",
		"still to come": "100 Continue\r\n\r\nHTTP/1.1 ",
		"no line":       strings.Repeat("a", 100),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			s := play(t, false, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
				s.read(in)
				start := "HTTP/1.1 "
				if name == "headers" {
					start = "HTTP/1.1 200 OK\r\n"
				}
				_, err := io.WriteString(conn, start)
				for err == nil {
					_, err = io.WriteString(conn, again)
					sent.Add(int64(len(again)))
				}
			})
			_, err := s.ask("POST", "x", true)
			require.ErrorIs(t, err, errHeader)
			require.Less(t, sent.Load(), int64(32<<20))
		})
	}
}

// A target that refuses before it has read the body is heard.
func TestClientEarlyAnswer(t *testing.T) {
	t.Parallel()
	s := play(t, false, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
		_, _ = http.ReadRequest(in)
		_, _ = io.WriteString(conn, "HTTP/1.1 413 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, in)
	})
	resp, err := s.do(s.request(context.Background(), "POST", strings.Repeat("x", smallSize)), true, nil)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, 413, resp.StatusCode)
}

// An answer that is left before its end takes its connection along, and so does
// a client that leaves.
func TestClientLeaves(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, secure bool) {
		gone := make(chan struct{}, 3)
		s := play(t, secure, func(s *script, n int32, conn net.Conn, in *bufio.Reader) {
			s.read(in)
			if n > 1 { // the first two hear something
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nab")
			}
			_, _ = io.Copy(io.Discard, in)
			gone <- struct{}{}
		})
		wait := func() {
			select {
			case <-gone:
			case <-time.After(5 * time.Second):
				t.Fatal("the connection is still there")
			}
		}
		ctx, leave := context.WithTimeout(context.Background(), 30*time.Millisecond)
		defer leave()
		reached := 0
		_, err := s.do(s.request(ctx, "GET", ""), false, func(*bulk) { reached++ })
		require.Error(t, err)
		require.Equal(t, 1, reached, "nothing is asked again")
		wait()

		resp, err := s.do(s.request(context.Background(), "GET", ""), false, nil)
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 2))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, resp.Body.Close())
		wait()

		ctx, leave = context.WithCancel(context.Background())
		resp, err = s.do(s.request(ctx, "GET", ""), false, nil)
		require.NoError(t, err)
		time.AfterFunc(20*time.Millisecond, leave)
		_, err = io.ReadAll(resp.Body)
		require.Error(t, err)
		wait()

		_, err = s.do(s.request(ctx, "GET", ""), false, func(*bulk) { reached++ })
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, reached, "who has left before is not served")
	})
}

// A target without the right certificate gets nothing.
func TestClientWrongCertificate(t *testing.T) {
	t.Parallel()
	s := play(t, true, func(s *script, _ int32, _ net.Conn, in *bufio.Reader) { s.read(in) })
	s.tls.RootCAs = x509.NewCertPool()
	reached := false
	_, err := s.do(s.request(context.Background(), "POST", "x"), true, func(*bulk) { reached = true })
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
	require.False(t, reached)
	require.Zero(t, s.calls.Load())
}

// Many at once have their own answers, and not more connections are kept than
// the bound.
func TestClientCrowd(t *testing.T) {
	t.Parallel()
	s := play(t, true, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
		for r := s.read(in); r != nil; r = s.read(in) {
			_, _ = io.WriteString(conn, ok(r.Header.Get("Number")))
		}
	})
	var all sync.WaitGroup
	for i := range maxIdle + 20 {
		all.Go(func() {
			for j := range 20 {
				r := s.request(context.Background(), "POST", "x")
				r.Header.Set("Number", fmt.Sprint(i, "/", j))
				resp, err := s.do(r, true, nil)
				if !assert.NoError(t, err) {
					return
				}
				got, err := io.ReadAll(resp.Body)
				assert.NoError(t, err)
				assert.Equal(t, r.Header.Get("Number"), string(got))
			}
		})
	}
	all.Wait()
	s.mu.Lock()
	kept := len(s.idle)
	s.mu.Unlock()
	require.LessOrEqual(t, kept, maxIdle)
	s.close()
	got, err := s.ask("POST", "x", true)
	require.NoError(t, err, "a session that ends may still say goodbye")
	require.Empty(t, got)
	require.Empty(t, s.idle)
}

// Connections that are idle for long are closed, the others are not.
func TestClientSweeps(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c client
		var ends []net.Conn
		add := func() {
			near, far := net.Pipe()
			ends = append(ends, far)
			under := &bulk{Conn: near, blocks: newBlocks()}
			c.put(&line{conn: under, under: under})
		}
		closed := func(i int) bool {
			_ = ends[i].SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := ends[i].Read(make([]byte, 1))
			return err == io.EOF
		}
		add()
		time.Sleep(idleUpstream / 2)
		add()
		time.Sleep(idleUpstream/2 + time.Second)
		require.True(t, closed(0))
		require.False(t, closed(1))
		time.Sleep(idleUpstream / 2)
		require.True(t, closed(1))
		c.mu.Lock()
		require.Empty(t, c.idle)
		require.Nil(t, c.clean, "nothing runs while there is nothing to close")
		c.mu.Unlock()
		add()
		c.close()
		require.True(t, closed(2))
	})
}

// Lines that were swept (or evicted) must not stay reachable from the pool.
func TestClientSweptAreFreed(t *testing.T) {
	var c client
	var refs []weak.Pointer[line]
	for range 32 {
		near, far := net.Pipe()
		defer far.Close()
		under := &bulk{Conn: near, blocks: newBlocks()}
		l := &line{conn: under, under: under, in: bufio.NewReaderSize(near, lineBuffer), out: bufio.NewWriterSize(near, lineBuffer)}
		refs = append(refs, weak.Make(l))
		c.put(l)
		l.since = time.Now().Add(-time.Hour)
		l = nil
	}
	c.sweep()
	require.Empty(t, c.idle)
	runtime.GC()
	runtime.GC()
	alive := 0
	for _, r := range refs {
		if r.Value() != nil {
			alive++
		}
	}
	require.Zero(t, alive, "closed lines that are still held, each with %d KiB of buffers", 2*lineBuffer>>10)
	runtime.KeepAlive(&c)
}

// A request that net/http refuses to write must fail, not wait for an answer.
func TestClientUnwritableRequest(t *testing.T) {
	s := play(t, false, func(s *script, _ int32, conn net.Conn, in *bufio.Reader) {
		for s.read(in) != nil {
			_, _ = io.WriteString(conn, ok("x"))
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	r := s.request(ctx, "GET", "")
	r.URL.RawQuery = "a=\x01"
	start := time.Now()
	_, err := s.do(r, true, nil)
	t.Log(err)
	require.Less(t, time.Since(start), time.Second, "it waits for the answer to what was never sent")
}

// A target of whose connections nothing can be told, behind an own dialer, is
// left to net/http, at the cost of one connection more; what writes is not sent
// twice there either.
func TestClientBlind(t *testing.T) {
	t.Parallel()
	for method, again := range map[string]int32{"GET": 3, "PUT": 2} {
		for _, writes := range []bool{false, true} {
			t.Run(fmt.Sprint(method, writes), func(t *testing.T) {
				t.Parallel()
				s := play(t, false, func(s *script, n int32, conn net.Conn, in *bufio.Reader) {
					s.read(in)
					_, _ = io.WriteString(conn, ok(""))
					if s.read(in) != nil && s.calls.Load() == 3 {
						_, _ = io.WriteString(conn, ok(""))
					}
				})
				u := &upstream{small: client{dial: func(ctx context.Context, address string) (*bulk, error) {
					conn, err := s.dial(ctx, address)
					if err == nil {
						conn.Conn = struct{ net.Conn }{conn.Conn}
					}
					return conn, err
				}}}
				u.others = &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return u.small.dial(ctx, address) }}
				defer u.others.CloseIdleConnections()
				call := func(method string) error {
					r := s.request(context.Background(), method, "")
					r.Body = http.NoBody
					resp, err := u.call(r, writes, nil)
					if err != nil {
						return err
					}
					return resp.Body.Close()
				}
				require.NoError(t, call("GET"))
				require.True(t, u.blind.Load())
				err := call(method)
				if writes || method == "PUT" {
					require.Error(t, err)
					require.EqualValues(t, 2, s.calls.Load())
					return
				}
				require.NoError(t, err)
				require.Equal(t, again, s.calls.Load())
				require.EqualValues(t, 3, s.dials.Load())
			})
		}
	}
}
