package aws

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

// upload is a streaming body on its way to the target: proven, recorded, then
// forwarded.
type upload struct {
	k      *call
	x      *protocol.Exchange
	client eager
	from   *sigv4.Reader
	length int64 // of what is sent; -1 where it is not known
	sent   int64
	sealed bool
	rest   []byte // of the piece at hand
	digest *digest
	signed bool   // chunk by chunk
	hashed string // by the client's own signature; then digest is nil
	failed atomic.Pointer[error]
	begun  atomic.Bool // some of it was read
	whole  atomic.Bool // all of it was read
	stop   atomic.Bool // nothing more is wanted
	end    sync.Once
	closed chan struct{} // closed when nothing is read any more
}

func newUpload(k *call, x *protocol.Exchange, resign *sigv4.Resign) *upload {
	b := &upload{k: k, x: x, length: k.r.ContentLength, closed: make(chan struct{})}
	b.client.body = k.r.Body
	b.from = sigv4.NewReader(&b.client, k.claim, k.secret, resign)
	if k.claim.Payload == sigv4.Hashed {
		b.hashed = hex.EncodeToString(k.claim.PayloadHash[:])
	} else {
		b.digest = newDigest()
		b.signed = k.claim.Payload == sigv4.StreamingSigned || k.claim.Payload == sigv4.StreamingSignedTrailer
	}
	return b
}

// Read implements io.Reader for the connection to the target.
func (b *upload) Read(p []byte) (int, error) {
	if !b.begun.Swap(true) {
		b.client.begin(b.k.p.places, b.length, b.k.c.bulk, b.k.target.Load())
	}
	if b.whole.Load() {
		b.client.to.passOn()
		return 0, io.EOF
	}
	for len(b.rest) == 0 {
		if b.stop.Load() {
			return 0, errStopped
		}
		if b.digest != nil && b.signed {
			b.digest.wait() // the next piece takes the place of the last
		}
		piece, err := b.from.Next()
		if err == io.EOF {
			if err := b.seal(); err != nil {
				return 0, b.fail(err)
			}
			b.whole.Store(true)
			b.client.to.passOn()
			return 0, io.EOF
		}
		if err != nil {
			return 0, b.fail(err)
		}
		if b.digest != nil {
			b.digest.add(piece.Data) // now the piece before is in
		}
		content := int64(len(piece.Data))
		if content == 0 {
			content = -1
		}
		if err := b.x.Input(protocol.Part{Kind: "object", Data: piece.Wire, Withheld: true, Digested: true, Content: content}); err != nil {
			return 0, b.fail(err)
		}
		b.rest, b.sent = piece.Wire, b.sent+int64(len(piece.Wire))
		if b.sent == b.length {
			if err := b.seal(); err != nil {
				return 0, b.fail(err)
			}
		}
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	if b.sealed && len(b.rest) == 0 {
		b.whole.Store(true) // the target may answer before it is asked for more
	}
	return n, nil
}

// errStopped is for uploads whose call is over.
var errStopped = errors.New("the call is over")

// Close implements io.Closer; the client's body is net/http's to close.
func (b *upload) Close() error {
	b.end.Do(func() {
		b.client.end()
		close(b.closed)
	})
	return nil
}

func (b *upload) seal() error {
	if b.sealed {
		return nil
	}
	b.sealed = true
	return b.x.Seal()
}

func (b *upload) fail(err error) error {
	b.failed.CompareAndSwap(nil, &err)
	return err
}

// annotate records what was sent, once it was sent whole.
func (b *upload) annotate() {
	if !b.whole.Load() {
		return
	}
	sum := b.hashed
	if b.digest != nil {
		sum = b.digest.hex()
	}
	_ = b.x.Annotate(protocol.Annotation{Kind: "digest", Text: fmt.Sprintf("sent %d bytes, sha256 of the content %s", b.sent, sum)})
}
