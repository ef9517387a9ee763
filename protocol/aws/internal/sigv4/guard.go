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
	buckets map[int64]map[seen]struct{} // by the minute in which they end
	count   int
	swept   int64
}

// seen is half of a signature: enough to tell signatures apart that only the holders of secrets can make.
type seen [2]uint64

// First reports whether this signature is new, and remembers it until then; until must be that of [Claim.Until], the
// same each time the signature comes. It is false for what has ended already, and for everything new while the guard
// is full: then such calls fail until signatures have ended, rather than pass unguarded.
func (g *Guard) First(signature []byte, until time.Time) bool {
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
	bucket := g.buckets[minute(until)]
	if _, known := bucket[key]; known {
		return false
	}
	size := g.Size
	if size <= 0 {
		size = DefaultGuardSize
	}
	if g.count >= size {
		return false
	}
	if bucket == nil {
		bucket = map[seen]struct{}{}
		if g.buckets == nil {
			g.buckets = map[int64]map[seen]struct{}{}
		}
		g.buckets[minute(until)] = bucket
	}
	bucket[key] = struct{}{}
	g.count++
	return true
}

// sweep forgets what has ended, at most once a minute.
func (g *Guard) sweep(now int64) {
	if now == g.swept {
		return
	}
	g.swept = now
	for end, bucket := range g.buckets {
		if end < now {
			g.count -= len(bucket)
			delete(g.buckets, end)
		}
	}
}

func minute(t time.Time) int64 { return t.Unix() / 60 }
