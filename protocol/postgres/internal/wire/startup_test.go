package wire_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

func packet(code uint32, rest string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
	return append(binary.BigEndian.AppendUint32(b, code), rest...)
}

func TestReadStartup(t *testing.T) {
	for name, c := range map[string]struct {
		packet []byte
		want   wire.Startup
	}{
		"ssl":    {packet(80877103, ""), wire.Startup{Kind: wire.SSLRequest}},
		"gss":    {packet(80877104, ""), wire.Startup{Kind: wire.GSSENCRequest}},
		"cancel": {packet(80877102, "\x00\x00\x00\x07abcd"), wire.Startup{Kind: wire.CancelRequest, PID: 7, Key: []byte("abcd")}},
		"cancel 3.2": {wire.AppendCancelRequest(nil, 7, bytes.Repeat([]byte("k"), 256)),
			wire.Startup{Kind: wire.CancelRequest, PID: 7, Key: bytes.Repeat([]byte("k"), 256)}},
		"3.0": {packet(3<<16, "user\x00me\x00database\x00db\x00\x00"),
			wire.Startup{Params: wire.Params{{"user", "me"}, {"database", "db"}}}},
		"3.2 with options": {packet(3<<16|2, "user\x00me\x00_pq_.x\x001\x00empty\x00\x00\x00"),
			wire.Startup{Minor: 2, Params: wire.Params{{"user", "me"}, {"empty", ""}}, Options: []string{"_pq_.x"}}},
		"no parameters": {packet(3<<16, "\x00"), wire.Startup{}},
		"own": {wire.AppendStartup(nil, wire.Params{{"user", "m\x00e"}, {"", "x"}, {"a", ""}}),
			wire.Startup{Params: wire.Params{{"user", "me"}, {"a", ""}}}},
		"own ssl": {wire.AppendSSLRequest(nil), wire.Startup{Kind: wire.SSLRequest}},
	} {
		src := bytes.NewReader(append(slices.Clone(c.packet), "behind"...))
		have, err := wire.ReadStartup(iotest.OneByteReader(src))
		require.NoError(t, err, name)
		assert.Equal(t, c.want, have, name)
		assert.Equal(t, 6, src.Len(), "%s: it read further than the packet", name)

		for cut := 1; cut < len(c.packet); cut++ {
			_, err := wire.ReadStartup(bytes.NewReader(c.packet[:cut]))
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, name)
		}
	}
	_, err := wire.ReadStartup(bytes.NewReader(nil))
	assert.Equal(t, io.EOF, err)
}

func TestReadStartupRefuses(t *testing.T) {
	many := ""
	for i := range 300 {
		many += string(rune('a'+i%26)) + string(rune('a'+i/26)) + "\x00v\x00"
	}
	for name, bad := range map[string][]byte{
		"http":            []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"tls":             {0x16, 3, 1, 2, 0, 1, 0, 1},
		"zeros":           make([]byte, 20),
		"too short":       {0, 0, 0, 7, 0, 3, 0},
		"too long":        append([]byte{0, 0, 0x27, 0x11}, make([]byte, 10_001)...),
		"no terminator":   packet(3<<16, "user\x00me\x00"),
		"no value":        packet(3<<16, "user\x00me"),
		"behind the end":  packet(3<<16, "user\x00me\x00\x00x"),
		"twice":           packet(3<<16, "user\x00me\x00user\x00you\x00\x00"),
		"option twice":    packet(3<<16, "_pq_.a\x00\x00_pq_.a\x00\x00\x00"),
		"too many":        packet(3<<16, many+"\x00"),
		"ssl left over":   packet(80877103, "x"),
		"short key":       packet(80877102, "\x00\x00\x00\x07abc"),
		"long key":        packet(80877102, "\x00\x00\x00\x07"+string(make([]byte, 257))),
		"cancel cut":      packet(80877102, "\x00\x00"),
		"nothing at all":  {0, 0, 0, 4},
		"negative length": {0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0},
	} {
		_, err := wire.ReadStartup(bytes.NewReader(bad))
		var format *wire.FormatError
		assert.ErrorAs(t, err, &format, name)
	}
	for _, code := range []uint32{2 << 16, 4 << 16, 0, 1234<<16 | 1} {
		_, err := wire.ReadStartup(bytes.NewReader(packet(code, "user\x00me\x00\x00")))
		var version *wire.VersionError
		require.ErrorAs(t, err, &version)
		assert.Equal(t, uint16(code>>16), version.Major)
	}
}

func TestParams(t *testing.T) {
	p := wire.Params{{"user", "me"}, {"empty", ""}}
	assert.Equal(t, "me", p.Get("user"))
	assert.Empty(t, p.Get("User"))
	assert.True(t, p.Has("empty"))
	assert.False(t, p.Has("database"))
}

func FuzzReadStartup(f *testing.F) {
	f.Add(packet(3<<16, "user\x00me\x00_pq_.x\x00\x00\x00"))
	f.Add(packet(80877102, "\x00\x00\x00\x07abcd"))
	f.Add([]byte("GET / HTTP/1.1\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := wire.ReadStartup(bytes.NewReader(b))
		if err != nil {
			return
		}
		n := binary.BigEndian.Uint32(b)
		switch {
		case s.Kind == wire.StartupMessage && s.Minor == 0 && len(s.Options) == 0:
			require.Equal(t, b[:n], wire.AppendStartup(nil, s.Params))
		case s.Kind == wire.CancelRequest:
			require.Equal(t, b[:n], wire.AppendCancelRequest(nil, s.PID, s.Key))
		}
	})
}
