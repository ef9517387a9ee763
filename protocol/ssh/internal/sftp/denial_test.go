package sftp_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
	"github.com/sallyport/sallyport/recorder"
)

func denySecrets() []approve.Rule {
	return append(allowAll(), approve.Rule{Name: "no-secrets", Objects: []string{"path:*/secret*"}, Verdict: protocol.Deny, Reason: "these are secrets"})
}

// However a path is written, what it leads to is judged.
func TestDeniedPaths(t *testing.T) {
	r := start(t, setup{rules: denySecrets()})
	secret := filepath.Join(r.root, "secret")
	require.NoError(t, os.Mkdir(secret, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(secret, "key"), []byte("the key"), 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(r.root, "a"), 0o700))
	require.NoError(t, os.Symlink("../secret", filepath.Join(r.root, "a", "dir")))
	require.NoError(t, os.Symlink("secret/key", filepath.Join(r.root, "k")))
	require.NoError(t, os.Symlink("secret/new", filepath.Join(r.root, "dangling")))
	require.NoError(t, os.Symlink("secret/no/new", filepath.Join(r.root, "astray")))
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "open"), nil, 0o600))
	c := r.raw()
	p := func(s string) []byte { return []byte(s) }
	const create = wire.FlagWrite | wire.FlagCreate
	for _, q := range []wire.Request{
		{Kind: wire.Open, Path: p("secret/key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p(secret + "/key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("a/../secret//./key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("a/dir/key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("a/dir/../secret/key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("k"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("dangling"), Flags: create},
		{Kind: wire.Open, Path: p("secret/new"), Flags: create},
		{Kind: wire.Opendir, Path: p("a/dir")},
		{Kind: wire.Opendir, Path: p("a/dir/")},
		{Kind: wire.Stat, Path: p("k")},
		{Kind: wire.Lstat, Path: p("a/dir/key")},
		{Kind: wire.Lstat, Path: p("a/dir/.")},
		{Kind: wire.Readlink, Path: p("a/dir/x")},
		{Kind: wire.Realpath, Path: p("k")},
		{Kind: wire.Remove, Path: p("a/dir/key")},
		{Kind: wire.Rmdir, Path: p("a/../secret")},
		{Kind: wire.Mkdir, Path: p("a/dir/sub")},
		{Kind: wire.Setstat, Path: p("k")},
		{Kind: wire.Rename, Path: p("open"), Path2: p("a/dir/open")},
		{Kind: wire.PosixRename, Path: p("secret"), Path2: p("plain")},
		{Kind: wire.Hardlink, Path: p("a/dir/key"), Path2: p("mine")},
		{Kind: wire.Hardlink, Path: p("k"), Path2: p("mine")},
		{Kind: wire.Symlink, Path: p("secret"), Path2: p("mine")},
		{Kind: wire.Symlink, Path: p("../secret/key"), Path2: p("a/mine")},
		{Kind: wire.Symlink, Path: p("open"), Path2: p("secret/mine")},
		{Kind: wire.Statvfs, Path: p("a/dir")},
		{Kind: wire.ExpandPath, Path: p("k")},
	} {
		a := c.ask(q)
		if assert.Equal(t, wire.PermissionDenied, a.Code, "%s %s: %s", q.Kind, q.Path, a.Kind) {
			assert.Contains(t, string(a.Message), "these are secrets")
		}
		ops := r.Record.Operations()
		last := ops[len(ops)-1]
		assert.Equal(t, protocol.Refused, last.Outcome.Result, last.Text)
		assert.Contains(t, string(a.Message), last.Session, "the denial names the operation")
	}
	// A link whose way is not there cannot be judged, so it is not followed.
	assert.Equal(t, wire.NoSuchFile, c.ask(wire.Request{Kind: wire.Open, Path: p("astray"), Flags: create}).Code)
	// Acting on a link itself is something else, and the session goes on.
	assert.Equal(t, wire.Name, c.ask(wire.Request{Kind: wire.Readlink, Path: p("k")}).Kind)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Remove, Path: p("k")}).Code)
	got, err := os.ReadFile(filepath.Join(secret, "key"))
	require.NoError(t, err)
	assert.Equal(t, "the key", string(got))
}

// While one operation waits for a person, others go on; a path that leads
// elsewhere when the answer comes is not what was approved.
func TestAsked(t *testing.T) {
	rules := append(allowAll(), approve.Rule{Name: "asks", Objects: []string{"path:*/precious*"}, Verdict: protocol.Ask, Timeout: time.Minute})
	r := start(t, setup{rules: rules})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "precious"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "precious2"), []byte("x"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "plain"), []byte("x"), 0o600))
	require.NoError(t, os.Symlink("precious", filepath.Join(r.root, "link")))
	answer := make(chan bool)
	wait := func(_ context.Context, q approve.Request) (approve.Answer, error) {
		return q.Answer(<-answer, "people", ""), nil
	}
	c := r.raw()

	r.people.Next(wait)
	asked := c.request(wire.Request{Kind: wire.Remove, Path: []byte("precious")})
	id := c.id
	c.send(asked)
	r.people.WaitAsked(t, 1)
	assert.Equal(t, wire.Attributes, c.ask(wire.Request{Kind: wire.Stat, Path: []byte("plain")}).Kind)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Rename, Path: []byte("plain"), Path2: []byte("plainer")}).Code)
	answer <- true
	a := c.response()
	assert.Equal(t, id, a.ID)
	assert.Equal(t, wire.OK, a.Code)
	assert.NoFileExists(t, filepath.Join(r.root, "precious"))

	r.people.Next(wait)
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "precious"), []byte("x"), 0o600))
	c.send(c.request(wire.Request{Kind: wire.Open, Path: []byte("link"), Flags: wire.FlagRead}))
	r.people.WaitAsked(t, 2)
	require.NoError(t, os.Remove(filepath.Join(r.root, "link")))
	require.NoError(t, os.Symlink("precious2", filepath.Join(r.root, "link")))
	answer <- true
	a = c.response()
	assert.Equal(t, wire.PermissionDenied, a.Code)
	assert.Contains(t, string(a.Message), "leads elsewhere")
	op := r.Record.Operation(t, "open link")
	assert.Equal(t, protocol.NotSent, op.Outcome.Result)

	r.people.Deny("not today")
	a = c.ask(wire.Request{Kind: wire.Remove, Path: []byte("precious")})
	assert.Equal(t, wire.PermissionDenied, a.Code)
	assert.Contains(t, string(a.Message), "not today")
	assert.FileExists(t, filepath.Join(r.root, "precious"))
}

// A client that leaves withdraws its question.
func TestWithdrawn(t *testing.T) {
	r := start(t, setup{rules: []approve.Rule{
		{Name: "rest", Verdict: protocol.Allow}, {Name: "asks", Verbs: []string{"sftp.remove"}, Verdict: protocol.Ask, Timeout: time.Minute},
	}})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "f"), nil, 0o600))
	c := r.raw()
	c.send(c.request(wire.Request{Kind: wire.Remove, Path: []byte("f")}))
	r.people.WaitAsked(t, 1)
	require.NoError(t, c.Conn.(interface{ CloseWrite() error }).CloseWrite())
	r.people.WaitWithdrawn(t, 1)
	a := c.response() // it may still listen
	assert.Equal(t, wire.PermissionDenied, a.Code)
	c.gone()
	require.NoError(t, r.ended())
	assert.FileExists(t, filepath.Join(r.root, "f"))
}

// A file of just the size that is allowed passes: only contents count.
func TestBoundOfContents(t *testing.T) {
	const size = 90 << 10
	r := start(t, setup{rules: []approve.Rule{{Name: "rest", Verdict: protocol.Allow, MaxBytes: size}}})
	c := r.raw()
	h := c.open("f", wire.FlagRead|wire.FlagWrite|wire.FlagCreate)
	for i := range uint64(3) {
		require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Offset: i * size / 3, Data: make([]byte, size/3)}).Code)
	}
	for i := range uint64(3) {
		require.Len(t, c.ask(wire.Request{Kind: wire.Read, Handle: h, Offset: i * size / 3, Length: size / 3}).Data, size/3)
	}
	assert.Equal(t, wire.PermissionDenied, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("x")}).Code)
}

// A rule may bound what streams. What is beyond is refused, and so is all that
// comes after, and the record says so.
func TestBound(t *testing.T) {
	r := start(t, setup{rules: []approve.Rule{
		{Name: "rest", Effects: protocol.Everything, Verdict: protocol.Allow, MaxBytes: 100 << 10},
	}})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "big"), make([]byte, 200<<10), 0o600))
	c := r.raw()
	h := c.open("up", wire.FlagWrite|wire.FlagCreate)
	block := make([]byte, 30<<10)
	var codes []wire.Code
	for i := range uint64(5) {
		a := c.ask(wire.Request{Kind: wire.Write, Handle: h, Offset: i * 30 << 10, Data: block})
		codes = append(codes, a.Code)
		if a.Code != wire.OK {
			assert.Contains(t, string(a.Message), "more than the 102400 bytes")
		}
	}
	const no = wire.PermissionDenied
	assert.Equal(t, []wire.Code{wire.OK, wire.OK, wire.OK, no, no}, codes)
	assert.Equal(t, no, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("x")}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	op := r.Record.Operation(t, "open up")
	assert.Equal(t, protocol.Aborted, op.Outcome.Result)
	assert.EqualValues(t, 90<<10, op.Outcome.Units)
	assert.Contains(t, op.Outcome.Text, "92160 bytes written, contiguous from 0; more was refused")

	h = c.open("big", wire.FlagRead)
	codes = nil
	for i := range uint64(5) {
		a := c.ask(wire.Request{Kind: wire.Read, Handle: h, Offset: i * 30 << 10, Length: 30 << 10})
		codes = append(codes, a.Code)
		assert.Equal(t, a.Kind == wire.Data, i < 3)
	}
	assert.Equal(t, []wire.Code{0, 0, 0, no, no}, codes)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	op = r.Record.Operation(t, "open big")
	assert.Equal(t, protocol.Aborted, op.Outcome.Result)
	assert.Contains(t, op.Outcome.Text, "92160 bytes read, contiguous from 0; more was refused")
}

// What a client sees of a denial is what SFTP has for it.
func TestDenialIsNative(t *testing.T) {
	r := start(t, setup{rules: denySecrets()})
	c := r.client()
	_, err := c.Create("secret")
	require.ErrorIs(t, err, os.ErrPermission)
	f, err := c.Create("other")
	require.NoError(t, err)
	_, err = f.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, f.Close())
	var status *client.StatusError
	_, err = c.Stat("missing")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NotErrorAs(t, err, &status)
}

// Where the record takes no more, nothing more reaches the target.
func TestRecordFails(t *testing.T) {
	for name, q := range map[string]func(c *raw, h []byte) wire.Request{
		"open": func(*raw, []byte) wire.Request {
			return wire.Request{Kind: wire.Open, Path: []byte("new"), Flags: wire.FlagWrite | wire.FlagCreate}
		},
		"write": func(_ *raw, h []byte) wire.Request {
			return wire.Request{Kind: wire.Write, Handle: h, Data: []byte("new")}
		},
		"close": func(_ *raw, h []byte) wire.Request { return wire.Request{Kind: wire.Close, Handle: h} },
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{})
			c := r.raw()
			h := c.open("f", wire.FlagWrite|wire.FlagCreate)
			r.Record.FailAfter(0)
			c.send(c.request(q(c, h)))
			c.gone()
			require.ErrorIs(t, r.ended(), protocol.ErrRecord)
			assert.NoFileExists(t, filepath.Join(r.root, "new"))
			got, err := os.ReadFile(filepath.Join(r.root, "f"))
			require.NoError(t, err)
			assert.Empty(t, got)
		})
	}
}

// The content of a file is durable in the record before it counts.
func TestSealedBeforeClose(t *testing.T) {
	r := start(t, setup{})
	c := r.raw()
	h := c.open("f", wire.FlagWrite|wire.FlagCreate)
	c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("content")})
	c.ask(wire.Request{Kind: wire.Close, Handle: h})
	op := r.Record.Operation(t, "open f")
	var kinds []string
	for _, e := range r.Record.Events() {
		if e.Exchange == op.ID {
			kinds = append(kinds, string(e.Kind))
			if e.Kind == recorder.KindNote {
				kinds[len(kinds)-1] = e.Note.Kind
			}
		}
	}
	assert.Equal(t, []string{"operation", "output", "input", "output", "sealed", "annotation", "end"}, kinds)
}
