package sigv4

import (
	"encoding/binary"
	"sync"
	"time"
)

// DefaultGuardSize is how many signatures a [Guard] remembers where it isn't told: about 50 MB when full.
const DefaultGuardSize = 1 << 20

// Guard remembers signatures until they end, so that a call isn't made twice with one of them. It is for one gateway:
// others don't know what it has seen. It is safe for concurrent use. The zero Guard is ready, with
// [DefaultGuardSize].
type Guard struct {
	// Size is how many signatures are remembered at most; zero means [DefaultGuardSize]. It must not change.
	Size int

	mu      sync.Mutex
	buckets map[int64]*bucket // by the minute in which they end
	count   int
	owned   map[string]int
	swept   int64
}

// bucket has the signatures that end in one minute, and how many are whose.
type bucket struct {
	seen  map[seen]struct{}
	owned map[string]int
}

// share is the part of a guard's room that one owner may fill: who makes calls without end stops itself, not others.
const share = 4

// seen is half of a signature: enough to tell signatures apart that only the holders of secrets can make.
type seen [2]uint64

// First reports whether this signature is new, and remembers it until then; until must be that of [Claim.Until], the
// same each time the signature comes. It is false for what has ended already, and for everything new while the guard
// is full, or a quarter of it is the owner's: then such calls fail until signatures have ended, rather than pass
// unguarded. An empty owner may fill all of it.
func (g *Guard) First(owner string, signature []byte, until time.Time) bool {
	if len(signature) < 16 {
		return false
	}
	key := seen{binary.BigEndian.Uint64(signature), binary.BigEndian.Uint64(signature[8:])}
	now := time.Now()
	if until.Before(now) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sweep(minute(now))
	b := g.buckets[minute(until)]
	if b != nil {
		if _, known := b.seen[key]; known {
			return false
		}
	}
	size := g.Size
	if size <= 0 {
		size = DefaultGuardSize
	}
	if g.count >= size || owner != "" && g.owned[owner] >= max(1, size/share) {
		return false
	}
	if b == nil {
		b = &bucket{map[seen]struct{}{}, map[string]int{}}
		if g.buckets == nil {
			g.buckets, g.owned = map[int64]*bucket{}, map[string]int{}
		}
		g.buckets[minute(until)] = b
	}
	b.seen[key] = struct{}{}
	b.owned[owner]++
	g.owned[owner]++
	g.count++
	return true
}

// sweep forgets what has ended, at most once a minute.
func (g *Guard) sweep(now int64) {
	if now == g.swept {
		return
	}
	g.swept = now
	for end, b := range g.buckets {
		if end >= now {
			continue
		}
		g.count -= len(b.seen)
		for owner, n := range b.owned {
			if g.owned[owner] -= n; g.owned[owner] == 0 {
				delete(g.owned, owner)
			}
		}
		delete(g.buckets, end)
	}
}

func minute(t time.Time) int64 { return t.Unix() / 60 }
