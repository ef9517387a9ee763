package sftp_test

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	client "github.com/pkg/sftp"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// player does random things and writes down what came of them.
type player struct {
	*rand.Rand
	c    *client.Client
	root string
	log  []string
}

func (p *player) name() string {
	parts := make([]string, 1+p.IntN(3))
	for i := range parts {
		parts[i] = []string{"a", "b", "c", "d", "..", "."}[p.IntN(6)]
	}
	name := strings.Join(parts, "/")
	for !strings.HasPrefix(filepath.Join("/x", name), "/x") {
		name = "a/" + name // stay inside
	}
	if p.IntN(4) == 0 {
		name = p.root + "/" + name
	}
	if p.IntN(10) == 0 {
		name += "/"
	}
	return name
}

func (p *player) say(what string, result any, err error) {
	line := fmt.Sprintf("%s: %v, %v", what, result, err)
	if strings.Contains(line, "SSH_FX_FAILURE") || os.IsNotExist(err) {
		// The server says FAILURE of creating through a link that leads
		// nowhere; the gateway has its answer to the look-up, NO_SUCH_FILE.
		line = what + ": failed"
	}
	p.log = append(p.log, strings.ReplaceAll(line, p.root, "ROOT"))
}

func (p *player) step() {
	c, a, b := p.c, p.name(), p.name()
	p.log = append(p.log, strings.ReplaceAll(fmt.Sprintf("(%s, %s)", a, b), p.root, "ROOT"))
	info := func(i os.FileInfo, err error) {
		if err != nil {
			p.say("info", nil, err)
			return
		}
		size := i.Size()
		if i.IsDir() {
			size = 0
		}
		p.say("info", fmt.Sprint(i.Name(), i.Mode(), size), nil)
	}
	switch p.IntN(17) {
	case 0, 1:
		p.say("mkdir", nil, c.Mkdir(a))
	case 2, 3, 4:
		f, err := c.OpenFile(a, []int{os.O_WRONLY | os.O_CREATE, os.O_RDWR | os.O_CREATE | os.O_TRUNC, os.O_WRONLY | os.O_CREATE | os.O_EXCL, os.O_WRONLY}[p.IntN(4)])
		p.say("create", nil, err)
		if err != nil {
			return
		}
		_, err = f.WriteAt(bytes.Repeat([]byte(a), p.IntN(5000)), int64(p.IntN(3)*100))
		p.say("write", nil, err)
		if p.IntN(3) == 0 {
			p.say("truncate", nil, f.Truncate(int64(p.IntN(1000))))
		}
		p.say("close", nil, f.Close())
	case 5, 6:
		f, err := c.Open(a)
		p.say("open", nil, err)
		if err != nil {
			return
		}
		content, err := io.ReadAll(f)
		p.say("read", len(content), err)
		p.say("close", nil, f.Close())
	case 7:
		p.say("rename", nil, c.Rename(a, b))
	case 8:
		p.say("posix-rename", nil, c.PosixRename(a, b))
	case 9:
		p.say("remove", nil, c.Remove(a))
	case 10:
		p.say("rmdir", nil, c.RemoveDirectory(a))
	case 11:
		target := []string{"a", "b", "c", "../a", "b/c", "none"}[p.IntN(6)]
		p.say("symlink", target, c.Symlink(target, a))
	case 12:
		p.say("link", nil, c.Link(a, b))
	case 13:
		info(c.Stat(a))
	case 14:
		info(c.Lstat(a))
	case 15:
		list, err := c.ReadDir(a)
		var names []string
		for _, i := range list {
			names = append(names, i.Name())
		}
		slices.Sort(names)
		p.say("list", names, err)
	case 16:
		to, err := c.ReadLink(a)
		p.say("readlink", to, err)
		p.say("chmod", nil, c.Chmod(b, 0o700|os.FileMode(p.IntN(64))))
	}
}

// tree lists what is below a directory.
func tree(t *testing.T, root string) []string {
	var list []string
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := strings.TrimPrefix(path, root) + " " + info.Mode().String()
		switch {
		case d.Type() == fs.ModeSymlink:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " " + to
		case d.Type().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %d %x", len(content), content[:min(len(content), 8)])
		}
		list = append(list, line)
		return nil
	}))
	return list
}

// Through the gateway the same happens as without it.
func TestSameAsDirect(t *testing.T) {
	rounds, steps := 4, 120
	if os.Getenv("SALLYPORT_SOAK") == "1" {
		rounds = 60
	}
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := start(t, setup{})
			here := deep(t)
			through := &player{Rand: rand.New(rand.NewPCG(seed, 1)), c: r.client(), root: r.root}
			plain := &player{Rand: rand.New(rand.NewPCG(seed, 1)), c: direct(t, here), root: here}
			for range steps {
				through.step()
				plain.step()
				require.Equal(t, plain.log, through.log)
				plain.log, through.log = plain.log[:0], through.log[:0]
				require.Equal(t, tree(t, here), tree(t, r.root))
			}
			require.NoError(t, through.c.Close())
			require.NoError(t, r.ended())
			for _, op := range r.Record.Operations() {
				if op.Verb != "sftp" {
					require.Contains(t, []protocol.Result{protocol.OK, protocol.Failed, protocol.NotSent}, op.Outcome.Result, op.Text)
				}
			}
		})
	}
}
