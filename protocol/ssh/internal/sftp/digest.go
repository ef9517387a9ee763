package sftp

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"sync/atomic"
)

// extents digests what moved of a file, in the order of the file where it came
// in order, or nearly so. It is for one goroutine at a time.
//
// What joins what came before is one extent, with one SHA-256. Where something
// comes early, a copy of it waits for what is missing, as long as there is room
// in ahead. Several extents are digested as a list: for each, in the order in
// which it ended, its offset and length, 8 bytes each, and its SHA-256.
type extents struct {
	ahead *atomic.Int64
	early []piece // sorted by offset

	sum         hash.Hash // of the extent under way
	start, next uint64
	list        hash.Hash // nil while there was no other extent
	ended       int
	bytes       int64
}

type piece struct {
	at   uint64
	data []byte
}

// add takes what moved. A file is expected to begin at 0.
func (e *extents) add(at uint64, data []byte) {
	if len(data) == 0 {
		return
	}
	e.bytes += int64(len(data))
	if at > e.next && e.hold(at, data) {
		return
	}
	if at != e.next {
		e.flush()
	}
	e.take(at, data)
	for len(e.early) > 0 && e.early[0].at <= e.next {
		e.takeEarly()
	}
}

// hold keeps a copy of what came early.
func (e *extents) hold(at uint64, data []byte) bool {
	n := int64(len(data))
	if e.ahead.Add(-n) < 0 {
		e.ahead.Add(n)
		return false
	}
	i, _ := slices.BinarySearchFunc(e.early, at, func(p piece, at uint64) int { return cmp.Compare(p.at, at) })
	e.early = slices.Insert(e.early, i, piece{at, slices.Clone(data)})
	return true
}

// flush gives up waiting for what is missing.
func (e *extents) flush() {
	for len(e.early) > 0 {
		e.takeEarly()
	}
}

func (e *extents) takeEarly() {
	p := e.early[0]
	e.early = slices.Delete(e.early, 0, 1)
	e.ahead.Add(int64(len(p.data)))
	e.take(p.at, p.data)
}

func (e *extents) take(at uint64, data []byte) {
	if e.sum == nil || at != e.next {
		e.endExtent()
		e.start, e.next = at, at
		if e.sum == nil {
			e.sum = sha256.New()
		}
		e.sum.Reset()
	}
	e.sum.Write(data)
	e.next += uint64(len(data))
}

func (e *extents) endExtent() {
	if e.sum == nil || e.next == e.start {
		return
	}
	if e.list == nil {
		e.list = sha256.New()
	}
	entry := binary.BigEndian.AppendUint64(nil, e.start)
	entry = binary.BigEndian.AppendUint64(entry, e.next-e.start)
	e.list.Write(e.sum.Sum(entry))
	e.ended++
}

// text ends the digest and says what it is; done says what happened to the
// bytes. It is empty where nothing moved.
func (e *extents) text(done string) string {
	e.flush()
	switch {
	case e.sum == nil:
		return ""
	case e.ended == 0:
		return fmt.Sprintf("sha256:%s %d bytes %s, contiguous from %d", hex.EncodeToString(e.sum.Sum(nil)), e.bytes, done, e.start)
	}
	e.endExtent()
	return fmt.Sprintf("sha256-extents:%s %d bytes %s in %d extents, not contiguous", hex.EncodeToString(e.list.Sum(nil)), e.bytes, done, e.ended)
}

// drop frees what is held.
func (e *extents) drop() {
	for _, p := range e.early {
		e.ahead.Add(int64(len(p.data)))
	}
	e.early = nil
}
