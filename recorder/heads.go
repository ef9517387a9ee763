package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	treeDir     = "tree"
	headsSuffix = ".heads"
	rootsName   = "roots"
	// headsPerFile is a power of two, so that a full file is a complete
	// subtree and its root is all that is needed of it to go on.
	headsPerFile = 1 << 16
	maxHeadLine  = 256
)

// head says what a session's tree was: a leaf of the journal's tree.
type head struct {
	session string
	size    uint64
	root    tlog.Hash
	closed  bool
}

// appendLine appends the head as it is stored, without the newline. These are
// the bytes that the leaf commits to.
func (h *head) appendLine(b []byte) []byte {
	b = strconv.AppendUint(b, h.size, 10)
	b = append(b, ' ')
	b = append(b, h.root.String()...)
	if h.closed {
		b = append(b, " closed "...)
	} else {
		b = append(b, " open "...)
	}
	return append(b, h.session...)
}

func parseHead(line []byte) (head, error) {
	f := strings.Split(string(line), " ")
	if len(f) != 4 || len(line) >= maxHeadLine {
		return head{}, errors.New("malformed session head")
	}
	size, err := strconv.ParseUint(f[0], 10, 63)
	root, err2 := tlog.ParseHash(f[1])
	h := head{session: f[3], size: size, root: root, closed: f[2] == "closed"}
	// Only the one spelling is good: the leaf commits to the bytes.
	if err != nil || err2 != nil || !validSessionID(h.session) || !bytes.Equal(h.appendLine(nil), line) {
		return head{}, errors.New("malformed session head")
	}
	return h, nil
}

func headsName(dir string, number uint64) string {
	return filepath.Join(dir, treeDir, fmt.Sprintf("%08d%s", number, headsSuffix))
}

// listHeads returns the numbers of the heads files, in order.
func listHeads(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(dir, treeDir))
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), headsSuffix)
		if !ok || len(base) != 8 {
			continue
		}
		if n, err := strconv.ParseUint(base, 10, 64); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

// headLog is the journal's tree: its leaves in files, its frontier in memory.
type headLog struct {
	dir  string
	fs   fileSystem
	tree frontier
	f    file // the heads file being filled; nil until needed
	buf  []byte
	// newest holds the newest head of each session in the files that were
	// read when the journal was opened.
	newest map[string]head
}

// add appends heads, durably.
func (l *headLog) add(heads []head) error {
	for len(heads) > 0 {
		room := headsPerFile - l.tree.size%headsPerFile
		n := min(uint64(len(heads)), room)
		if err := l.addToFile(heads[:n]); err != nil {
			return err
		}
		heads = heads[n:]
	}
	return nil
}

func (l *headLog) addToFile(heads []head) error {
	if l.f == nil {
		f, err := l.fs.Append(headsName(l.dir, l.tree.size/headsPerFile))
		if err != nil {
			return err
		}
		l.f = f
		if err := l.fs.SyncDir(filepath.Join(l.dir, treeDir)); err != nil {
			return err
		}
	}
	b := l.buf[:0]
	grown := l.tree.clone()
	for i := range heads {
		b = append(b, 0)
		start := len(b)
		b = heads[i].appendLine(b)
		grown.add(leafHash(b[start-1:]))
		copy(b[start-1:], b[start:]) // the spare byte was for the hash only
		b[len(b)-1] = '\n'
	}
	l.buf = b
	if _, err := l.f.Write(b); err != nil {
		return err
	}
	if err := l.f.Sync(); err != nil {
		return err
	}
	l.tree = grown
	if l.tree.size%headsPerFile != 0 {
		return nil
	}
	err := l.f.Close()
	l.f = nil
	if err != nil {
		return err
	}
	return l.addRoot()
}

// addRoot notes the root of the heads file that was just filled, and those
// that are not noted yet because a gateway before ended too soon.
func (l *headLog) addRoot() error {
	name := filepath.Join(l.dir, treeDir, rootsName)
	f, err := l.fs.Append(name)
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil && size%tlog.HashSize != 0 {
		size -= size % tlog.HashSize
		err = f.Truncate(size)
	}
	for i := uint64(size / tlog.HashSize); err == nil && i < l.tree.size/headsPerFile; i++ {
		var root tlog.Hash
		if root, err = l.fileRoot(i); err == nil {
			_, err = f.Write(root[:])
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// fileRoot reads a full heads file and returns its root.
func (l *headLog) fileRoot(number uint64) (tlog.Hash, error) {
	var t frontier
	_, err := readHeads(headsName(l.dir, number), func(_ head, leaf tlog.Hash) error {
		t.add(leaf)
		return nil
	})
	if err == nil && t.size != headsPerFile {
		err = fmt.Errorf("%s holds %d session heads instead of %d", headsName(l.dir, number), t.size, headsPerFile)
	}
	return t.root(), err
}

// readHeads calls each for every head of a file and returns the offset behind
// the last whole line. A last line without an end is not an error; a line
// that is malformed is a [*headError].
func readHeads(name string, each func(h head, leaf tlog.Hash) error) (int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := lineReader{r: f}
	for {
		off := lines.off
		b, err := lines.next(maxHeadLine) // a spare byte in front
		if errors.Is(err, io.EOF) {
			return off, nil
		}
		if err != nil {
			return off, &headError{name, off, err}
		}
		h, err := parseHead(b[1:])
		if err != nil {
			return off, &headError{name, off, err}
		}
		if err := each(h, leafHash(b)); err != nil {
			return off, err
		}
	}
}

type headError struct {
	name string
	off  int64
	err  error
}

func (e *headError) Error() string { return place(e.name, e.off) + ": " + e.err.Error() }

// openHeads reads what is needed of the tree to go on, checks it against the
// newest checkpoint, and cuts a torn last line.
func openHeads(dir string, fsys fileSystem, last Checkpoint) (*headLog, error) {
	roots, err := os.ReadFile(filepath.Join(dir, treeDir, rootsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	// Full files before the one that the checkpoint reaches into are taken by
	// their roots, which the checkpoint then proves.
	from := min(last.Size/headsPerFile, uint64(len(roots)/tlog.HashSize))
	l, proven, err := readTree(dir, fsys, last, roots[:from*tlog.HashSize])
	if err == nil && !proven && from > 0 {
		l, proven, err = readTree(dir, fsys, last, nil)
	}
	if err != nil {
		return nil, err
	}
	if !proven {
		return nil, damaged("the session heads in %s are not those that the newest checkpoint signs (%d heads, %s)",
			filepath.Join(dir, treeDir), last.Size, last.Time.Format(timeFormat))
	}
	return l, nil
}

// readTree begins with the roots of full files and reads the others. It
// reports whether the checkpoint is met.
func readTree(dir string, fsys fileSystem, last Checkpoint, roots []byte) (*headLog, bool, error) {
	l := &headLog{dir: dir, fs: fsys, newest: make(map[string]head)}
	files, err := listHeads(dir)
	if err != nil {
		return nil, false, err
	}
	from := uint64(len(roots) / tlog.HashSize)
	for i := range from {
		l.tree.add(tlog.Hash(roots[i*tlog.HashSize:][:tlog.HashSize]))
	}
	l.tree.size = from * headsPerFile
	proven := last.Size == 0
	met := func() { proven = proven || l.tree.size == last.Size && l.tree.root() == last.Root }
	met()
	for _, n := range files {
		if n < from {
			continue
		}
		name := headsName(dir, n)
		if n*headsPerFile != l.tree.size {
			return nil, false, damaged("%s is not the file of session heads that should follow", name)
		}
		end, err := readHeads(name, func(h head, leaf tlog.Hash) error {
			l.tree.add(leaf)
			l.newest[h.session] = h
			met()
			return nil
		})
		if _, torn := errors.AsType[*headError](err); torn && l.tree.size >= last.Size && n == files[len(files)-1] {
			err = nil // behind the last checkpoint: the line was never finished
		}
		if err != nil {
			return nil, false, damaged("%w", err)
		}
		if err := cutFile(fsys, name, end); err != nil {
			return nil, false, err
		}
	}
	return l, proven, nil
}

// cutFile cuts a file at size where it is longer.
func cutFile(fsys fileSystem, name string, size int64) error {
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	is, err := f.Size()
	if err == nil && is > size {
		err = errors.Join(f.Truncate(size), f.Sync())
	}
	return errors.Join(err, f.Close())
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %w; verify it, keep it as evidence, and give the gateway a new directory", ErrDamaged, fmt.Errorf(format, args...))
}

// ErrDamaged means that a journal is not what its checkpoints say it was. The
// gateway does not write to it.
var ErrDamaged = errors.New("the journal is damaged")
