package wire_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

func attrs() wire.Attrs {
	return wire.Attrs{
		Flags: wire.AttrSize | wire.AttrOwner | wire.AttrMode | wire.AttrTimes | wire.AttrExtended,
		Size:  1 << 40, UID: 1, GID: 2, Mode: 0o100644, ATime: 3, MTime: 4,
		Pairs: 1, Extended: []byte("\x00\x00\x00\x01k\x00\x00\x00\x02vv"),
	}
}

// requests is one of each kind.
func requests() []wire.Request {
	h, p, p2 := []byte("\x00\x00\x00\x07"), []byte("/a path"), []byte("/b")
	list := []wire.Request{
		{Kind: wire.Open, Path: p, Flags: wire.FlagsKnown, Attrs: attrs()},
		{Kind: wire.Read, Handle: h, Offset: 1 << 33, Length: 32768},
		{Kind: wire.Write, Handle: h, Offset: 1 << 33, Data: []byte("content")},
		{Kind: wire.Setstat, Path: p, Attrs: attrs()},
		{Kind: wire.Lsetstat, Path: p, Attrs: wire.Attrs{Flags: wire.AttrSize, Size: 3}},
		{Kind: wire.Mkdir, Path: p, Attrs: wire.Attrs{}},
		{Kind: wire.Fsetstat, Handle: h, Attrs: attrs()},
		{Kind: wire.CopyData, Handle: h, Offset: 1, Length: 2, Handle2: []byte("x"), Offset2: 3},
		{Kind: wire.UsersGroups, UIDs: []byte{0, 0, 0, 1, 0, 0, 0, 2}, GIDs: []byte{0, 0, 0, 1}},
		{Kind: wire.Limits},
		{Kind: wire.Extended, Extension: []byte("new@example.com"), Data: []byte("\x00whatever")},
	}
	for _, k := range []wire.Kind{wire.Close, wire.Fstat, wire.Readdir, wire.Fstatvfs, wire.Fsync} {
		list = append(list, wire.Request{Kind: k, Handle: h})
	}
	for _, k := range []wire.Kind{
		wire.Lstat, wire.Opendir, wire.Remove, wire.Rmdir, wire.Realpath, wire.Stat, wire.Readlink, wire.Statvfs, wire.ExpandPath, wire.HomeDirectory,
	} {
		list = append(list, wire.Request{Kind: k, Path: p})
	}
	for _, k := range []wire.Kind{wire.Rename, wire.Symlink, wire.PosixRename, wire.Hardlink} {
		list = append(list, wire.Request{Kind: k, Path: p, Path2: p2})
	}
	return list
}

func responses() [][]byte {
	var entries []byte
	for i := range 3 {
		entries = wire.AppendEntry(entries, &wire.Entry{Name: fmt.Appendf(nil, "n%d", i), Long: []byte("-rw n"), Attrs: attrs()})
	}
	var list [][]byte
	for _, a := range []wire.Response{
		{Kind: wire.Status, ID: 9, Code: wire.Failure, Message: []byte("Failure"), Language: []byte("en")},
		{Kind: wire.Handle, ID: 9, Handle: []byte("\x00\x00\x00\x00")},
		{Kind: wire.Data, ID: 9, Data: []byte("content")},
		{Kind: wire.Name, ID: 9, Count: 3, Entries: wire.MakeEntries(entries)},
		{Kind: wire.Attributes, ID: 9, Attrs: attrs()},
		{Kind: wire.ExtendedReply, ID: 9, Payload: []byte("payload")},
	} {
		list = append(list, wire.AppendResponse(nil, &a))
	}
	// A status of before the draft.
	return append(list, []byte("\x00\x00\x00\x09\x65\x00\x00\x00\x09\x00\x00\x00\x04"))
}

func TestRequestsKeepTheirMeaning(t *testing.T) {
	for _, q := range requests() {
		t.Run(q.Kind.String(), func(t *testing.T) {
			q.ID = 0x01020304
			packet := wire.AppendRequest([]byte("before"), &q)[len("before"):]
			assert.EqualValues(t, 0x01020304, wire.ID(packet))
			var got wire.Request
			require.NoError(t, wire.DecodeRequest(packet, &got))
			if name := q.Kind.Extension(); name != "" {
				got.Extension = nil
			}
			assert.Equal(t, q, got)
			assert.Equal(t, q.Kind != wire.Extended, q.Kind.Known())
			// Nothing that is shorter or longer is the same request.
			for i := 5; i < len(packet); i++ {
				if q.Kind == wire.Extended && i >= len(packet)-len(q.Data) {
					break // its payload is anything
				}
				short := bytes.Clone(packet[:i])
				binary.BigEndian.PutUint32(short, uint32(i-4))
				assert.ErrorIs(t, wire.DecodeRequest(short, &got), wire.ErrMalformed, "cut at %d", i)
			}
			long := append(bytes.Clone(packet), 0)
			assert.ErrorIs(t, wire.DecodeRequest(long, &got), wire.ErrMalformed, "the length field lies")
			binary.BigEndian.PutUint32(long, uint32(len(long)-4))
			if q.Kind != wire.Extended {
				assert.ErrorIs(t, wire.DecodeRequest(long, &got), wire.ErrMalformed)
			}
		})
	}
}

func TestResponsesKeepTheirMeaning(t *testing.T) {
	for _, packet := range responses() {
		var a wire.Response
		require.NoError(t, wire.DecodeResponse(packet, &a))
		assert.Equal(t, packet, wire.AppendResponse(nil, &a), a.Kind.String())
		for i := 5; i < len(packet); i++ {
			short := bytes.Clone(packet[:i])
			binary.BigEndian.PutUint32(short, uint32(i-4))
			if a.Kind == wire.ExtendedReply && i >= wire.Header || a.Kind == wire.Status && i == wire.Header+4 {
				continue
			}
			assert.ErrorIs(t, wire.DecodeResponse(short, &a), wire.ErrMalformed, "cut at %d", i)
		}
	}
}

func TestEntries(t *testing.T) {
	var a wire.Response
	require.NoError(t, wire.DecodeResponse(responses()[3], &a))
	var names []string
	var e wire.Entry
	for list := a.Entries; list.Next(&e); {
		names = append(names, string(e.Name))
		assert.Equal(t, attrs(), e.Attrs)
	}
	assert.Equal(t, []string{"n0", "n1", "n2"}, names)
}

func TestRefused(t *testing.T) {
	var q wire.Request
	var a wire.Response
	request := func(k byte, body string) []byte {
		p := append([]byte{0, 0, 0, 0, k}, body...)
		binary.BigEndian.PutUint32(p, uint32(len(p)-4))
		return p
	}
	for name, packet := range map[string][]byte{
		"nothing":                           {},
		"an empty packet":                   {0, 0, 0, 0},
		"a second INIT":                     request(1, "\x00\x00\x00\x03"),
		"a path longer than the packet":     request(17, "\x00\x00\x00\x01\xff\xff\xff\xffx"),
		"attributes of a later version":     request(9, "\x00\x00\x00\x01\x00\x00\x00\x01a\x00\x00\x00\x10"),
		"four billion attributes":           request(9, "\x00\x00\x00\x01\x00\x00\x00\x01a\x80\x00\x00\x00\xff\xff\xff\xff"),
		"a handle of 257 bytes":             request(4, "\x00\x00\x00\x01\x00\x00\x01\x01"+string(make([]byte, 257))),
		"no id":                             request(4, "\x00\x00"),
		"an extension without a name":       request(200, "\x00\x00\x00\x01"),
		"users by half an id":               wire.AppendRequest(nil, &wire.Request{Kind: wire.UsersGroups, UIDs: []byte{1}}),
		"limits with something behind them": request(200, "\x00\x00\x00\x01\x00\x00\x00\x12limits@openssh.comx"),
	} {
		assert.Error(t, wire.DecodeRequest(packet, &q), name)
	}
	for name, packet := range map[string][]byte{
		"four billion names":    request(104, "\x00\x00\x00\x01\xff\xff\xff\xff"),
		"fewer names than said": request(104, "\x00\x00\x00\x01\x00\x00\x00\x00more"),
		"a request":             request(3, "\x00\x00\x00\x01"),
		"data that lies":        request(103, "\x00\x00\x00\x01\x00\x00\x00\x09short"),
		"half a status":         request(101, "\x00\x00\x00\x01\x00\x00\x00\x09\x00\x00"),
	} {
		assert.ErrorIs(t, wire.DecodeResponse(packet, &a), wire.ErrMalformed, name)
	}
}

func TestNext(t *testing.T) {
	packet, want, err := wire.Next([]byte{0, 0})
	assert.Nil(t, packet)
	assert.Equal(t, 4, want)
	require.NoError(t, err)
	packet, want, err = wire.Next([]byte{0, 0, 0, 9, 1})
	assert.Nil(t, packet)
	assert.Equal(t, 13, want)
	require.NoError(t, err)
	most := binary.BigEndian.AppendUint32(nil, wire.MaxPacket)
	_, want, err = wire.Next(most)
	require.NoError(t, err)
	assert.Equal(t, wire.MaxPacket+4, want)
	for _, n := range []uint32{wire.MaxPacket + 1, 1 << 31, 1<<32 - 1} {
		_, _, err = wire.Next(binary.BigEndian.AppendUint32(nil, n))
		assert.ErrorIs(t, err, wire.ErrTooLong)
	}
	two := append(responses()[0], responses()[1]...)
	packet, _, err = wire.Next(two)
	require.NoError(t, err)
	assert.Equal(t, responses()[0], packet)
	assert.Equal(t, len(packet), cap(packet), "appending to a packet spares the next")
}

func TestHello(t *testing.T) {
	h := wire.Hello{Kind: wire.VersionReply, Version: 3}
	h.Offer([]byte("statvfs@openssh.com"), []byte("2"))
	h.Offer([]byte("new@example.com"), nil)
	packet := wire.AppendHello(nil, &h)
	var got wire.Hello
	require.NoError(t, wire.DecodeHello(packet, &got))
	var list []string
	got.Extensions(func(name, data []byte) { list = append(list, string(name)+"="+string(data)) })
	assert.Equal(t, []string{"statvfs@openssh.com=2", "new@example.com="}, list)
	require.ErrorIs(t, wire.DecodeHello(responses()[0], &got), wire.ErrMalformed)
	packet[3]--
	require.ErrorIs(t, wire.DecodeHello(packet[:len(packet)-1], &got), wire.ErrMalformed)
}

func TestKnownExtension(t *testing.T) {
	for k := wire.PosixRename; k <= wire.UsersGroups; k++ {
		name := []byte(k.Extension())
		require.NotEmpty(t, name)
		assert.Equal(t, k, wire.ExtensionKind(name))
		assert.Equal(t, string(name), k.String())
		one := k != wire.Statvfs && k != wire.Fstatvfs
		assert.Equal(t, one, wire.KnownExtension(name, []byte("1")), k.String())
		assert.Equal(t, !one, wire.KnownExtension(name, []byte("2")), k.String())
	}
	assert.False(t, wire.KnownExtension([]byte("new@example.com"), []byte("1")))
}

func TestSetID(t *testing.T) {
	packet := wire.AppendStatus(nil, 1, wire.OK, "done")
	wire.SetID(packet, 0xfffffffe)
	assert.Equal(t, wire.AppendStatus(nil, 0xfffffffe, wire.OK, "done"), packet)
}

func TestDecodingDoesNotAllocate(t *testing.T) {
	write := wire.AppendRequest(nil, &wire.Request{Kind: wire.Write, Handle: []byte("h"), Data: make([]byte, 32768)})
	names := responses()[3]
	var q wire.Request
	var a wire.Response
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if wire.DecodeRequest(write, &q) != nil || wire.DecodeResponse(names, &a) != nil {
			t.Error("does not decode")
		}
	}))
}

func TestLimits(t *testing.T) {
	l := wire.LimitValues{Packet: 1, Read: 2, Write: 3, Handles: 4}
	got, err := wire.DecodeLimits(wire.AppendLimits(nil, l))
	require.NoError(t, err)
	assert.Equal(t, l, got)
	_, err = wire.DecodeLimits([]byte("short"))
	assert.ErrorIs(t, err, wire.ErrMalformed)
}
