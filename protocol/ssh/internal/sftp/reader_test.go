package sftp_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// placeRules allow a place, and close some files in it. What removes and
// replaces is allowed, so that nothing is denied for that alone.
func placeRules(root string) []approve.Rule {
	return []approve.Rule{
		{Name: "place", Verdict: protocol.Allow, Verbs: []string{"sftp*"}, Effects: protocol.Read | protocol.Write | protocol.Destroy | protocol.Access, Objects: []string{root + "/srv", root + "/srv/*"}},
		{Name: "channel", Verdict: protocol.Allow, Verbs: []string{"sftp", "sftp.resolve", "sftp.realpath"}},
		{Name: "keys", Verbs: []string{"sftp*"}, Objects: []string{"path:*.key", "path:*/private/*"}, Reason: "closed"},
	}
}

func denied(t *testing.T, a wire.Response, what string) {
	t.Helper()
	assert.Equal(t, wire.Status, a.Kind, what)
	assert.Equal(t, wire.PermissionDenied, a.Code, "%s: %s", what, a.Message)
}

// TestPlace: whatever a client asks for in a burst, it gets to nothing outside
// of the place that it may use, and to nothing that is closed there.
func TestPlace(t *testing.T) {
	root := deep(t)
	r := start(t, setup{rules: placeRules(root), server: func(c net.Conn) { serve(t, c.(*net.UnixConn), root) }})
	for _, d := range []string{"srv/private", "srv/plain", "out"} {
		require.NoError(t, os.MkdirAll(filepath.Join(root, d), 0o700))
	}
	files := []string{"srv/a", "srv/x.key", "srv/private/p", "out/o"}
	for _, f := range files {
		require.NoError(t, os.WriteFile(filepath.Join(root, f), []byte("secret"), 0o600))
	}
	require.NoError(t, os.Symlink("../out", filepath.Join(root, "srv/link")))
	c := r.raw()
	p := func(s string) []byte { return []byte(s) }
	const create = wire.FlagWrite | wire.FlagCreate
	for _, q := range []wire.Request{
		{Kind: wire.Open, Path: p("srv/x.key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv//x.key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv/x.key/"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv/./plain/../x.key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv/x.KEY"), Flags: create},
		{Kind: wire.Open, Path: p("srv/x.key"), Flags: wire.FlagTruncate},
		{Kind: wire.Open, Path: p("srv/x.key"), Flags: 0},
		{Kind: wire.Open, Path: p("out/o"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv/link/o"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv/../out/o"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("/proc/self/root" + root + "/out/o"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("/proc/self/cwd/srv/x.key"), Flags: wire.FlagRead},
		{Kind: wire.Open, Path: p("srv/link/../out/new"), Flags: create | wire.FlagExclusive},
		{Kind: wire.Opendir, Path: p("srv/link")},
		{Kind: wire.Opendir, Path: p(".")},
		{Kind: wire.Opendir, Path: p("")},
		{Kind: wire.Stat, Path: p("srv/x.key")},
		{Kind: wire.Stat, Path: p("srv/none.key")},
		{Kind: wire.Lstat, Path: p("srv/private/none")},
		{Kind: wire.Rename, Path: p("srv/x.key"), Path2: p("srv/y")},
		{Kind: wire.PosixRename, Path: p("srv/a"), Path2: p("srv/x.key")},
		{Kind: wire.Rename, Path: p("srv/a"), Path2: p("srv/link/a")},
		{Kind: wire.Hardlink, Path: p("srv/x.key"), Path2: p("srv/y")},
		{Kind: wire.Hardlink, Path: p("out/o"), Path2: p("srv/y")},
		{Kind: wire.Hardlink, Path: p("srv/link/o"), Path2: p("srv/y")},
		{Kind: wire.Symlink, Path: p("x.key"), Path2: p("srv/y")},
		{Kind: wire.Symlink, Path: p("/etc/shadow"), Path2: p("srv/y")},
		{Kind: wire.Symlink, Path: p("../out/o"), Path2: p("srv/y")},
		{Kind: wire.Setstat, Path: p("srv/x.key"), Attrs: wire.Attrs{Flags: wire.AttrMode, Mode: 0o777}},
		{Kind: wire.Setstat, Path: p("srv/link/o"), Attrs: wire.Attrs{Flags: wire.AttrSize}},
		{Kind: wire.ExpandPath, Path: p("~root/x.key")},
	} {
		if q.Kind == wire.ExpandPath {
			a := c.ask(q)
			assert.Equal(t, wire.Status, a.Kind)
			continue
		}
		denied(t, c.ask(q), q.Kind.String()+" "+string(q.Path)+" "+string(q.Path2))
	}

	// In one burst, what comes first changes what comes next.
	burst := func(qs ...wire.Request) []wire.Response {
		var all [][]byte
		first := c.id + 1
		for _, q := range qs {
			all = append(all, c.request(q))
		}
		c.send(all...)
		answers := make([]wire.Response, len(qs))
		for range qs {
			a := c.response()
			a.Handle = bytes.Clone(a.Handle)
			answers[a.ID-first] = a
		}
		return answers
	}
	got := burst(
		wire.Request{Kind: wire.Symlink, Path: p("plain"), Path2: p("srv/l")},
		wire.Request{Kind: wire.Open, Path: p("srv/l/p"), Flags: create},
		wire.Request{Kind: wire.Rename, Path: p("srv/l"), Path2: p("srv/l2")},
		wire.Request{Kind: wire.Symlink, Path: p("private"), Path2: p("srv/l")},
		wire.Request{Kind: wire.Open, Path: p("srv/l/p"), Flags: wire.FlagRead},
		wire.Request{Kind: wire.Open, Path: p("srv/l/p"), Flags: wire.FlagRead | wire.FlagWrite},
		wire.Request{Kind: wire.Remove, Path: p("srv/l")},
		wire.Request{Kind: wire.Rename, Path: p("srv/link"), Path2: p("srv/plain/link")},
		wire.Request{Kind: wire.Open, Path: p("srv/plain/link/o"), Flags: wire.FlagRead},
		wire.Request{Kind: wire.Open, Path: p("srv/plain/link"), Flags: wire.FlagRead},
	)
	require.Equal(t, wire.Handle, got[1].Kind, "%s", got[1].Message)
	denied(t, got[4], "a link to what is closed")
	denied(t, got[5], "a link to what is closed")
	assert.NotEqual(t, wire.Handle, got[8].Kind)
	assert.NotEqual(t, wire.Handle, got[9].Kind)

	// A directory takes what is closed along.
	got = burst(
		wire.Request{Kind: wire.Rename, Path: p("srv/private"), Path2: p("srv/public")},
		wire.Request{Kind: wire.Open, Path: p("srv/public/p"), Flags: wire.FlagRead},
	)
	denied(t, got[0], "a directory with what is closed in it")
	assert.NotEqual(t, wire.Handle, got[1].Kind)
	denied(t, c.ask(wire.Request{Kind: wire.PosixRename, Path: p("srv/private"), Path2: p("srv/public")}), "the same, replacing")
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Rename, Path: p("srv/a"), Path2: p("srv/b")}).Code, "a file moves alone")

	for _, f := range files[1:] {
		b, err := os.ReadFile(filepath.Join(root, f))
		require.NoError(t, err)
		assert.Equal(t, "secret", string(b))
	}
}

// TestAnswersThatAreNoPaths: a target that resolves a path to one that is not
// clean does not make it another one for the rules.
func TestAnswersThatAreNoPaths(t *testing.T) {
	for _, odd := range []string{"/srv/../etc/shadow", "/srv/x/..", "/srv/x\x00.key", "srv/x", "", "."} {
		r := start(t, setup{server: scripted(func(p *fake) {
			p.greet()
			for first := true; ; first = false {
				packet, err := p.next()
				if err != nil {
					return
				}
				var q wire.Request
				if wire.DecodeRequest(packet, &q) != nil {
					return
				}
				switch {
				case q.Kind == wire.Realpath && first:
					p.named(q.ID, []byte("/home"))
				case q.Kind == wire.Realpath:
					p.named(q.ID, []byte(odd))
				default:
					p.say(wire.Response{Kind: wire.Handle, ID: q.ID, Handle: []byte("h")})
				}
			}
		})})
		c := r.raw()
		c.send(c.request(wire.Request{Kind: wire.Open, Path: []byte("/srv/x"), Flags: wire.FlagRead}))
		c.gone()
		require.Error(t, r.ended(), "%q", odd)
		assert.NotContains(t, r.described(), "sftp.read", odd)
	}
}

// TestAskedAboutAFile: who was asked about renaming a file has not approved of
// moving a directory.
func TestAskedAboutAFile(t *testing.T) {
	r := start(t, setup{rules: append(allowAll(), approve.Rule{Name: "asks", Verbs: []string{"sftp.rename"}, Verdict: protocol.Ask, Timeout: time.Minute})})
	from := filepath.Join(r.root, "f")
	require.NoError(t, os.WriteFile(from, nil, 0o600))
	r.people.Next(func(_ context.Context, q approve.Request) (approve.Answer, error) {
		assert.NoError(t, os.Remove(from))
		assert.NoError(t, os.Mkdir(from, 0o700))
		return q.Answer(true, "people", ""), nil
	})
	c := r.raw()
	denied(t, c.ask(wire.Request{Kind: wire.Rename, Path: []byte("f"), Path2: []byte("g")}), "another than was asked about")
	assert.DirExists(t, from)
}
