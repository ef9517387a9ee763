package sftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
	"github.com/sallyport/sallyport/recorder"
)

func hello(version uint32) []byte {
	return wire.AppendHello(nil, &wire.Hello{Kind: wire.Init, Version: version})
}

func frame(body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// What cannot be answered ends the channel, and nothing of it has gone on.
func TestClientIsCutOff(t *testing.T) {
	stat := wire.AppendRequest(nil, &wire.Request{Kind: wire.Stat, ID: 1, Path: []byte(".")})
	for name, c := range map[string]struct {
		sent []byte
		want error
	}{
		"requests before INIT":    {stat, wire.ErrMalformed},
		"version 2":               {hello(2), nil},
		"a second INIT":           {append(hello(3), hello(3)...), wire.ErrMalformed},
		"a VERSION":               {append(hello(3), wire.AppendHello(nil, &wire.Hello{Kind: wire.VersionReply, Version: 3})...), nil},
		"an oversized packet":     {append(hello(3), 0x00, 0x10, 0, 0), wire.ErrTooLong},
		"a packet of 4 GiB":       {append(hello(3), 0xff, 0xff, 0xff, 0xff), wire.ErrTooLong},
		"an empty packet":         {append(hello(3), 0, 0, 0, 0), wire.ErrMalformed},
		"a packet without id":     {append(hello(3), frame(17, 0, 0)...), wire.ErrMalformed},
		"an end inside a packet":  {append(hello(3), stat[:7]...), nil},
		"an INIT that is no INIT": {frame(1), wire.ErrMalformed},
		"not SFTP at all":         {[]byte("GET / HTTP/1.1\r\n\r\n"), wire.ErrTooLong},
		"nothing":                 {nil, io.EOF},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{})
			c2 := &raw{t: t, Conn: r.connect()}
			c2.send(c.sent)
			require.NoError(t, c2.Conn.(*net.TCPConn).CloseWrite())
			c2.gone()
			err := r.ended()
			require.Error(t, err)
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
			}
			assert.Empty(t, r.described())
		})
	}
}

// What can be answered is, in SFTP's words, and the session goes on.
func TestRefusedNatively(t *testing.T) {
	r := start(t, setup{})
	c := r.raw()
	body := func(k byte, rest string) []byte {
		c.id++
		return frame(append(binary.BigEndian.AppendUint32([]byte{k}, c.id), rest...)...)
	}
	long := string(bytes.Repeat([]byte("x"), 4097))
	for name, k := range map[string]struct {
		packet []byte
		want   wire.Code
	}{
		"an unknown packet":          {body(77, "whatever"), wire.OpUnsupported},
		"a response":                 {body(101, "\x00\x00\x00\x00"), wire.OpUnsupported},
		"an unknown extension":       {body(200, "\x00\x00\x00\x03newdata"), wire.OpUnsupported},
		"a path that lies":           {body(17, "\x00\x00\xff\xffx"), wire.BadMessage},
		"a path with something more": {body(17, "\x00\x00\x00\x01xy"), wire.BadMessage},
		"unknown attributes":         {body(9, "\x00\x00\x00\x01x\x00\x00\x01\x00"), wire.BadMessage},
		"a zero in a path":           {body(17, "\x00\x00\x00\x03a\x00b"), wire.BadMessage},
		"a path of 4097 bytes":       {body(17, "\x00\x00\x10\x01"+long), wire.BadMessage},
		"flags of a later version":   {body(3, "\x00\x00\x00\x01x\x00\x00\x01\x01\x00\x00\x00\x00"), wire.BadMessage},
		"a handle that is not":       {body(4, "\x00\x00\x00\x04none"), wire.Failure},
		"writing to nothing":         {body(6, "\x00\x00\x00\x04none\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), wire.Failure},
		"a handle of 257 bytes":      {body(4, "\x00\x00\x01\x01"+long[:257]), wire.BadMessage},
	} {
		c.send(k.packet)
		a := c.response()
		assert.Equal(t, wire.ID(k.packet), a.ID, name)
		assert.Equal(t, wire.Status, a.Kind, name)
		assert.Equal(t, k.want, a.Code, "%s: %s", name, a.Message)
		assert.NotEmpty(t, a.Message, name)
	}
	for _, op := range r.Record.Operations() {
		if op.Verb == "sftp.unknown" {
			assert.Equal(t, protocol.Refused, op.Outcome.Result)
		}
	}
	assert.Equal(t, wire.Attributes, c.ask(wire.Request{Kind: wire.Stat, Path: []byte(".")}).Kind)
}

// A flood of what is refused does not flood the record.
func TestRefusalsAreBounded(t *testing.T) {
	r := start(t, setup{})
	c := r.raw()
	for range 300 {
		assert.Equal(t, wire.Failure, c.ask(wire.Request{Kind: wire.Close, Handle: []byte("none")}).Code)
	}
	for i := range 100 {
		ext := binary.BigEndian.AppendUint32([]byte("new"), uint32(i))
		assert.Equal(t, wire.OpUnsupported, c.ask(wire.Request{Kind: wire.Extended, Extension: ext}).Code)
	}
	assert.LessOrEqual(t, len(r.described()), 32)
	c.Close()
	require.NoError(t, r.ended())
	assert.Contains(t, r.Record.String(), "368 more requests were refused")
}

// A handle serves for what it was opened for.
func TestHandlesAreNotMisused(t *testing.T) {
	r := start(t, setup{})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "f"), []byte("content"), 0o600))
	c := r.raw()
	read, write := c.open("f", wire.FlagRead), c.open("g", wire.FlagWrite|wire.FlagCreate)
	list := c.ask(wire.Request{Kind: wire.Opendir, Path: []byte(".")}).Handle
	list = bytes.Clone(list)
	for _, q := range []wire.Request{
		{Kind: wire.Write, Handle: read, Data: []byte("x")},
		{Kind: wire.Read, Handle: write, Length: 1},
		{Kind: wire.Readdir, Handle: read},
		{Kind: wire.Read, Handle: list, Length: 1},
		{Kind: wire.Write, Handle: list, Data: []byte("x")},
		{Kind: wire.CopyData, Handle: write, Handle2: read},
		{Kind: wire.Read, Handle: []byte("\x00\x00\x00\x09"), Length: 1},
	} {
		a := c.ask(q)
		assert.Equal(t, wire.Failure, a.Code, q.Kind)
		assert.Contains(t, string(a.Message), "handle", "%s is refused here, whatever the target does", q.Kind)
	}
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: read}).Code)
	assert.Equal(t, wire.Failure, c.ask(wire.Request{Kind: wire.Read, Handle: read, Length: 1}).Code)
}

func TestOnlyKnownExtensionsAreOffered(t *testing.T) {
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet("new@example.com", "1", "statvfs@openssh.com", "1", "fsync@openssh.com", "1")
		p.serve(func(*fake, *wire.Request) {})
	})})
	c := r.raw()
	assert.Equal(t, map[string]string{"fsync@openssh.com": "1"}, c.offers())
	assert.Equal(t, wire.OpUnsupported, c.ask(wire.Request{Kind: wire.Statvfs, Path: []byte("/")}).Code)
}

// fake is a target that the test wrote.
type fake struct{ raw }

// scripted makes a server of a script. It has a t only to fail with.
func scripted(script func(*fake)) func(net.Conn) {
	return func(c net.Conn) {
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		script(&fake{raw{Conn: c}})
	}
}

func (p *fake) greet(extensions ...string) {
	if _, err := p.next(); err != nil {
		return
	}
	h := wire.Hello{Kind: wire.VersionReply, Version: 3}
	for i := 0; i < len(extensions); i += 2 {
		h.Offer([]byte(extensions[i]), []byte(extensions[i+1]))
	}
	_, _ = p.Write(wire.AppendHello(nil, &h))
}

func (p *fake) say(a wire.Response) { _, _ = p.Write(wire.AppendResponse(nil, &a)) }

func (p *fake) named(id uint32, name []byte) {
	p.say(wire.Response{Kind: wire.Name, ID: id, Count: 1, Entries: wire.MakeEntries(wire.AppendEntry(nil, &wire.Entry{Name: name}))})
}

// serve resolves paths as they are, and leaves the rest to the test.
func (p *fake) serve(other func(*fake, *wire.Request)) {
	for {
		packet, err := p.next()
		if err != nil {
			return
		}
		var q wire.Request
		if wire.DecodeRequest(packet, &q) != nil {
			return
		}
		switch {
		case q.Kind == wire.Realpath:
			p.named(q.ID, []byte(path.Join("/home", string(q.Path))))
		case q.Kind == wire.Open:
			p.say(wire.Response{Kind: wire.Handle, ID: q.ID, Handle: []byte("h")})
		default:
			other(p, &q)
		}
	}
}

// A target that does not keep to what it was asked ends the channel; nothing
// of it reaches the client.
func TestTargetIsCutOff(t *testing.T) {
	for name, answer := range map[string]func(p *fake, q *wire.Request){
		"an id that was not asked": func(p *fake, q *wire.Request) { p.say(wire.Response{Kind: wire.Status, ID: q.ID + 1}) },
		"an id of long ago":        func(p *fake, q *wire.Request) { p.say(wire.Response{Kind: wire.Status, ID: 0}) },
		"the wrong kind":           func(p *fake, q *wire.Request) { p.say(wire.Response{Kind: wire.Attributes, ID: q.ID}) },
		"success without data":     func(p *fake, q *wire.Request) { p.say(wire.Response{Kind: wire.Status, ID: q.ID}) },
		"more than was asked for": func(p *fake, q *wire.Request) {
			p.say(wire.Response{Kind: wire.Data, ID: q.ID, Data: make([]byte, 101)})
		},
		"an oversized packet":     func(p *fake, q *wire.Request) { _, _ = p.Write([]byte{0xff, 0, 0, 0}) },
		"a malformed packet":      func(p *fake, q *wire.Request) { _, _ = p.Write(frame(103, 0)) },
		"a request":               func(p *fake, q *wire.Request) { _, _ = p.Write(frame(5, 0, 0, 0, 0, 0, 0, 0, 0)) },
		"an end":                  func(p *fake, q *wire.Request) { p.Close() },
		"an end inside an answer": func(p *fake, q *wire.Request) { _, _ = p.Write([]byte{0, 0, 0, 99}); p.Close() },
		"the same answer, then again": func(p *fake, q *wire.Request) {
			p.say(wire.Response{Kind: wire.Status, ID: q.ID, Code: wire.EOF})
			p.say(wire.Response{Kind: wire.Data, ID: q.ID, Data: []byte("data")})
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{server: scripted(func(p *fake) {
				p.greet()
				p.serve(answer)
			})})
			c := r.raw()
			h := c.open("f", wire.FlagRead|wire.FlagWrite)
			c.send(c.request(wire.Request{Kind: wire.Read, Handle: h, Length: 100}))
			for {
				p, err := c.next()
				if err != nil {
					require.NotErrorIs(t, err, errTimeout)
					break
				}
				var a wire.Response
				require.NoError(t, wire.DecodeResponse(p, &a))
				assert.Equal(t, wire.EOF, a.Code)
			}
			require.Error(t, r.ended())
			op := r.Record.Operation(t, "open f")
			assert.Equal(t, protocol.Unknown, op.Outcome.Result)
		})
	}
}

func TestTargetGreetsWrongly(t *testing.T) {
	for name, greeting := range map[string][]byte{
		"version 2":          wire.AppendHello(nil, &wire.Hello{Kind: wire.VersionReply, Version: 2}),
		"version 6":          wire.AppendHello(nil, &wire.Hello{Kind: wire.VersionReply, Version: 6}),
		"an INIT":            hello(3),
		"more than VERSION":  append(wire.AppendHello(nil, &wire.Hello{Kind: wire.VersionReply, Version: 3}), wire.AppendStatus(nil, 0, wire.OK, "")...),
		"a login's chatter":  []byte("Welcome to host\n"),
		"nothing and an end": nil,
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{server: scripted(func(p *fake) {
				_, _ = p.next()
				_, _ = p.Write(greeting)
				_ = p.Conn.(*net.UnixConn).CloseWrite()
				_, _ = io.Copy(io.Discard, p)
			})})
			c := &raw{t: t, Conn: r.connect()}
			c.send(hello(3))
			c.gone()
			require.Error(t, r.ended())
		})
	}
}

// Where a target resolves only what exists, what is to be made is resolved by
// its directory, and a link that leads nowhere is not followed.
func TestTargetResolvesOnlyWhatExists(t *testing.T) {
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		for {
			packet, err := p.next()
			var q wire.Request
			if err != nil || wire.DecodeRequest(packet, &q) != nil {
				return
			}
			to := path.Join("/home", string(q.Path))
			if strings.HasPrefix(string(q.Path), "/") {
				to = path.Clean(string(q.Path))
			}
			no := wire.Response{Kind: wire.Status, ID: q.ID, Code: wire.NoSuchFile}
			switch {
			case q.Kind == wire.Open:
				p.say(wire.Response{Kind: wire.Handle, ID: q.ID, Handle: bytes.Clone(packet[5:9])})
			case q.Kind == wire.Realpath && (to == "/home" || to == "/home/dir"):
				p.named(q.ID, []byte(to))
			case q.Kind == wire.Lstat && to == "/home/dir/link":
				p.say(wire.Response{Kind: wire.Attributes, ID: q.ID})
			case q.Kind == wire.Lstat && to == "/home/dir/closed":
				no.Code = wire.PermissionDenied
				p.say(no)
			default:
				p.say(no)
			}
		}
	})})
	c := r.raw()
	for name, want := range map[string]wire.Kind{"dir/new": wire.Handle, "new": wire.Handle, "dir/link": wire.Status, "dir/closed": wire.Status, "no/new": wire.Status, "no/.": wire.Status} {
		a := c.ask(wire.Request{Kind: wire.Open, Path: []byte(name), Flags: wire.FlagWrite | wire.FlagCreate})
		assert.Equal(t, want, a.Kind, name)
		if want == wire.Status {
			assert.Equal(t, wire.NoSuchFile, a.Code, name)
		}
	}
	op := r.Record.Operation(t, "open dir/link")
	assert.Equal(t, protocol.NotSent, op.Outcome.Result)
	assert.Equal(t, []protocol.Object{{Kind: "path", Name: "/home/dir/link", Effects: protocol.Write}}, op.Objects)
	for _, op := range r.Record.Operations() {
		if strings.HasPrefix(op.Text, "open dir/new ") {
			assert.Equal(t, []protocol.Object{{Kind: "path", Name: "/home/dir/new", Effects: protocol.Write, Resolved: true}}, op.Objects)
		}
	}
}

// A handle that is open already is not given again.
func TestTargetReusesHandle(t *testing.T) {
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		p.serve(func(*fake, *wire.Request) {})
	})})
	c := r.raw()
	c.open("f", wire.FlagRead)
	c.send(c.request(wire.Request{Kind: wire.Open, Path: []byte("g"), Flags: wire.FlagRead}))
	c.gone()
	require.Error(t, r.ended())
}

// A write that the target refused is labelled: it did not move.
func TestFailedWrite(t *testing.T) {
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		p.serve(func(p *fake, q *wire.Request) {
			a := wire.Response{Kind: wire.Status, ID: q.ID, Message: []byte("no space")}
			if q.Kind == wire.Write && q.Offset > 0 {
				a.Code = wire.Failure
			}
			p.say(a)
		})
	})})
	c := r.raw()
	h := c.open("f", wire.FlagWrite)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("0123")}).Code)
	assert.Equal(t, wire.Failure, c.ask(wire.Request{Kind: wire.Write, Handle: h, Offset: 4, Data: []byte("45")}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	op := r.Record.Operation(t, "open f")
	assert.Equal(t, protocol.Failed, op.Outcome.Result)
	assert.Equal(t, "FAILURE", op.Outcome.Code)
	assert.Contains(t, op.Outcome.Text, "the target refused 1 of the writes, 2 bytes of those (FAILURE)")
	assert.EqualValues(t, 4, op.Outcome.Units)
}

// A server that answers in any order is followed, also past a CLOSE.
func TestAnswersInAnyOrder(t *testing.T) {
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		var held []wire.Response
		p.serve(func(p *fake, q *wire.Request) {
			a := wire.Response{Kind: wire.Data, ID: q.ID, Data: bytes.Repeat([]byte{byte(q.Offset)}, 10)}
			if q.Kind == wire.Close {
				p.say(wire.Response{Kind: wire.Status, ID: q.ID})
				for i := len(held) - 1; i >= 0; i-- {
					p.say(held[i])
				}
				return
			}
			held = append(held, a)
		})
	})})
	c := r.raw()
	h := c.open("f", wire.FlagRead)
	var want []uint32
	for i := range uint64(5) {
		c.send(c.request(wire.Request{Kind: wire.Read, Handle: h, Offset: i * 10, Length: 10}))
		want = append([]uint32{c.id}, want...)
	}
	c.send(c.request(wire.Request{Kind: wire.Close, Handle: h}))
	assert.Equal(t, c.id, c.response().ID)
	var got []uint32
	for range 5 {
		got = append(got, c.response().ID)
	}
	assert.Equal(t, want, got)
	op := r.Record.Operation(t, "open f")
	assert.Equal(t, protocol.OK, op.Outcome.Result)
	assert.Contains(t, op.Outcome.Text, "50 bytes read, contiguous from 0")
}

func TestDuplicateIDs(t *testing.T) {
	hold := make(chan struct{})
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		p.serve(func(p *fake, q *wire.Request) {
			<-hold
			p.say(wire.Response{Kind: wire.Data, ID: q.ID, Data: []byte("x")})
		})
	})})
	c := r.raw()
	h := c.open("f", wire.FlagRead)
	q := c.request(wire.Request{Kind: wire.Read, Handle: h, Length: 10})
	c.send(q, q)
	assert.Equal(t, wire.BadMessage, c.response().Code)
	close(hold)
	assert.Equal(t, wire.Data, c.response().Kind)
	c.send(q) // answered, so it may be used again
	assert.Equal(t, wire.Data, c.response().Kind)
}

// A client that sends and never reads costs a bounded amount of memory.
func TestClientNeverReads(t *testing.T) {
	r := start(t, setup{})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "f"), make([]byte, 1<<20), 0o600))
	c := r.raw()
	h := c.open("f", wire.FlagRead)
	before := heap()
	_ = c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	sent := 0
	for {
		var batch []byte
		for range 200 {
			batch = append(batch, c.request(wire.Request{Kind: wire.Read, Handle: h, Length: 1 << 17})...)
		}
		n, err := c.Write(batch)
		if sent += n; err != nil {
			require.True(t, errors.Is(err, os.ErrDeadlineExceeded), err)
			break
		}
		require.Less(t, sent, 64<<20, "nobody holds the client back")
	}
	assert.Less(t, heap(), before+8<<20)
	c.Close()
	require.Error(t, r.ended())
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// What is stuck in a write, to a target that takes nothing more, is freed when
// the caller has had enough.
func TestStuckIsFreed(t *testing.T) {
	ctx, enough := context.WithCancel(t.Context())
	r := start(t, setup{ctx: ctx, server: scripted(func(p *fake) {
		p.greet()
		for range 3 { // where am I, the file, and its opening
			packet, err := p.next()
			var q wire.Request
			if err != nil || wire.DecodeRequest(packet, &q) != nil {
				return
			}
			if q.Kind == wire.Open {
				p.say(wire.Response{Kind: wire.Handle, ID: q.ID, Handle: []byte("h")})
				continue
			}
			p.named(q.ID, []byte("/home"))
		}
		<-ctx.Done()
	})})
	c := r.raw()
	h := c.open("f", wire.FlagWrite)
	_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	for {
		if _, err := c.Write(c.request(wire.Request{Kind: wire.Write, Handle: h, Data: make([]byte, 100<<10)})); err != nil {
			require.ErrorIs(t, err, errTimeout)
			break
		}
	}
	enough()
	require.ErrorIs(t, r.ended(), context.Canceled)
	assert.Equal(t, protocol.Unknown, r.Record.Operation(t, "open f").Outcome.Result)
}

// A target that hangs is left when the session ends.
func TestTargetHangs(t *testing.T) {
	r := start(t, setup{server: scripted(func(p *fake) {
		p.greet()
		p.serve(func(*fake, *wire.Request) {})
	})})
	c := r.raw()
	h := c.open("f", wire.FlagWrite)
	c.send(c.request(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("x")}))
	r.Record.WaitFor(t, func(events []recorder.Event) bool {
		return slices.ContainsFunc(events, func(e recorder.Event) bool { return e.Kind == recorder.KindInput && e.Part.Kind == "write" })
	})
	require.True(t, r.End(r.Sessions()[0].ID, "test"))
	c.gone()
	require.Error(t, r.ended())
	op := r.Record.Operation(t, "open f")
	assert.Equal(t, protocol.Unknown, op.Outcome.Result)
	assert.Contains(t, op.Outcome.Text, "the channel broke off")
}
