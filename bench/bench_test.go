//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"math"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantilesAndSpread(t *testing.T) {
	v := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	require.Equal(t, 5.0, quantile(v, 0.5))
	require.Equal(t, 10.0, quantile(v, 0.99))
	require.Equal(t, 1.0, quantile(v, 0))
	require.True(t, math.IsNaN(quantile(nil, 0.5)))
	require.Equal(t, spread{Median: 2.5, Min: 1, Max: 9}, over([]float64{9, 1, 2, 3}))
	require.Equal(t, []float64{2, 3}, ratios([]float64{4, 9, 1}, []float64{2, 3}))
	require.Equal(t, "2.50 (1.00–900)", spread{2.5, 1, 900}.show())
}

func TestParseStat(t *testing.T) {
	own, children, err := parseStat("42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 6 7 20 0 8")
	require.NoError(t, err)
	require.Equal(t, 1750*time.Millisecond, own)
	require.Equal(t, 130*time.Millisecond, children)
	for _, bad := range []string{"", "42 (a) S 1", "42 (a) S 1 42 42 0 -1 4194560 1 2 3 4 x 25 6 7 20", "42 (a) S 1 42 42 0 -1 4194560 1 2 3 4 150 25 6"} {
		_, _, err := parseStat(bad)
		require.Error(t, err)
	}
	before, err := cpu(os.Getpid())
	require.NoError(t, err)
	for start := time.Now(); time.Since(start) < 60*time.Millisecond; {
	}
	after, err := cpu(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after, before)
}

func TestMemory(t *testing.T) {
	rss, peak, err := memory(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, rss, 1.0)
	require.GreaterOrEqual(t, peak, rss/2)
	require.Equal(t, 2.0, statusField("VmHWM:\t    2048 kB\nVmRSS:\t 1 kB\n", "VmHWM:"))
}

func TestParsePgbench(t *testing.T) {
	const out = "number of transactions actually processed: 1200\nnumber of failed transactions: 0 (0.000%)\ntps = 340.5 (without initial connection time)\n"
	count, tps, err := parsePgbench(out)
	require.NoError(t, err)
	require.Equal(t, 1200.0, count)
	require.Equal(t, 340.5, tps)
	for _, bad := range []string{"", "number of transactions actually processed: 0\ntps = 0 (without initial connection time)"} {
		_, _, err := parsePgbench(bad)
		require.Error(t, err)
	}
	_, _, err = parsePgbench("number of failed transactions: 3 (1%)\n" + out[:44] + "\n" + out[len(out)-48:])
	require.Error(t, err)
}

func TestReadLog(t *testing.T) {
	b := &bed{work: t.TempDir()}
	_, _, err := b.latencies()
	require.ErrorContains(t, err, "logged no transaction")
	require.NoError(t, os.WriteFile(filepath.Join(b.work, "tx.1"), []byte("0 1 100 0 1 2\n0 2 300 0 1 2\n0 3"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(b.work, "tx.1.1"), []byte("1 1 200 0 1 2\n"), 0o600))
	p50, p99, err := b.latencies()
	require.NoError(t, err)
	require.Equal(t, 200.0, p50)
	require.Equal(t, 300.0, p99)
	left, err := filepath.Glob(filepath.Join(b.work, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestMemoryIsNoDisk(t *testing.T) {
	_, err := measureDisk("/dev/shm")
	require.ErrorIs(t, err, errInMemory)
}

func wire(kind byte, body string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(body)+4))
	return append(b, body...)
}

// The client that measures must count right wherever the stream is cut.
func TestReadAnswer(t *testing.T) {
	var answer []byte
	for i := range 5 {
		answer = append(answer, wire('D', string(make([]byte, i*90_000)))...)
	}
	answer = append(answer, wire('C', "SELECT 5\x00")...)
	answer = append(answer, wire('Z', "I")...)
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(answer),
		"bytes": iotest.OneByteReader(bytes.NewReader(answer)),
		"half":  iotest.HalfReader(bytes.NewReader(answer)),
	} {
		got, err := readAnswer(r, time.Now())
		require.NoError(t, err, name)
		require.Equal(t, int64(5), got.rows, name)
		require.Equal(t, int64(len(answer)), got.bytes, name)
	}
	_, err := readAnswer(bytes.NewReader(answer[:len(answer)-3]), time.Now())
	require.ErrorIs(t, err, io.EOF)
	_, err = readAnswer(bytes.NewReader(append(wire('E', "SERROR\x00Mno such thing\x00\x00"), wire('Z', "I")...)), time.Now())
	require.ErrorIs(t, err, errRefused)
	require.ErrorContains(t, err, "no such thing")
}

func TestStreamSendsOneQuery(t *testing.T) {
	client, server := net.Pipe()
	defer client.Close()
	sent := make(chan []byte, 1)
	go func() {
		b := make([]byte, 64)
		n, _ := server.Read(b)
		sent <- b[:n]
		_, _ = server.Write(wire('Z', "I"))
		_ = server.Close()
	}()
	_, err := stream(client, "SELECT 1")
	require.NoError(t, err)
	require.Equal(t, wire('Q', "SELECT 1\x00"), <-sent)
}

func TestNegotiated(t *testing.T) {
	found := negotiated.FindAllStringSubmatch("debug1: kex: algorithm: curve25519-sha256\ndebug1: kex: server->client cipher: aes128-gcm@openssh.com MAC: <implicit> compression: none\n"+
		"debug1: kex: client->server cipher: aes128-ctr MAC: <implicit> compression: none\n", -1)
	require.Len(t, found, 2)
	require.Equal(t, "aes128-gcm@openssh.com", found[0][1])
	require.Equal(t, "aes128-ctr", found[1][1])
}

func TestSource(t *testing.T) {
	s := source{filepath.Join(t.TempDir(), "lines"), 2 << 20}
	require.NoError(t, s.write(fillWithLines))
	b, err := os.ReadFile(s.name)
	require.NoError(t, err)
	lines := bytes.SplitAfter(b, []byte("\n"))
	require.Greater(t, len(lines), 10_000)
	require.Empty(t, lines[len(lines)-1], "the last line ends")
	require.Equal(t, "2026-03-01T12:00:00Z INFO served method=GET path=/api/v1/orders/0 status=200 bytes=0 took=0ms client=10.0.3.0\n", string(lines[0]))
	require.ErrorContains(t, arrived(s.name, s.size+1), "arrived instead of")
	require.FileExists(t, s.name)
	require.NoError(t, arrived(s.name, s.size))
	require.NoFileExists(t, s.name)
}

func TestConfig(t *testing.T) {
	good := config{rounds: 1, rows: 100_000, duration: time.Second, few: 1, many: 1, file: 1, idle: 1}
	require.NoError(t, good.check())
	for name, spoil := range map[string]func(*config){
		"part": func(c *config) { c.part = "mysql" }, "rounds": func(c *config) { c.rounds = 0 },
		"rows": func(c *config) { c.rows = 150_000 }, "duration": func(c *config) { c.duration = time.Millisecond },
		"clients": func(c *config) { c.few = 0 }, "file": func(c *config) { c.file = 0 }, "idle": func(c *config) { c.idle = -1 },
	} {
		bad := good
		spoil(&bad)
		require.Error(t, bad.check(), name)
	}
	require.True(t, good.wanted("relay"))
	good.legs = "direct,relay"
	require.True(t, good.wanted("relay"))
	require.False(t, good.wanted("durable-detectors"))
}

func TestBeyond(t *testing.T) {
	s := &section{}
	for _, v := range []float64{10, 20} {
		s.add("relay", "KiB", v)
		s.add("gateway", "KiB", v*1.5)
	}
	s.beyond("relay", "KiB")
	require.Equal(t, []float64{5, 10}, s.Values["gateway"]["beyond relay"])
	require.Empty(t, s.Values["relay"]["beyond relay"])
}

func TestReport(t *testing.T) {
	s := &section{Title: "a load", Reference: "relay"}
	for range 2 {
		s.add("direct", "tx/s", 200)
		s.add("relay", "tx/s", 100)
		s.add("relay", "CPU µs/tx", 10)
		s.add("gateway", "tx/s", 90)
		s.add("gateway", "CPU µs/tx", 15)
	}
	s.remark("refusing", "refused: for a reason")
	var out bytes.Buffer
	(&report{Sections: []*section{s}}).print(&out)
	require.Equal(t, `
a load
                        tx/s         CPU µs/tx
  direct       200 (200–200)                 -
  relay        100 (100–100)  10.0 (10.0–10.0)
  gateway   90.0 (90.0–90.0)  15.0 (15.0–15.0)
  refusing                 -                 -

  as a multiple of relay              tx/s               CPU
  direct                  2.00 (2.00–2.00)                 -
  gateway                 0.90 (0.90–0.90)  1.50 (1.50–1.50)
  refusing: refused: for a reason
`, out.String())
}
