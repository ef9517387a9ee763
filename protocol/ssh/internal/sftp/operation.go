package sftp

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// reach says how much of a path a request follows.
type reach uint8

const (
	// whole: links are followed to the end.
	whole reach = iota
	// itself: the last name is meant, also where it is a link.
	itself
	// either: it depends on the target's system.
	either
	// linked: what a link is to say; it need not lead anywhere.
	linked
	// user: "~" and "~user" in front are expanded.
	user
)

// named is a path of a request, and what became of it.
type named struct {
	path    []byte
	reach   reach
	effects protocol.Effects

	written  string   // absolute, as the client means it without links
	resolved []string // what the target made of it
}

// operation is a request that is admitted by itself.
type operation struct {
	q       wire.Request
	packet  []byte
	turn    *turn
	x       *protocol.Exchange
	verb    string
	effects protocol.Effects
	names   []named
	note    string  // what is said behind the paths
	h, h2   *handle // what it is about, instead of names
	alone   bool    // it may change where paths lead
	moves   bool    // it renames a directory, with all that is in it
}

func (op *operation) opens() bool { return op.q.Kind == wire.Open || op.q.Kind == wire.Opendir }

// newOperation says what a request asks for.
func newOperation(q *wire.Request) *operation {
	const (
		read, write, destroy, access = protocol.Read, protocol.Write, protocol.Destroy, protocol.Access
	)
	op := &operation{q: *q}
	one := func(verb string, effects protocol.Effects, reach reach) {
		op.verb, op.names = verb, []named{{path: q.Path, reach: reach, effects: effects}}
	}
	two := func(verb string, from, to named) {
		from.path, to.path = q.Path, q.Path2
		op.verb, op.names, op.alone = verb, []named{from, to}, true
	}
	switch q.Kind {
	case wire.Open:
		verb, effects := opening(q.Flags, &q.Attrs)
		one(verb, effects, whole)
		op.note = flags(q.Flags)
	case wire.Opendir:
		one("sftp.list", read, whole)
	case wire.Stat:
		one("sftp.stat", read, whole)
	case wire.Lstat:
		one("sftp.stat", read, itself)
	case wire.Statvfs:
		one("sftp.statvfs", read, whole)
	case wire.Readlink:
		one("sftp.readlink", read, itself)
	case wire.Realpath, wire.ExpandPath:
		one("sftp.realpath", read, whole)
		if q.Kind == wire.ExpandPath {
			op.names[0].reach = user
		}
		if len(q.Path) == 0 || string(q.Path) == "." { // where am I: every client asks first
			op.names = nil
		}
	case wire.Setstat, wire.Lsetstat:
		effects, note := changes(&q.Attrs)
		one("sftp.setstat", effects, whole)
		if op.note = note; q.Kind == wire.Lsetstat {
			op.names[0].reach = itself
		}
	case wire.Fsetstat:
		op.verb = "sftp.setstat"
		op.effects, op.note = changes(&q.Attrs)
	case wire.Remove:
		one("sftp.remove", destroy, itself)
		op.alone = true
	case wire.Rmdir:
		one("sftp.rmdir", destroy, itself)
		op.alone = true
	case wire.Mkdir:
		effects := write
		if q.Attrs.Flags&^wire.AttrMode != 0 || q.Attrs.Mode&0o7000 != 0 {
			more, _ := changes(&q.Attrs)
			effects |= more
		}
		one("sftp.mkdir", effects, itself)
		op.alone = true
	case wire.Rename, wire.PosixRename:
		// Servers that keep to the draft do not overwrite by Rename; others do.
		two("sftp.rename", named{reach: itself, effects: write | destroy}, named{reach: itself, effects: write | destroy})
	case wire.Hardlink:
		two("sftp.hardlink", named{reach: either, effects: read | write}, named{reach: itself, effects: write})
	case wire.Symlink:
		// Servers do not agree about which argument is which.
		two("sftp.symlink", named{reach: linked, effects: write}, named{reach: itself, effects: write})
	case wire.CopyData:
		op.verb = "sftp.copy"
		op.note = fmt.Sprintf("(%d bytes from %d, to %d)", q.Length, q.Offset, q.Offset2)
	case wire.HomeDirectory, wire.UsersGroups:
		op.verb, op.effects = "sftp.users", read
	}
	for i := range op.names {
		op.effects |= op.names[i].effects
	}
	return op
}

// opening says what OPEN with flags asks for: what is not opened for writing
// only is opened for reading, as servers do.
func opening(flags uint32, a *wire.Attrs) (verb string, effects protocol.Effects) {
	writes := flags&(wire.FlagWrite|wire.FlagAppend|wire.FlagCreate|wire.FlagTruncate) != 0
	reads := flags&wire.FlagRead != 0 || flags&wire.FlagWrite == 0
	if reads {
		verb, effects = "sftp.read", protocol.Read
	}
	if writes {
		verb, effects = "sftp.write", effects|protocol.Write
	}
	if reads && writes {
		verb = "sftp.readwrite"
	}
	if flags&wire.FlagTruncate != 0 {
		effects |= protocol.Destroy
	}
	// OpenSSH heeds the mode alone, for a new file: an ordinary one is part of
	// writing it.
	if writes && (a.Flags&^wire.AttrMode != 0 || a.Mode&0o7000 != 0) {
		more, _ := changes(a)
		effects |= more
	}
	return verb, effects
}

func flags(f uint32) string {
	var list []string
	for i, name := range [...]string{"read", "write", "append", "create", "truncate", "exclusive"} {
		if f&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return "(" + strings.Join(list, ", ") + ")"
}

// changes says what setting attributes does.
func changes(a *wire.Attrs) (effects protocol.Effects, note string) {
	var list []string
	if a.Flags&wire.AttrSize != 0 {
		effects |= protocol.Write | protocol.Destroy
		list = append(list, fmt.Sprintf("size %d", a.Size))
	}
	if a.Flags&wire.AttrOwner != 0 {
		effects |= protocol.Access
		list = append(list, fmt.Sprintf("owner %d:%d", a.UID, a.GID))
	}
	if a.Flags&wire.AttrMode != 0 {
		effects |= protocol.Access
		list = append(list, fmt.Sprintf("mode %04o", a.Mode&0o7777))
	}
	if a.Flags&wire.AttrTimes != 0 {
		effects |= protocol.Write
		list = append(list, "times")
	}
	if a.Flags&wire.AttrExtended != 0 {
		effects |= protocol.Everything
		list = append(list, "extended attributes")
	}
	if len(list) == 0 {
		effects, list = protocol.Write, []string{"nothing"}
	}
	return effects, "(" + strings.Join(list, ", ") + ")"
}

// refusal says why a request is not even looked up; empty means that it is.
func (op *operation) refusal() string {
	if op.q.Kind == wire.Open && op.q.Flags&^wire.FlagsKnown != 0 {
		return "the request has flags that this gateway does not know"
	}
	for _, p := range [...][]byte{op.q.Path, op.q.Path2} {
		switch {
		case bytes.IndexByte(p, 0) >= 0:
			return "a path holds a zero byte"
		case len(p) > maxPath:
			return "a path has more than " + strconv.Itoa(maxPath) + " bytes"
		}
	}
	return ""
}

// head returns the operation as it is judged.
func (op *operation) head(r *relay) protocol.Operation {
	m := r.s.Masks()
	head := protocol.Operation{Verb: op.verb, Effects: op.effects, Parent: r.parent}
	words := []string{strings.TrimPrefix(op.q.Kind.String(), "sftp.")}
	add := func(name string, effects protocol.Effects, resolved bool) {
		name = text(m, name)
		for i := range head.Objects {
			if o := &head.Objects[i]; o.Name == name {
				o.Effects |= effects
				o.Resolved = o.Resolved || resolved
				return
			}
		}
		head.Objects = append(head.Objects, protocol.Object{Kind: "path", Name: name, Effects: effects, Resolved: resolved})
	}
	for i := range op.names {
		n := &op.names[i]
		effects := n.effects
		if op.moves {
			effects |= protocol.Opaque
			head.Effects |= protocol.Opaque
		}
		for _, p := range n.resolved {
			add(p, effects, true)
		}
		add(n.written, effects, false)
		words = append(words, quoted(n.path))
		head.Params = append(head.Params, param("path", n.path, text(m, string(n.path))))
	}
	for _, h := range op.handles() {
		head.Parent = h.x.ID()
		effects := op.effects
		if op.q.Kind == wire.CopyData {
			effects = protocol.Write
			if h == op.h && h != op.h2 {
				effects = protocol.Read
			}
			if op.h == op.h2 {
				effects |= protocol.Read
			}
			head.Effects |= effects
		}
		for _, o := range h.objects {
			add(o.Name, effects, o.Resolved)
		}
		if len(h.objects) > 0 {
			words = append(words, quoted([]byte(h.objects[0].Name)))
		}
	}
	switch op.q.Kind {
	case wire.HomeDirectory:
		words = append(words, quoted(op.q.Path))
	case wire.Realpath, wire.ExpandPath:
		if len(op.names) == 0 {
			words = append(words, ".")
		}
	}
	if op.note != "" {
		words = append(words, op.note)
	}
	head.Text = text(m, strings.Join(words, " "))
	head.Key = protocol.OperationKey([]byte(op.verb), op.packet[wire.Header:])
	return head
}

// handles lists what the operation is about, once each.
func (op *operation) handles() []*handle {
	switch {
	case op.h == nil:
		return nil
	case op.h2 == nil || op.h2 == op.h:
		return []*handle{op.h}
	}
	return []*handle{op.h, op.h2}
}

// handle returns the handle that an OPEN or OPENDIR gave.
func (op *operation) handle(r *relay) *handle {
	f := op.q.Flags
	h := &handle{x: op.x, dir: op.q.Kind == wire.Opendir, sent: extents{ahead: &r.ahead}, got: extents{ahead: &r.ahead}}
	if !h.dir {
		h.reads = f&wire.FlagRead != 0 || f&wire.FlagWrite == 0
		h.writes = f&(wire.FlagWrite|wire.FlagAppend) != 0
		h.append = f&wire.FlagAppend != 0
		h.truncated = h.writes && f&wire.FlagTruncate != 0
	}
	n := &op.names[0]
	for _, p := range n.resolved {
		h.objects = append(h.objects, protocol.Object{Kind: "path", Name: p, Resolved: true})
	}
	if len(n.resolved) == 0 || n.resolved[0] != n.written {
		h.objects = append(h.objects, protocol.Object{Kind: "path", Name: n.written})
	}
	h.content(r.options, h.objects[0].Name)
	return h
}

// param has a value as it came where it is not UTF-8.
func param(name string, raw []byte, shown string) protocol.Param {
	p := protocol.Param{Name: name, Type: "path", Value: shown, Masked: shown != string(raw)}
	if !utf8.ValidString(shown) {
		p.Value, p.Raw = "", []byte(shown)
	}
	return p
}

// quoted returns a path so that its ends show.
func quoted(p []byte) string {
	if len(p) == 0 {
		return `""`
	}
	for _, c := range string(p) {
		if c <= ' ' || c == '"' || c == '\'' || c == '\\' || c == 0x7f || c == utf8.RuneError {
			return strconv.Quote(string(p))
		}
	}
	return string(p)
}

// absolute returns p as it reads without links.
func absolute(home string, p []byte) string {
	if len(p) > 0 && p[0] == '/' {
		return path.Clean(string(p))
	}
	return path.Join(home, string(p))
}
