package sftp

import (
	"bytes"
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

// unresolved is why the target could not say where a path leads: its status.
// What it does not know is not forwarded, and the client gets this answer.
type unresolved struct {
	code  wire.Code
	words string
}

// Error implements error.
func (u *unresolved) Error() string { return "the target cannot resolve the path: " + u.code.String() }

// resolve asks the target where the operation's paths lead, anew each time it
// is called. An *unresolved is no failure of the channel.
func (r *relay) resolve(op *operation) error {
	// What a link is to say counts from where the link will be.
	for i := len(op.names) - 1; i >= 0; i-- {
		n := &op.names[i]
		n.written, n.resolved = absolute(r.home, n.path), nil
		var dir string
		if n.reach == linked {
			dir = path.Dir(op.names[i+1].written)
			if to := op.names[i+1].resolved; len(to) > 0 {
				dir = path.Dir(to[0])
			}
			n.written = absolute(dir, n.path)
		}
		if err := r.resolveName(n, dir); err != nil {
			return err
		}
	}
	if op.q.Kind == wire.Rename || op.q.Kind == wire.PosixRename {
		return r.weigh(op)
	}
	return nil
}

// weigh finds out whether a rename moves a directory. What is in it moves too,
// and rules may close what is in it without closing the directory; so nobody
// can say what such a rename touches.
func (r *relay) weigh(op *operation) error {
	packet, err := r.ask(&wire.Request{Kind: wire.Lstat, Path: []byte(op.names[0].resolved[0])})
	if err != nil {
		return err
	}
	var a wire.Response
	if err := wire.DecodeResponse(packet, &a); err != nil {
		return err
	}
	const kinds, directory = 0o170000, 0o040000
	op.moves = a.Kind == wire.Attributes && (a.Attrs.Flags&wire.AttrMode == 0 || a.Attrs.Mode&kinds == directory)
	if a.Kind == wire.Status && a.Code != wire.NoSuchFile {
		return &unresolved{a.Code, string(a.Message)}
	}
	return nil
}

func (r *relay) resolveName(n *named, dir string) error {
	add := func(p string, err error) error {
		if err == nil && (len(n.resolved) == 0 || n.resolved[0] != p) {
			n.resolved = append(n.resolved, p)
		}
		return err
	}
	switch n.reach {
	case itself:
		return add(r.parentOf(n.path))
	case either:
		if err := add(r.parentOf(n.path)); err != nil {
			return err
		}
		return lenient(add(r.follow(n.path)))
	case linked:
		p := n.path
		if len(p) == 0 || p[0] != '/' {
			p = []byte(dir + "/" + string(p))
		}
		return lenient(add(r.follow(p)))
	case user:
		err := add(r.lookup(wire.ExpandPath, n.path))
		if err == nil && len(n.path) > 0 && n.path[0] == '~' {
			n.written = n.resolved[0] // only the target knows what it means
		}
		return err
	}
	return add(r.follow(n.path))
}

// lenient forgets that a path leads nowhere.
func lenient(err error) error {
	if _, ok := err.(*unresolved); ok {
		return nil
	}
	return err
}

// follow returns where p leads when all links are followed.
func (r *relay) follow(p []byte) (string, error) {
	to, err := r.lookup(wire.Realpath, p)
	u, ok := err.(*unresolved)
	if !ok || u.code != wire.NoSuchFile && u.code != wire.Failure {
		return to, err
	}
	// Some targets resolve only what exists. What does not exist yet is
	// resolved by its directory; a link that leads nowhere exists, and what it
	// may lead to is not known.
	dir, base := split(p)
	if base == "" {
		return "", err
	}
	to, other := r.lookup(wire.Realpath, dir)
	if other != nil {
		return "", preferred(other, err)
	}
	to = join(to, base)
	if exists, other := r.exists(to); other != nil || exists {
		return "", preferred(other, err)
	}
	return to, nil
}

// preferred returns a failure of the channel before a path's.
func preferred(err, unresolved error) error {
	if lenient(err) != nil {
		return err
	}
	return unresolved
}

// parentOf returns p with the links in it followed, but not its last name. A
// path whose last name is followed all the same is followed.
func (r *relay) parentOf(p []byte) (string, error) {
	dir, base := split(p)
	if base == "" || p[len(p)-1] == '/' {
		return r.follow(p)
	}
	to, err := r.lookup(wire.Realpath, dir)
	if err != nil {
		return "", err
	}
	return join(to, base), nil
}

// split cuts p before its last name, which is empty where p has none.
func split(p []byte) (dir []byte, base string) {
	s := strings.TrimRight(string(p), "/")
	i := strings.LastIndexByte(s, '/')
	base = s[i+1:]
	switch {
	case base == "" || base == "." || base == "..":
		return nil, ""
	case i < 0:
		return []byte("."), base
	}
	return []byte(s[:i+1]), base
}

func join(dir, base string) string { return strings.TrimRight(dir, "/") + "/" + base }

// lookup has the target resolve a path.
func (r *relay) lookup(kind wire.Kind, p []byte) (string, error) {
	packet, err := r.ask(&wire.Request{Kind: kind, Path: p})
	if err != nil {
		return "", err
	}
	var a wire.Response
	if err := wire.DecodeResponse(packet, &a); err != nil {
		return "", err
	}
	if a.Kind == wire.Status {
		return "", &unresolved{a.Code, string(a.Message)}
	}
	var e wire.Entry
	if a.Count != 1 || !a.Entries.Next(&e) || !isPath(e.Name) {
		return "", fmt.Errorf("%w: a path resolved to none", errWrong)
	}
	return path.Clean(string(e.Name)), nil
}

// isPath reports whether a target's word for a path can be judged: absolute, and
// without "..", which would say that it is elsewhere than it seems.
func isPath(p []byte) bool {
	if len(p) == 0 || p[0] != '/' || len(p) > maxPath || bytes.IndexByte(p, 0) >= 0 {
		return false
	}
	for part := range bytes.SplitSeq(p, []byte("/")) {
		if string(part) == ".." {
			return false
		}
	}
	return true
}

// exists reports whether there is something at p, be it a link.
func (r *relay) exists(p string) (bool, error) {
	packet, err := r.ask(&wire.Request{Kind: wire.Lstat, Path: []byte(p)})
	if err != nil {
		return false, err
	}
	var a wire.Response
	if err := wire.DecodeResponse(packet, &a); err != nil {
		return false, err
	}
	if a.Kind == wire.Status && a.Code != wire.NoSuchFile {
		return false, &unresolved{a.Code, string(a.Message)}
	}
	return a.Kind == wire.Attributes, nil
}

// ask asks the target something for the gateway: recorded as input of the
// gateway's own operation, and answered to nobody else.
func (r *relay) ask(q *wire.Request) ([]byte, error) {
	reply := make(chan []byte, 1)
	r.mu.Lock()
	id, ok := r.table.enter(slot{kind: q.Kind, reply: reply})
	r.mu.Unlock()
	if !ok {
		return nil, errFull
	}
	q.ID = id
	packet := wire.AppendRequest(nil, q)
	shown, hid := redacted(r.s.Masks(), packet)
	if err := r.own.Input(protocol.Part{Kind: "request", Data: shown, Units: 1, Masked: hid}); err != nil {
		return nil, err
	}
	if err := r.send(packet); err != nil {
		return nil, err
	}
	select {
	case packet := <-reply:
		return packet, nil
	case <-r.ctx.Done():
		return nil, context.Cause(r.ctx)
	}
}
