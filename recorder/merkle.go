package recorder

import (
	"crypto/sha256"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is an RFC 6962 tree that keeps only what it needs to grow: the
// roots of its complete subtrees, largest first (a compact range from 0).
type frontier struct {
	size  uint64
	nodes []tlog.Hash
}

// add appends a leaf.
func (f *frontier) add(leaf tlog.Hash) {
	for n := f.size; n&1 == 1; n >>= 1 {
		last := len(f.nodes) - 1
		leaf = tlog.NodeHash(f.nodes[last], leaf)
		f.nodes = f.nodes[:last]
	}
	f.nodes = append(f.nodes, leaf)
	f.size++
}

// root returns the hash of the tree as it is.
func (f *frontier) root() tlog.Hash {
	if len(f.nodes) == 0 {
		return sha256.Sum256(nil)
	}
	h := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.nodes[i], h)
	}
	return h
}

// valid reports whether there are as many nodes as the size asks for.
func (f *frontier) valid() bool { return len(f.nodes) == bits.OnesCount64(f.size) }

func (f *frontier) clone() frontier {
	return frontier{f.size, append([]tlog.Hash(nil), f.nodes...)}
}

// leafHash is tlog.RecordHash for a body that has a spare byte in front of it
// in its buffer, so that nothing is copied or allocated: b[0] is overwritten
// for the time of the call.
func leafHash(b []byte) tlog.Hash {
	saved := b[0]
	b[0] = 0 // RFC 6962: leaves are hashed behind a zero byte
	h := sha256.Sum256(b)
	b[0] = saved
	return h
}
