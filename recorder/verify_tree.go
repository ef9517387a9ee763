package recorder

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
)

// treeCursor walks checkpoints and session heads side by side.
type treeCursor struct {
	v        *verifier
	notes    *noteReader
	files    []uint64 // heads files still to be opened
	heads    *headReader
	tree     frontier
	last     Checkpoint
	wrong    bool // the heads are known not to be the signed ones
	keptSeen bool
}

// batch is what one checkpoint adds.
type batch struct {
	c     Checkpoint
	heads []placedHead
}

type placedHead struct {
	head
	file string
	off  int64
}

func (v *verifier) openTree() (*treeCursor, error) {
	t := &treeCursor{v: v}
	name := filepath.Join(v.dir, checkpointsName)
	f, err := os.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	default:
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		// What is appended from now on is not looked at.
		t.notes = &noteReader{name: name, f: f, lines: lineReader{r: io.NewSectionReader(f, 0, info.Size())}}
	}
	if t.files, err = listHeads(v.dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.close()
		return nil, err
	}
	for i, n := range t.files {
		if uint64(i) != n {
			v.report.add(Finding{File: headsName(v.dir, uint64(i)), Problem: "the file is missing"})
			break
		}
	}
	return t, nil
}

func (t *treeCursor) close() {
	if t.notes != nil {
		t.notes.f.Close()
	}
	if t.heads != nil {
		t.heads.f.Close()
	}
}

// next returns what the next good checkpoint adds; nil at the end.
func (t *treeCursor) next() (*batch, error) {
	for t.notes != nil {
		signed, off, err := t.notes.next()
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		var c Checkpoint
		if err == nil {
			c, err = ParseCheckpoint(signed, t.v.keysOf)
		}
		if err == nil {
			switch {
			case c.Origin != t.v.origin:
				err = fmt.Errorf("it is of %q", c.Origin)
			case c.Size <= t.last.Size || c.Events < t.last.Events:
				err = fmt.Errorf("it says less than the checkpoint before it, of %s", t.last.Time.Format(timeFormat))
			case c.Previous != t.last.hash():
				t.v.report.add(Finding{File: t.notes.name, Offset: off, Problem: "the checkpoint does not follow the one before it: one is missing or damaged"})
			}
		}
		if err != nil {
			if _, read := errors.AsType[*fs.PathError](err); read {
				return nil, err
			}
			t.v.report.add(Finding{File: t.notes.name, Offset: off, Problem: "the checkpoint: " + err.Error()})
			continue
		}
		t.v.report.Checkpoints++
		b := &batch{c: c}
		if err := t.fill(b, off); err != nil {
			return nil, err
		}
		t.last = c
		return b, nil
	}
	return nil, nil
}

// fill reads the heads up to the checkpoint's size and compares roots.
func (t *treeCursor) fill(b *batch, off int64) error {
	first := t.tree.size
	for t.tree.size < b.c.Size {
		h, leaf, err := t.nextHead()
		if errors.Is(err, io.EOF) {
			if !t.wrong {
				t.wrong = true
				t.v.report.add(Finding{File: t.notes.name, Offset: off,
					Problem: fmt.Sprintf("the checkpoint of %s signs %d session heads, but only %d are there", b.c.Time.Format(timeFormat), b.c.Size, t.tree.size)})
			}
			return nil
		}
		if err != nil {
			return err
		}
		t.tree.add(leaf)
		t.v.report.Heads++
		if h.session != "" {
			b.heads = append(b.heads, h)
		}
		t.compareKept(h)
	}
	if root := t.tree.root(); root != b.c.Root && !t.wrong {
		t.wrong = true
		where := Finding{File: t.notes.name, Offset: off}
		if len(b.heads) > 0 {
			where = Finding{File: b.heads[0].file, Offset: b.heads[0].off}
		}
		where.Problem = fmt.Sprintf("the session heads %d to %d are not those that the checkpoint of %s signs", first, b.c.Size-1, b.c.Time.Format(timeFormat))
		t.v.report.add(where)
	}
	return nil
}

// compareKept compares with the checkpoint kept elsewhere, at its size.
func (t *treeCursor) compareKept(h placedHead) {
	kept := t.v.kept
	if kept == nil || t.tree.size != kept.Size {
		return
	}
	t.keptSeen = true
	if t.tree.root() != kept.Root {
		t.v.report.add(Finding{File: h.file, Offset: h.off,
			Problem: fmt.Sprintf("up to here the journal is not the one of the checkpoint of %s that was kept elsewhere: it was rewritten", kept.Time.Format(timeFormat))})
	}
}

// rest reads the heads behind the newest checkpoint. A gateway that was ended
// in between leaves some.
func (t *treeCursor) rest() error {
	for {
		h, leaf, err := t.nextHead()
		if errors.Is(err, io.EOF) {
			return t.roots()
		}
		if err != nil {
			return err
		}
		t.tree.add(leaf)
		t.v.report.Heads++
		t.compareKept(h)
	}
}

// roots checks the file of subtree roots.
func (t *treeCursor) roots() error {
	name := filepath.Join(t.v.dir, treeDir, rootsName)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for i := 0; i < len(b); i += tlog.HashSize {
		l := headLog{dir: t.v.dir}
		root, err := l.fileRoot(uint64(i / tlog.HashSize))
		if err != nil || len(b)-i < tlog.HashSize || !bytes.Equal(root[:], b[i:i+tlog.HashSize]) {
			t.v.report.add(Finding{File: name, Offset: int64(i), Problem: "this is not the root of the heads file"})
		}
	}
	return nil
}

// nextHead returns the next head and its leaf. A line that is malformed is
// reported and returned without a session; it still is a leaf.
func (t *treeCursor) nextHead() (placedHead, tlog.Hash, error) {
	for {
		if t.heads == nil {
			if len(t.files) == 0 {
				return placedHead{}, tlog.Hash{}, io.EOF
			}
			name := headsName(t.v.dir, t.files[0])
			t.files = t.files[1:]
			f, err := os.Open(name)
			if err != nil {
				return placedHead{}, tlog.Hash{}, err
			}
			t.heads = &headReader{name: name, f: f, lines: lineReader{r: f}}
		}
		off := t.heads.lines.off
		line, err := t.heads.lines.next(maxHeadLine)
		if errors.Is(err, io.EOF) {
			name, left := t.heads.name, t.heads.lines.left()
			t.heads.f.Close()
			t.heads = nil
			if left > 0 && !(t.v.report.Live && len(t.files) == 0) {
				t.v.report.add(Finding{File: name, Offset: off, Problem: "the last session head is cut off"})
			}
			continue
		}
		if errors.Is(err, errLongLine) {
			t.v.report.add(Finding{File: t.heads.name, Offset: off, Problem: err.Error()})
			t.heads.f.Close()
			t.heads = nil
			continue
		}
		if err != nil {
			return placedHead{}, tlog.Hash{}, err
		}
		h, err := parseHead(line[1:])
		if err != nil {
			t.v.report.add(Finding{File: t.heads.name, Offset: off, Problem: err.Error()})
		}
		return placedHead{h, t.heads.name, off}, leafHash(line), nil
	}
}

type headReader struct {
	name  string
	f     *os.File
	lines lineReader
}

// noteReader reads the notes of the checkpoints file.
type noteReader struct {
	name  string
	f     *os.File
	lines lineReader
}

// next returns the next note and its offset; io.EOF at the end.
func (r *noteReader) next() ([]byte, int64, error) {
	off := r.lines.off
	var b []byte
	for blank := 0; ; {
		line, err := r.lines.next(maxCheckpoint)
		if errors.Is(err, io.EOF) && len(b) == 0 && r.lines.left() == 0 {
			return nil, off, io.EOF
		}
		if errors.Is(err, io.EOF) {
			r.lines.drop()
			return nil, off, errors.New("it is cut off")
		}
		if err != nil {
			r.lines.drop()
			return nil, off, err
		}
		if len(line) == 1 {
			blank++
			// A part that is no text, or no signatures, ends early, so that
			// one damaged line does not put the rest out of step.
			if blank == 2 || bytes.HasPrefix(b, []byte("— ")) {
				return b, off, nil
			}
		}
		b = append(append(b, line[1:]...), '\n')
		if len(b) > maxCheckpoint {
			r.lines.drop()
			return nil, off, errLongLine
		}
	}
}
