package sftp

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/ssh/internal/sftp/wire"
)

func newExtents(ahead int64) (*extents, *atomic.Int64) {
	left := new(atomic.Int64)
	left.Store(ahead)
	return &extents{ahead: left}, left
}

func TestExtents(t *testing.T) {
	content := []byte("0123456789abcdefghij")
	whole := fmt.Sprintf("sha256:%x 20 bytes read, contiguous from 0", sha256.Sum256(content))
	type move struct{ at, n int }
	list := func(moves ...move) string { // each an extent
		h := sha256.New()
		total := 0
		for _, m := range moves {
			_ = binary.Write(h, binary.BigEndian, []uint64{uint64(m.at), uint64(m.n)})
			sum := sha256.Sum256(content[m.at : m.at+m.n])
			h.Write(sum[:])
			total += m.n
		}
		return fmt.Sprintf("sha256-extents:%x %d bytes read in %d extents, not contiguous", h.Sum(nil), total, len(moves))
	}
	for _, c := range []struct {
		name  string
		ahead int64
		moves []move
		want  string
	}{
		{"nothing", 100, nil, ""},
		{"empty pieces", 100, []move{{3, 0}, {9, 0}}, ""},
		{"in order", 0, []move{{0, 5}, {5, 5}, {10, 10}}, whole},
		{"nearly in order", 100, []move{{5, 5}, {0, 5}, {15, 5}, {10, 5}}, whole},
		{"backwards", 100, []move{{15, 5}, {10, 5}, {5, 5}, {0, 5}}, whole},
		{"no room to wait", 4, []move{{5, 5}, {0, 5}}, list(move{5, 5}, move{0, 5})},
		{"from the middle", 100, []move{{10, 5}, {15, 5}}, fmt.Sprintf("sha256:%x 10 bytes read, contiguous from 10", sha256.Sum256(content[10:]))},
		{"a hole", 100, []move{{0, 5}, {10, 5}}, list(move{0, 5}, move{10, 5})},
		{"the same again", 100, []move{{0, 5}, {0, 5}}, list(move{0, 5}, move{0, 5})},
		{"overlapping", 100, []move{{0, 10}, {5, 10}, {15, 5}}, list(move{0, 10}, move{5, 15})},
		{"overlapping early", 100, []move{{5, 10}, {0, 10}}, list(move{0, 10}, move{5, 10})},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, left := newExtents(c.ahead)
			for _, m := range c.moves {
				e.add(uint64(m.at), content[m.at:m.at+m.n])
			}
			assert.Equal(t, c.want, e.text("read"))
			assert.Equal(t, c.ahead, left.Load(), "what was held is given back")
		})
	}
}

// The end of offsets is no way around.
func TestExtentsAtTheEndOfOffsets(t *testing.T) {
	e, _ := newExtents(10)
	e.add(1<<64-1, []byte("ab"))
	e.add(0, []byte("c"))
	assert.Contains(t, e.text("written"), "3 bytes written")
}

func TestTable(t *testing.T) {
	var tab table
	ids := map[uint32]uint32{}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range uint32(20000) {
		if r.IntN(2) == 0 {
			if id, ok := tab.enter(slot{client: i}); ok {
				_, twice := ids[id]
				require.False(t, twice)
				ids[id] = i
			} else {
				require.Len(t, ids, maxSlots)
			}
			continue
		}
		for id, client := range ids {
			s, ok := tab.take(id)
			require.True(t, ok)
			require.Equal(t, client, s.client)
			_, ok = tab.take(id)
			require.False(t, ok, "an answer counts once")
			delete(ids, id)
			break
		}
		require.Equal(t, len(ids), tab.used)
	}
	old, _ := tab.enter(slot{})
	tab.take(old)
	again, _ := tab.enter(slot{})
	require.Equal(t, old&slotMask, again&slotMask)
	_, late := tab.take(old)
	require.False(t, late, "the id of an earlier request in the same slot")
	for range maxSlots {
		tab.enter(slot{})
	}
	_, ok := tab.enter(slot{})
	require.False(t, ok)
	_, ok = tab.take(1<<32 - 1)
	require.False(t, ok)
	require.Len(t, tab.leave(), maxSlots)
}

func TestTurns(t *testing.T) {
	var turns turns
	has := func(n *turn) bool {
		select {
		case <-n.mine:
			return true
		default:
			return false
		}
	}
	a, b := turns.enqueue(false), turns.enqueue(false)
	alone := turns.enqueue(true)
	c, d := turns.enqueue(false), turns.enqueue(true)
	assert.True(t, has(a) && has(b))
	assert.False(t, has(alone) || has(c) || has(d))
	turns.leave(b)
	assert.False(t, has(alone))
	turns.leave(a)
	assert.True(t, has(alone))
	assert.False(t, has(c))
	turns.leave(alone)
	turns.leave(alone)
	assert.True(t, has(c))
	assert.False(t, has(d))
	turns.leave(c)
	assert.True(t, has(d))
}

func TestSplit(t *testing.T) {
	for p, want := range map[string][2]string{
		"a": {".", "a"}, "a/b": {"a/", "b"}, "/a": {"/", "a"}, "/a/b/": {"/a/", "b"}, "a//b": {"a//", "b"},
		"": {}, ".": {}, "..": {}, "/": {}, "//": {}, "a/.": {}, "a/..": {}, "a/../": {}, "...": {".", "..."},
	} {
		dir, base := split([]byte(p))
		assert.Equal(t, want, [2]string{string(dir), base}, p)
	}
	assert.Equal(t, "/a", join("/", "a"))
	assert.Equal(t, "/a/b", join("/a", "b"))
}

func TestExpects(t *testing.T) {
	for k := wire.Open; k <= wire.UsersGroups; k++ {
		if !k.Known() {
			continue
		}
		assert.True(t, expects(k, wire.Status, wire.Failure), k)
		n := 0
		for _, a := range []wire.Kind{wire.Handle, wire.Data, wire.Name, wire.Attributes, wire.ExtendedReply} {
			if expects(k, a, 0) {
				n++
			}
		}
		assert.Equal(t, n == 0, expects(k, wire.Status, wire.OK), k)
		assert.LessOrEqual(t, n, 1, k)
	}
}
