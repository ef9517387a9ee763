package sftp_test

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func masked(b *proxy.Builder) *proxy.Builder { return b.Mask(mask.Pattern("numbers", `EMP-\d{6}`)) }

// Names and words are masked before client and record; content is not touched,
// and is in the record neither.
func TestMasks(t *testing.T) {
	r := start(t, setup{build: masked})
	secret, hidden := "EMP-123456", "**********"
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "x-"+secret), []byte("I am "+secret), 0o600))
	require.NoError(t, os.Symlink(secret, filepath.Join(r.root, "link")))
	c := r.raw()
	h := bytes.Clone(c.ask(wire.Request{Kind: wire.Opendir, Path: []byte(".")}).Handle)
	a := c.ask(wire.Request{Kind: wire.Readdir, Handle: h})
	var names []string
	var e wire.Entry
	for list := a.Entries; list.Next(&e); {
		names = append(names, string(e.Name))
		assert.NotContains(t, string(e.Long), secret)
		assert.Contains(t, string(e.Long), string(e.Name))
	}
	assert.Contains(t, names, "x-"+hidden)
	assert.Equal(t, wire.Failure, c.ask(wire.Request{Kind: wire.Close, Handle: []byte("none")}).Code)
	a = c.ask(wire.Request{Kind: wire.Readlink, Path: []byte("link")})
	a.Entries.Next(&e)
	assert.Equal(t, hidden, string(e.Name))
	// Who knows the name can use it; the record has it masked.
	h = c.open("x-"+secret, wire.FlagRead|wire.FlagWrite)
	assert.Equal(t, "I am "+secret, string(c.ask(wire.Request{Kind: wire.Read, Handle: h, Length: 100}).Data))
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("U")}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Fsetstat, Handle: h, Attrs: wire.Attrs{Flags: wire.AttrMode, Mode: 0o600}}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Rename, Path: []byte("x-" + secret), Path2: []byte("y-" + secret)}).Code)
	require.NoError(t, c.Close())
	require.NoError(t, r.ended())
	assert.FileExists(t, filepath.Join(r.root, "y-"+secret))
	assert.False(t, r.Record.Holds([]byte(secret)), "%s", r.Record)
	assert.True(t, r.Record.Holds([]byte("x-"+hidden)))
}

// A target's words are masked, whichever way they take.
func TestMaskedWords(t *testing.T) {
	r := start(t, setup{build: masked, server: scripted(func(p *fake) {
		p.greet("expand-path@openssh.com", "1")
		p.serve(func(p *fake, q *wire.Request) {
			p.say(wire.Response{Kind: wire.Status, ID: q.ID, Code: wire.Failure, Message: []byte("locked by EMP-123456")})
		})
	})})
	c := r.raw()
	h := c.open("f", wire.FlagWrite)
	for _, q := range []wire.Request{
		{Kind: wire.Write, Handle: h, Data: []byte("x")},
		{Kind: wire.Remove, Path: []byte("f")},
		{Kind: wire.ExpandPath, Path: []byte("~f")},
		{Kind: wire.Close, Handle: h},
	} {
		assert.Equal(t, "locked by **********", string(c.ask(q).Message), q.Kind)
	}
	require.NoError(t, c.Close())
	require.NoError(t, r.ended())
	assert.False(t, r.Record.Holds([]byte("EMP-123456")))
}

// Content is recorded where the caller wants it, up to a bound.
func TestContentUpToABound(t *testing.T) {
	type asked struct {
		path  string
		write bool
	}
	seen := make(chan asked, 10)
	r := start(t, setup{build: masked, options: sftp.Options{Content: func(path string, write bool) int64 {
		seen <- asked{filepath.Base(path), write}
		if strings.HasSuffix(path, "recorded") {
			return 25
		}
		return 0
	}}})
	c := r.raw()
	put := func(name string) {
		h := c.open(name, wire.FlagRead|wire.FlagWrite|wire.FlagCreate)
		for i, s := range []string{"<one EMP-111111>", "<two 456>", "<three is too much>", "<4>"} {
			require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Offset: uint64(i) * 20, Data: []byte(s)}).Code)
		}
		for i := range uint64(4) {
			require.Equal(t, wire.Data, c.ask(wire.Request{Kind: wire.Read, Handle: h, Offset: i * 20, Length: 10}).Kind)
		}
		require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	}
	put("recorded")
	put("other")
	assert.Equal(t, asked{"recorded", true}, <-seen)
	assert.Equal(t, asked{"recorded", false}, <-seen)
	op, other := r.Record.Operation(t, "open recorded"), r.Record.Operation(t, "open other")
	assert.Contains(t, string(op.Input), "<one **********>", "what is detected is hidden in the record")
	assert.Contains(t, string(op.Input), "<two 456>")
	assert.NotContains(t, string(op.Input), "three")
	assert.NotContains(t, string(op.Input), "<4>", "nothing after a gap")
	assert.Contains(t, string(op.Output), "<two 456>")
	assert.NotContains(t, string(op.Output), "three")
	for _, s := range []string{"one", "two", "three"} {
		assert.NotContains(t, string(other.Input)+string(other.Output), s)
	}
	got, err := os.ReadFile(filepath.Join(r.root, "recorded"))
	require.NoError(t, err)
	assert.Contains(t, string(got), "EMP-111111", "the target gets what was sent")
}

// What moved out of order is labelled so.
func TestNotContiguous(t *testing.T) {
	r := start(t, setup{})
	c := r.raw()
	h := c.open("f", wire.FlagWrite|wire.FlagCreate)
	for _, at := range []uint64{0, 100, 0} {
		require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Offset: at, Data: []byte("0123456789")}).Code)
	}
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	op := r.Record.Operation(t, "open f")
	assert.Contains(t, op.Outcome.Text, "sha256-extents:")
	assert.Contains(t, op.Outcome.Text, "30 bytes written in 3 extents, not contiguous")
	h = c.open("f", wire.FlagWrite|wire.FlagAppend)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("more")}).Code)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	op = r.Record.Operation(t, "(write, append)")
	assert.Contains(t, op.Outcome.Text, "4 bytes written, contiguous from 0; appended, the offsets do not count")
}

// A client that leaves with a file open: nobody knows what became of it.
func TestLeftOpen(t *testing.T) {
	r := start(t, setup{})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "g"), []byte("content"), 0o600))
	c := r.raw()
	h := c.open("f", wire.FlagWrite|wire.FlagCreate)
	g := c.open("g", wire.FlagRead)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("half")}).Code)
	require.Equal(t, wire.Data, c.ask(wire.Request{Kind: wire.Read, Handle: g, Length: 7}).Kind)
	require.NoError(t, c.Close())
	require.NoError(t, r.ended())
	op := r.Record.Operation(t, "open f")
	assert.Equal(t, protocol.Unknown, op.Outcome.Result)
	assert.Contains(t, op.Outcome.Text, "4 bytes written, contiguous from 0; the client left without closing it")
	op = r.Record.Operation(t, "open g")
	assert.Equal(t, protocol.OK, op.Outcome.Result)
	assert.Contains(t, op.Outcome.Text, "7 bytes read")
}

// A target that dies in the middle of a transfer.
func TestTargetDies(t *testing.T) {
	r := start(t, setup{server: func(c net.Conn) {
		p := &fake{raw{Conn: c}}
		p.greet()
		n := 0
		p.serve(func(p *fake, q *wire.Request) {
			if n++; n > 3 {
				p.Close()
				return
			}
			p.say(wire.Response{Kind: wire.Status, ID: q.ID})
		})
	}})
	c := r.raw()
	h := c.open("f", wire.FlagWrite)
	// No more than it takes before it dies: a write that fails ends the channel
	// with answers that are still on their way.
	for i := range uint64(4) {
		c.send(c.request(wire.Request{Kind: wire.Write, Handle: h, Offset: i * 4, Data: []byte("data")}))
	}
	for range 3 {
		assert.Equal(t, wire.OK, c.response().Code)
	}
	c.gone()
	require.ErrorIs(t, r.ended(), sftp.ErrTargetLost)
	op := r.Record.Operation(t, "open f")
	assert.Equal(t, protocol.Unknown, op.Outcome.Result)
	assert.Contains(t, op.Outcome.Text, "the target went away")
}

// An upload streams: memory does not grow with its size.
func TestMemoryIsFlat(t *testing.T) {
	size := int64(64 << 20)
	if os.Getenv("SALLYPORT_SOAK") == "1" {
		size = 1 << 30
	}
	r := start(t, setup{})
	r.Record.Thin()
	c := r.client(client.UseConcurrentWrites(true))
	f, err := c.Create("/dev/null")
	require.NoError(t, err)
	_, err = f.ReadFrom(&zeros{8 << 20})
	require.NoError(t, err)
	before, appends := heap(), r.Record.Appends()
	start := time.Now()
	n, err := f.ReadFrom(&zeros{size})
	require.NoError(t, err)
	require.Equal(t, size, n)
	t.Logf("%.0f MB/s", float64(size)/1e6/time.Since(start).Seconds())
	assert.Less(t, heap(), before+8<<20)
	t.Logf("%d packets in %d events", size>>15, r.Record.Appends()-appends)
	require.NoError(t, f.Close())
}

// What lies together is one event.
func TestFewEvents(t *testing.T) {
	r := start(t, setup{})
	c := r.raw()
	h := c.open("f", wire.FlagWrite|wire.FlagCreate)
	before := r.Record.Appends()
	var all []byte
	for i := range uint64(200) {
		all = append(all, c.request(wire.Request{Kind: wire.Write, Handle: h, Offset: i * 100, Data: make([]byte, 100)})...)
	}
	c.send(all)
	for range 200 {
		require.Equal(t, wire.OK, c.response().Code)
	}
	inputs := 0
	for _, e := range r.Record.Events() {
		if e.Kind == recorder.KindInput && e.Part.Kind == "write" {
			inputs++
		}
	}
	assert.Less(t, inputs, 20)
	assert.Less(t, r.Record.Appends()-before, 200)
}
