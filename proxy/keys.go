package proxy

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"github.com/sallyport/sallyport/protocol"
)

// keyed returns the digest under which the operation is recorded: it joins
// equal operations of this run and tells nothing to who lacks the run's key.
func (s *session) keyed(op *protocol.Operation) string {
	sum := s.digest(operationKey(op))
	var text [32]byte
	hex.Encode(text[:], sum[:16])
	return string(text[:])
}

// binding returns the digest that an approval is for: this operation of this
// principal on this target, this once.
func (s *session) binding(x *exchange, op *protocol.Operation) string {
	p := s.who.Principal
	sum := s.digest(protocol.OperationKey([]byte(p.Issuer), []byte(p.Subject), []byte(s.target.Name), []byte(x.Name()), operationKey(op)))
	return hex.EncodeToString(sum[:])
}

// operationKey is the operation's own key, or protocol.OperationKey of what it
// asks for: on the way of every operation, so one piece of memory for all parts.
func operationKey(op *protocol.Operation) []byte {
	if op.Key != nil {
		return op.Key
	}
	var stack [1024]byte
	b := appendCounted(appendCounted(stack[:0], op.Verb), op.Text)
	for i := range op.Params {
		p := &op.Params[i]
		b = appendCounted(appendCounted(appendCounted(b, p.Name), p.Value), p.Raw)
	}
	sum := sha256.Sum256(b)
	return sum[:]
}

func appendCounted[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
}

// digest is keyed by a secret of fixed length in front, and the length of
// what is digested stands in front of it, so there is nothing to extend.
func (s *session) digest(b []byte) [32]byte {
	var stack [128]byte
	buf := append(stack[:0], s.gw.key...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(b)))
	return sha256.Sum256(append(buf, b...))
}

func controlKey(key []byte) [32]byte { return sha256.Sum256(key) }
