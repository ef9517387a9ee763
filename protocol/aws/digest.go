package aws

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
)

// digest is the SHA-256 of what streams, made beside the stream: on another
// core, where there is one. It is for one goroutine.
type digest struct {
	sum  hash.Hash
	busy chan struct{} // closed when the piece at hand is in
}

func newDigest() *digest { return &digest{sum: sha256.New()} }

// add takes a piece in, which must not change before wait, hex or the next
// add has returned.
func (d *digest) add(piece []byte) {
	d.wait()
	busy := make(chan struct{})
	d.busy = busy
	go func() {
		defer close(busy)
		d.sum.Write(piece)
	}()
}

// wait returns once all pieces are in.
func (d *digest) wait() {
	if d.busy != nil {
		<-d.busy
		d.busy = nil
	}
}

// hex returns the digest of all pieces so far.
func (d *digest) hex() string {
	d.wait()
	return hex.EncodeToString(d.sum.Sum(nil))
}
