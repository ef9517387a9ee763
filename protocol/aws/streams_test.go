package aws_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// streamSize is how much the streams have: more where time is no matter.
func streamSize() int64 {
	if os.Getenv("SALLYPORT_SOAK") != "" {
		return 5 << 30
	}
	return 64 << 20
}

// pattern is a body that costs nothing to make.
type pattern struct{ left, at int64 }

func (p *pattern) Read(b []byte) (int, error) {
	if p.left == 0 {
		return 0, io.EOF
	}
	n := int(min(int64(len(b)), p.left))
	for i := range b[:n] {
		b[i] = byte(p.at + int64(i)*7)
	}
	p.left, p.at = p.left-int64(n), p.at+int64(n)
	return n, nil
}

// highest returns the most that was in use while run ran.
func highest(run func()) uint64 {
	stop, most := make(chan struct{}), make(chan uint64)
	go func() {
		var high uint64
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			high = max(high, m.HeapInuse)
			select {
			case <-stop:
				most <- high
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	run()
	close(stop)
	return <-most
}

func TestStreamsInFlatMemory(t *testing.T) {
	b := newBed(t, nil, nil)
	b.Record.Thin()
	size := streamSize()
	sums := make(chan string, 1)
	b.cloud.be(func(w http.ResponseWriter, r *http.Request) {
		digest := sha256.New()
		if r.Method == http.MethodGet {
			w.Header().Set("Content-Length", fmt.Sprint(size))
			_, _ = io.Copy(io.MultiWriter(w, digest), &pattern{left: size})
		} else {
			_, _ = io.Copy(digest, r.Body)
		}
		sums <- hex.EncodeToString(digest.Sum(nil))
	})
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	high := highest(func() {
		r := b.signed("PUT", "/shop/big", "s3", nil, "UNSIGNED-PAYLOAD")
		sent := sha256.New()
		r.Body, r.ContentLength, r.GetBody = io.NopCloser(io.TeeReader(&pattern{left: size}, sent)), size, nil
		r.Header.Del("Content-Length")
		b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
		resp, text := b.do(r)
		require.Equal(t, 200, resp.StatusCode, text)
		require.Equal(t, hex.EncodeToString(sent.Sum(nil)), <-sums)

		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/big", "s3", nil, ""))
		require.NoError(t, err)
		defer resp.Body.Close()
		got := sha256.New()
		n, err := io.Copy(got, resp.Body)
		require.NoError(t, err)
		require.Equal(t, size, n)
		require.Equal(t, <-sums, hex.EncodeToString(got.Sum(nil)))
	})
	events := uint64(len(b.Record.Events())) << 10 // which the test's record keeps
	require.Less(t, high, before.HeapInuse+24<<20+events, "memory grew")
	text := b.Record.String()
	require.Contains(t, text, fmt.Sprintf("sent %d bytes, sha256 of the content ", size))
	require.Contains(t, text, fmt.Sprintf("received %d bytes, sha256 ", size))
}

func TestExpectContinueIsAskedOfTheTargetFirst(t *testing.T) {
	b := newBed(t, nil, nil)
	b.cloud.be(func(w http.ResponseWriter, _ *http.Request) { // reads nothing of the body
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>not you</Message></Error>`)
	})
	big := make([]byte, 8<<20)
	for name, header := range map[string][]string{"expecting": {"Expect", "100-continue"}, "sending at once": nil} {
		t.Run(name, func(t *testing.T) {
			before := b.Record.PayloadBytes()
			resp, text := b.do(b.signed("PUT", "/shop/"+strings.Fields(name)[0], "s3", big, "UNSIGNED-PAYLOAD", header...))
			require.Equal(t, 403, resp.StatusCode)
			require.Contains(t, text, "not you")
			op := b.Record.Operation(t, strings.Fields(name)[0])
			require.Equal(t, protocol.Failed, op.Outcome.Result)
			require.Equal(t, "403 AccessDenied", op.Outcome.Code)
			require.Less(t, b.Record.PayloadBytes()-before, int64(4<<10))
		})
	}
	require.Contains(t, b.Record.String(), "before it had the whole body")
}

func TestMostBytes(t *testing.T) {
	b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
		return p.Approve([]approve.Rule{{Name: "small", Verdict: protocol.Allow, MaxBytes: 1000}})
	})
	b.cloud.keep("/shop/large", make([]byte, 1001))
	b.cloud.keep("/shop/small", make([]byte, 1000))
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
	}{
		"get small": {b.signed("GET", "/shop/small", "s3", nil, ""), 200},
		"get large": {b.signed("GET", "/shop/large", "s3", nil, ""), 403},
		"put small": {b.signed("PUT", "/shop/put-small", "s3", make([]byte, 1000), ""), 200},
		"put large": {b.signed("PUT", "/shop/put-large", "s3", make([]byte, 200_000), ""), 403},
	} {
		t.Run(name, func(t *testing.T) {
			resp, text := b.do(tt.r)
			require.Equal(t, tt.status, resp.StatusCode, text)
			if tt.status == 403 {
				require.Contains(t, text, "AccessDenied")
				require.Contains(t, text, "1000 bytes")
			}
		})
	}
	require.Nil(t, b.cloud.object("/shop/put-large"))
	// What has no length is cut: the client has part of it already.
	b.cloud.say(func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		for range 100 {
			_, _ = w.Write(make([]byte, 100))
			_ = http.NewResponseController(w).Flush()
		}
		return true
	})
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/endless", "s3", nil, ""))
	require.NoError(t, err)
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.Error(t, err, "it must not look whole")
	require.LessOrEqual(t, len(got), 1000)
	require.Equal(t, protocol.Aborted, b.Record.Operation(t, "endless").Outcome.Result)
	// Answers that are held whole are denied in words.
	b.cloud.always("application/x-amz-json-1.0", `{"Items":["`+strings.Repeat("x", 2000)+`"]}`)
	resp2, text := b.do(b.signed("POST", "/", "dynamodb", []byte(`{"TableName":"orders"}`), "", "X-Amz-Target", "DynamoDB_20120810.Scan", "Content-Type", "application/x-amz-json-1.0"))
	require.Equal(t, 403, resp2.StatusCode)
	require.Contains(t, text, "1000 bytes")
}

func TestBrokenStreams(t *testing.T) {
	b := newBed(t, nil, nil)
	t.Run("client gone while it sends", func(t *testing.T) {
		whole := make(chan bool, 1)
		b.cloud.be(func(_ http.ResponseWriter, r *http.Request) {
			_, err := io.Copy(io.Discard, r.Body)
			whole <- err == nil
		})
		r := b.signed("PUT", "/shop/gone", "s3", nil, "UNSIGNED-PAYLOAD", "Content-Length", "5000000")
		r.ContentLength = 5_000_000
		b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
		conn, err := net.Dial("tcp", b.Addr())
		require.NoError(t, err)
		fmt.Fprintf(conn, "PUT /shop/gone HTTP/1.1\r\nHost: %s\r\n", r.Host)
		_ = r.Header.Write(conn)
		fmt.Fprintf(conn, "\r\n%s", make([]byte, 300_000))
		b.Record.WaitForKind(t, recorder.KindInput, 1)
		conn.Close()
		require.False(t, <-whole, "the target must not take it for whole")
		require.Equal(t, protocol.Aborted, b.Record.Operation(t, "gone").Outcome.Result)
	})
	t.Run("target gone while it answers", func(t *testing.T) {
		b.cloud.be(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000000")
			_, _ = w.Write(make([]byte, 300_000))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		})
		resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("GET", "/shop/half", "s3", nil, ""))
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		require.Error(t, err)
		op := b.Record.Operation(t, "half")
		require.Equal(t, protocol.Unknown, op.Outcome.Result)
		require.Contains(t, op.Outcome.Text, "broke off")
	})
	t.Run("target gone before it answers", func(t *testing.T) {
		b.cloud.be(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		resp, text := b.do(b.signed("DELETE", "/shop/silent", "s3", nil, ""))
		require.Equal(t, 502, resp.StatusCode)
		require.Contains(t, text, "ServiceUnavailable")
		require.Equal(t, protocol.Unknown, b.Record.Operation(t, "silent").Outcome.Result)
	})
	t.Run("target never answers", func(t *testing.T) {
		left := make(chan struct{})
		b.cloud.be(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			close(left)
		})
		ctx, leave := context.WithCancel(context.Background())
		time.AfterFunc(100*time.Millisecond, leave)
		_, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(b.signed("DELETE", "/shop/never", "s3", nil, "").WithContext(ctx))
		require.Error(t, err)
		<-left
		op := b.Record.Operation(t, "never")
		require.Equal(t, protocol.Unknown, op.Outcome.Result)
		require.Contains(t, op.Outcome.Text, "client left")
	})
}

// A client that sends slowly hears of a denial before it is done, and is not
// cut off; so it hears of the target's.
func TestDeniedWhileItSends(t *testing.T) {
	for name, rule := range map[string]protocol.Verdict{"by a rule": protocol.Deny, "by the target": protocol.Allow} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, nil, func(p *proxy.Builder) *proxy.Builder {
				return p.Approve([]approve.Rule{{Name: "frozen", Verdict: rule}})
			})
			b.cloud.be(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(http.StatusForbidden)
				_, _ = io.WriteString(w, `<Error><Code>AccessDenied</Code><Message>frozen there</Message></Error>`)
			})
			r := b.signed("PUT", "/shop/key", "s3", nil, "UNSIGNED-PAYLOAD")
			r.ContentLength = 5_000_000
			b.sign(r, "s3", "UNSIGNED-PAYLOAD", nil)
			conn, err := net.Dial("tcp", b.Addr())
			require.NoError(t, err)
			defer conn.Close()
			fmt.Fprintf(conn, "PUT /shop/key HTTP/1.1\r\nHost: %s\r\nContent-Length: 5000000\r\n", r.Host)
			_ = r.Header.Write(conn)
			fmt.Fprintf(conn, "\r\n%s", make([]byte, 100_000))
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, r)
			require.NoError(t, err)
			text, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, 403, resp.StatusCode)
			require.Contains(t, string(text), "frozen")
			_, err = conn.Write(make([]byte, 4_900_000))
			require.NoError(t, err)
			again := b.signed("GET", "/shop/key", "s3", nil, "")
			fmt.Fprintf(conn, "GET /shop/key HTTP/1.1\r\nHost: %s\r\n", r.Host)
			_ = again.Header.Write(conn)
			fmt.Fprint(conn, "\r\n")
			resp, err = http.ReadResponse(in, again)
			require.NoError(t, err)
			resp.Body.Close()
			require.Equal(t, 403, resp.StatusCode)
			require.Empty(t, b.cloud.requests())
		})
	}
}
