package sftp_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
	"github.com/sallyport/sallyport/proxy/proxytest"
)

// described writes operations so that they compare: one line each, with the
// server's directory as ROOT.
func (r *rig) described() []string {
	var list []string
	for _, op := range r.Record.Operations() {
		if op.Origin == protocol.OriginGateway || op.Verb == "sftp" {
			continue
		}
		list = append(list, strings.ReplaceAll(describe(op), r.root, "ROOT"))
	}
	return list
}

func describe(op proxytest.Operation) string {
	s := fmt.Sprintf("%s | %s | %s", op.Verb, op.Text, op.Effects)
	for _, o := range op.Objects {
		s += fmt.Sprintf(" | %s %s", o.Name, o.Effects)
		if !o.Resolved {
			s += " as written"
		}
	}
	if op.Outcome == nil {
		return s + " | open"
	}
	return s + " | " + op.Outcome.Result.String() + " " + op.Outcome.Code
}

func TestOperations(t *testing.T) {
	const create = wire.FlagWrite | wire.FlagCreate | wire.FlagTruncate
	mode := func(m uint32) wire.Attrs { return wire.Attrs{Flags: wire.AttrMode, Mode: m} }
	p := func(s string) []byte { return []byte(s) }
	type step struct {
		name string
		q    wire.Request
		want string
	}
	steps := []step{
		{"where am I", wire.Request{Kind: wire.Realpath, Path: p(".")}, "sftp.realpath | realpath . | none | ok "},
		{"realpath", wire.Request{Kind: wire.Realpath, Path: p("link/..")}, "sftp.realpath | realpath link/.. | read | ROOT read | ok "},
		{"expand-path", wire.Request{Kind: wire.ExpandPath, Path: p("~root")}, "sftp.realpath | expand-path@openssh.com ~root | read | /root read | ok "},
		{"stat", wire.Request{Kind: wire.Stat, Path: p("link")}, "sftp.stat | stat link | read | ROOT/dir read | ROOT/link read as written | ok "},
		{"lstat", wire.Request{Kind: wire.Lstat, Path: p("link")}, "sftp.stat | lstat link | read | ROOT/link read | ok "},
		{"lstat with a slash", wire.Request{Kind: wire.Lstat, Path: p("link/")}, "sftp.stat | lstat link/ | read | ROOT/dir read | ROOT/link read as written | ok "},
		{"nowhere", wire.Request{Kind: wire.Stat, Path: p("nothing/here")}, "sftp.stat | stat nothing/here | read | ROOT/nothing/here read as written | not sent NO_SUCH_FILE"},
		{"not there", wire.Request{Kind: wire.Stat, Path: p("nothing")}, "sftp.stat | stat nothing | read | ROOT/nothing read | error NO_SUCH_FILE"},
		{"readlink", wire.Request{Kind: wire.Readlink, Path: p("link")}, "sftp.readlink | readlink link | read | ROOT/link read | ok "},
		{"statvfs", wire.Request{Kind: wire.Statvfs, Path: p("/")}, "sftp.statvfs | statvfs@openssh.com / | read | / read | ok "},
		{"mkdir", wire.Request{Kind: wire.Mkdir, Path: p("link/new"), Attrs: mode(0o755)}, "sftp.mkdir | mkdir link/new | write | ROOT/dir/new write | ROOT/link/new write as written | ok "},
		{"mkdir for all", wire.Request{Kind: wire.Mkdir, Path: p("s"), Attrs: mode(0o2755)}, "sftp.mkdir | mkdir s | write+access | ROOT/s write+access | ok "},
		{"rmdir", wire.Request{Kind: wire.Rmdir, Path: p("link/new")}, "sftp.rmdir | rmdir link/new | destroy | ROOT/dir/new destroy | ROOT/link/new destroy as written | ok "},
		{"setstat", wire.Request{Kind: wire.Setstat, Path: p("file"), Attrs: mode(0o600)}, "sftp.setstat | setstat file (mode 0600) | access | ROOT/file access | ok "},
		{"truncate", wire.Request{Kind: wire.Setstat, Path: p("file"), Attrs: wire.Attrs{Flags: wire.AttrSize, Size: 1}}, "sftp.setstat | setstat file (size 1) | write+destroy | ROOT/file write+destroy | ok "},
		{"lsetstat", wire.Request{Kind: wire.Lsetstat, Path: p("link"), Attrs: wire.Attrs{Flags: wire.AttrTimes}}, "sftp.setstat | lsetstat@openssh.com link (times) | write | ROOT/link write | ok "},
		{"hardlink", wire.Request{Kind: wire.Hardlink, Path: p("file"), Path2: p("hard")}, "sftp.hardlink | hardlink@openssh.com file hard | read+write | ROOT/file read+write | ROOT/hard write | ok "},
		{"symlink", wire.Request{Kind: wire.Symlink, Path: p("../x"), Path2: p("dir/l")}, "sftp.symlink | symlink ../x dir/l | write | ROOT/x write | ROOT/dir/l write | ok "},
		{"symlink behind a link", wire.Request{Kind: wire.Symlink, Path: p("../x"), Path2: p("deep/l")}, "sftp.symlink | symlink ../x deep/l | write | ROOT/dir/x write | ROOT/dir/sub/l write | ROOT/deep/l write as written | ok "},
		{"symlink to a secret", wire.Request{Kind: wire.Symlink, Path: p("/etc/./shadow"), Path2: p("l2")}, "sftp.symlink | symlink /etc/./shadow l2 | write | /etc/shadow write | ROOT/l2 write | ok "},
		{"rename", wire.Request{Kind: wire.Rename, Path: p("hard"), Path2: p("dir/hard")}, "sftp.rename | rename hard dir/hard | write+destroy | ROOT/hard write+destroy | ROOT/dir/hard write+destroy | ok "},
		{"rename that would overwrite", wire.Request{Kind: wire.Rename, Path: p("dir/hard"), Path2: p("file")}, "sftp.rename | rename dir/hard file | write+destroy | ROOT/dir/hard write+destroy | ROOT/file write+destroy | error FAILURE"},
		{"posix-rename", wire.Request{Kind: wire.PosixRename, Path: p("dir/hard"), Path2: p("two words")}, `sftp.rename | posix-rename@openssh.com dir/hard "two words" | write+destroy | ROOT/dir/hard write+destroy | ROOT/two words write+destroy | ok `},
		{"remove a link", wire.Request{Kind: wire.Remove, Path: p("l2")}, "sftp.remove | remove l2 | destroy | ROOT/l2 destroy | ok "},
		{"home-directory", wire.Request{Kind: wire.HomeDirectory, Path: p("root")}, "sftp.users | home-directory root | read | ok "},
		{"users", wire.Request{Kind: wire.UsersGroups, UIDs: p("\x00\x00\x00\x00"), GIDs: p("")}, "sftp.users | users-groups-by-id@openssh.com | read | ok "},
		{"open to read", wire.Request{Kind: wire.Open, Path: p("link/../file"), Flags: wire.FlagRead}, "sftp.read | open link/../file (read) | read | ROOT/file read | open"},
		{"open to write", wire.Request{Kind: wire.Open, Path: p("link/n"), Flags: create}, "sftp.write | open link/n (write, create, truncate) | write+destroy | ROOT/dir/n write+destroy | ROOT/link/n write+destroy as written | open"},
		{"open for both", wire.Request{Kind: wire.Open, Path: p("link/n"), Flags: wire.FlagRead | wire.FlagAppend}, "sftp.readwrite | open link/n (read, append) | read+write | ROOT/dir/n read+write | ROOT/link/n read+write as written | open"},
		{"open that makes a door", wire.Request{Kind: wire.Open, Path: p("suid"), Flags: create, Attrs: mode(0o4755)}, "sftp.write | open suid (write, create, truncate) | write+destroy+access | ROOT/suid write+destroy+access | open"},
		{"list", wire.Request{Kind: wire.Opendir, Path: p(".")}, `sftp.list | opendir . | read | ROOT read | open`},
		{"list no name", wire.Request{Kind: wire.Opendir, Path: p("")}, `sftp.list | opendir "" | read | ROOT read | error NO_SUCH_FILE`},
	}
	r := start(t, setup{})
	require.NoError(t, os.Mkdir(filepath.Join(r.root, "dir"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(r.root, "dir", "sub"), 0o700))
	require.NoError(t, os.Symlink("dir", filepath.Join(r.root, "link")))
	require.NoError(t, os.Symlink("dir/sub", filepath.Join(r.root, "deep")))
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "file"), []byte("content"), 0o600))
	c := r.raw()
	offers := c.offers()
	for _, s := range steps {
		before := len(r.described())
		if ext := s.q.Kind.Extension(); ext != "" && offers[ext] == "" {
			// An older server; the gateway refuses by itself.
			assert.Equal(t, wire.OpUnsupported, c.ask(s.q).Code, s.name)
			continue
		}
		c.ask(s.q)
		if after := r.described(); assert.Len(t, after, before+1, s.name) {
			assert.Equal(t, s.want, after[before], s.name)
		}
	}
}

func TestOperationsOnHandles(t *testing.T) {
	r := start(t, setup{})
	require.NoError(t, os.WriteFile(filepath.Join(r.root, "from"), []byte("0123456789"), 0o600))
	c := r.raw()
	from, to := c.open("from", wire.FlagRead), c.open("to", wire.FlagWrite|wire.FlagCreate)
	for _, q := range []wire.Request{
		{Kind: wire.Fstat, Handle: from},
		{Kind: wire.Fstatvfs, Handle: from},
		{Kind: wire.Read, Handle: from, Length: 100},
		{Kind: wire.Write, Handle: to, Offset: 3, Data: []byte("abc")},
		{Kind: wire.Fsync, Handle: to},
	} {
		a := c.ask(q)
		assert.True(t, a.Kind != wire.Status || a.Code == wire.OK, "%s: %s", q.Kind, a.Message)
	}
	assert.Len(t, r.described(), 2, "parts of what was admitted")
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.CopyData, Handle: from, Offset: 1, Length: 5, Handle2: to, Offset2: 6}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Fsetstat, Handle: to, Attrs: wire.Attrs{Flags: wire.AttrSize | wire.AttrMode, Size: 10, Mode: 0o640}}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: from}).Code)
	assert.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: to}).Code)
	assert.Equal(t, []string{
		"sftp.read | open from (read) | read | ROOT/from read | ok ",
		"sftp.write | open to (write, create) | write | ROOT/to write | ok ",
		"sftp.copy | copy-data ROOT/from ROOT/to (5 bytes from 1, to 6) | read+write | ROOT/from read | ROOT/to write | ok ",
		"sftp.setstat | fsetstat ROOT/to (size 10, mode 0640) | write+destroy+access | ROOT/to write+destroy+access | ok ",
	}, r.described())
	got, err := os.ReadFile(filepath.Join(r.root, "to"))
	require.NoError(t, err)
	assert.Equal(t, "\x00\x00\x00abc1234", string(got))
	ops := r.Record.Operations()
	var open protocol.ExchangeID
	for _, op := range ops {
		switch op.Verb {
		case "sftp.write":
			open = op.ID
			assert.Contains(t, op.Outcome.Text, "3 bytes written, contiguous from 3; 1 times the target copied into it")
		case "sftp.setstat", "sftp.copy":
			assert.Equal(t, open, op.Parent)
		}
	}
}

// The size of a file that is being replaced is part of replacing it.
func TestSizeOfAReplacedFile(t *testing.T) {
	r := start(t, setup{})
	c := r.raw()
	size := wire.Attrs{Flags: wire.AttrSize, Size: 3}
	h := c.open("f", wire.FlagWrite|wire.FlagCreate|wire.FlagTruncate)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Write, Handle: h, Data: []byte("hello")}).Code)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Fsetstat, Handle: h, Attrs: size}).Code)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Close, Handle: h}).Code)
	setstats := func() (n int) {
		for _, op := range r.Record.Operations() {
			if op.Verb == "sftp.setstat" {
				n++
			}
		}
		return n
	}
	require.Zero(t, setstats())
	b, err := os.ReadFile(filepath.Join(r.root, "f"))
	require.NoError(t, err)
	require.Equal(t, "hel", string(b))
	h = c.open("f", wire.FlagWrite)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Fsetstat, Handle: h, Attrs: size}).Code)
	require.Equal(t, 1, setstats(), "one that was opened to be changed is cut by an operation of its own")
	size.Flags |= wire.AttrMode
	size.Mode = 0o600
	h = c.open("f", wire.FlagWrite|wire.FlagTruncate)
	require.Equal(t, wire.OK, c.ask(wire.Request{Kind: wire.Fsetstat, Handle: h, Attrs: size}).Code)
	require.Equal(t, 2, setstats(), "what sets more than the size is an operation of its own")
}
