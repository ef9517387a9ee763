package recorder

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	checkpointsName = "checkpoints"
	maxCheckpoint   = 16 << 10
	timeFormat      = time.RFC3339Nano
)

// Checkpoint is a signed statement of what the journal was at a time. It is a
// C2SP checkpoint (a signed note) whose log are the session heads.
type Checkpoint struct {
	// Origin names the journal; it is also the signing key's name.
	Origin string
	// Size is the number of session heads, Root the root of their tree.
	Size uint64
	Root tlog.Hash
	// Time is when it was made, by the gateway's clock.
	Time time.Time
	// Events is how many events the journal had; the heads cover all of them.
	Events uint64
	// Previous is the SHA-256 of the signed text of the checkpoint before it;
	// zero in the first.
	Previous tlog.Hash
	// Note is the signed text as it is stored and sent.
	Note []byte
}

func (c *Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\ntime %s\nevents %d\nprevious %s\n",
		c.Origin, c.Size, c.Root, c.Time.UTC().Format(timeFormat), c.Events, c.Previous)
}

// hash is what the next checkpoint calls its previous.
func (c *Checkpoint) hash() tlog.Hash {
	if c.Note == nil {
		return tlog.Hash{}
	}
	return sha256.Sum256(c.Note)
}

// ParseCheckpoint reads a checkpoint and checks its signature by one of
// verifiers.
func ParseCheckpoint(signed []byte, verifiers note.Verifiers) (Checkpoint, error) {
	if len(signed) > maxCheckpoint {
		return Checkpoint{}, fmt.Errorf("the checkpoint is longer than %d bytes", maxCheckpoint)
	}
	n, err := note.Open(signed, verifiers)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint's signature: %w", err)
	}
	c, err := parseCheckpointText(n.Text)
	c.Note = bytes.Clone(signed)
	return c, err
}

// unsignedCheckpoint reads a checkpoint without checking who signed it.
func unsignedCheckpoint(signed []byte) (Checkpoint, error) {
	text, _, ok := bytes.Cut(signed, []byte("\n\n"))
	if !ok {
		return Checkpoint{}, errors.New("malformed checkpoint")
	}
	c, err := parseCheckpointText(string(text) + "\n")
	c.Note = bytes.Clone(signed)
	return c, err
}

func parseCheckpointText(text string) (Checkpoint, error) {
	bad := errors.New("malformed checkpoint")
	lines := strings.Split(text, "\n")
	if len(lines) < 7 || lines[0] == "" {
		return Checkpoint{}, bad
	}
	c := Checkpoint{Origin: lines[0]}
	var errs [5]error
	c.Size, errs[0] = strconv.ParseUint(lines[1], 10, 63)
	c.Root, errs[1] = tlog.ParseHash(lines[2])
	stamp, ok := strings.CutPrefix(lines[3], "time ")
	events, ok2 := strings.CutPrefix(lines[4], "events ")
	previous, ok3 := strings.CutPrefix(lines[5], "previous ")
	c.Previous, errs[4] = tlog.ParseHash(previous)
	c.Time, errs[2] = time.Parse(timeFormat, stamp)
	c.Events, errs[3] = strconv.ParseUint(events, 10, 63)
	if errors.Join(errs[:]...) != nil || !ok || !ok2 || !ok3 || !strings.HasPrefix(text, c.text()) {
		return Checkpoint{}, bad
	}
	return c, nil
}

// newestCheckpoint returns the last whole note of the checkpoints file, and
// the size of the file up to it, behind which a torn one may lie. A file
// without a note gives a zero Checkpoint.
func newestCheckpoint(dir string) (Checkpoint, int64, error) {
	name := filepath.Join(dir, checkpointsName)
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, 0, nil
	}
	if err != nil {
		return Checkpoint{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Checkpoint{}, 0, err
	}
	from := max(0, info.Size()-3*maxCheckpoint)
	b, err := io.ReadAll(io.NewSectionReader(f, from, info.Size()-from))
	if err != nil {
		return Checkpoint{}, 0, err
	}
	start, end := lastNote(b)
	if end == 0 {
		if from > 0 {
			return Checkpoint{}, 0, damaged("%s does not end in a checkpoint", name)
		}
		return Checkpoint{}, 0, nil
	}
	c, err := unsignedCheckpoint(b[start:end])
	if err != nil {
		return c, 0, damaged("%s: %w", place(name, from+int64(start)), err)
	}
	return c, from + int64(end) + 1, nil
}

// lastNote finds the last whole note in b: a text, a blank line, signatures,
// a blank line. end is 0 where there is none.
func lastNote(b []byte) (start, end int) {
	for rest := b; ; {
		i := bytes.LastIndex(rest, []byte("\n\n"))
		if i < 0 {
			return 0, 0
		}
		j := bytes.LastIndex(rest[:i], []byte("\n\n")) // before the signatures
		if j >= 0 && bytes.HasPrefix(rest[j+2:], []byte("— ")) {
			k := bytes.LastIndex(rest[:j], []byte("\n\n")) // before the text
			if k < 0 {
				return 0, i + 1
			}
			return k + 2, i + 1
		}
		rest = rest[:i]
	}
}
