package recorder

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const (
	segmentDir        = "segments"
	segmentSuffix     = ".seg"
	segmentMagic      = "SALLYSEG"
	segmentVersion    = 1
	segmentHeaderSize = 64
)

// segmentHeader is what a segment file begins with.
//
//	magic [8] | version u32 | zero u32 | journal id [16] | number u64 | first pos u64 | zero [12] | CRC-32C u32 of all before
type segmentHeader struct {
	journal [16]byte
	number  uint64
	first   uint64 // Pos of its first event
}

func (h *segmentHeader) append(b []byte) []byte {
	start := len(b)
	b = append(b, segmentMagic...)
	b = binary.BigEndian.AppendUint32(b, segmentVersion)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = append(b, h.journal[:]...)
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = binary.BigEndian.AppendUint64(b, h.first)
	b = append(b, make([]byte, 12)...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
}

func parseSegmentHeader(b []byte) (segmentHeader, error) {
	var h segmentHeader
	if len(b) < segmentHeaderSize {
		return h, errShort
	}
	b = b[:segmentHeaderSize]
	if string(b[:8]) != segmentMagic {
		return h, fmt.Errorf("%w: this is not a segment of a journal", errHeader)
	}
	if v := binary.BigEndian.Uint32(b[8:]); v != segmentVersion {
		return h, fmt.Errorf("%w %d of a segment; this program reads version %d", errVersion, v, segmentVersion)
	}
	if crc32.Checksum(b[:60], castagnoli) != binary.BigEndian.Uint32(b[60:]) {
		return h, fmt.Errorf("%w: the segment header's checksum is wrong", errHeader)
	}
	for i, c := range b[:60] {
		if c != 0 && (i >= 12 && i < 16 || i >= 48) {
			return h, fmt.Errorf("%w: the segment header is malformed", errHeader)
		}
	}
	copy(h.journal[:], b[16:])
	h.number = binary.BigEndian.Uint64(b[32:])
	h.first = binary.BigEndian.Uint64(b[40:])
	return h, nil
}

func segmentName(dir string, number uint64) string {
	return filepath.Join(dir, segmentDir, fmt.Sprintf("%012d%s", number, segmentSuffix))
}

// listSegments returns the numbers of the segments in dir, in order.
func listSegments(dir string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(dir, segmentDir))
	if err != nil {
		return nil, err
	}
	var list []uint64
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), segmentSuffix)
		if !ok || len(base) != 12 {
			continue
		}
		if n, err := strconv.ParseUint(base, 10, 64); err == nil {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

// roll ends the current segment in the stream of pending bytes and begins
// the next one there. Called with mu held.
func (j *Journal) roll() error {
	j.number++
	h := segmentHeader{j.id, j.number, j.pos}
	start := len(j.pending)
	b := h.append(j.pending)
	var c carry
	for _, s := range j.sessions {
		c.Sessions = append(c.Sessions, s.carried())
	}
	slices.SortFunc(c.Sessions, func(a, b carried) int { return cmp.Compare(a.ID, b.ID) })
	header, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if len(header)+prefixSize > MaxRecord {
		return fmt.Errorf("%d sessions are open; their state does not fit into a record", len(c.Sessions))
	}
	record := len(b)
	b = beginRecord(b, typeCarry, 0, j.salts.next())
	b = append(b, header...)
	endRecord(b, record, len(header))
	j.rolls = append(j.rolls, rollPoint{start, j.number})
	j.pending = b
	j.tailSize = int64(len(b) - start)
	j.tailFloor = j.tailSize
	j.appended += j.tailSize
	return nil
}

// rollPoint is where in the pending bytes a segment begins.
type rollPoint struct {
	at     int
	number uint64
}

// segment is the file being written. Only the writer of the moment uses it,
// but for Sync and Close.
type segment struct {
	f      file
	offset int64
}

func (j *Journal) createSegment(number uint64) (*segment, error) {
	name := segmentName(j.dir, number)
	f, err := j.opts.fs.Create(name)
	if err != nil {
		return nil, err
	}
	if err := f.Allocate(j.opts.SegmentSize); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := j.opts.fs.SyncDir(filepath.Dir(name)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &segment{f: f}, nil
}

// sortedSessions returns the sessions by id, so that what is written does not
// depend on chance.
func sortedSessions(m map[string]*sessionState) []*sessionState {
	return slices.SortedFunc(maps.Values(m), func(a, b *sessionState) int { return cmp.Compare(a.id, b.id) })
}
