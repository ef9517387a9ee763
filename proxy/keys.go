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
	return hex.EncodeToString(sum[:16])
}

// binding returns the digest that an approval is for: this operation of this
// principal on this target, this once.
func (s *session) binding(x *exchange, op *protocol.Operation) string {
	p := s.who.Principal
	sum := s.digest(protocol.OperationKey([]byte(p.Issuer), []byte(p.Subject), []byte(s.target.Name), []byte(x.Name()), operationKey(op)))
	return hex.EncodeToString(sum[:])
}

func operationKey(op *protocol.Operation) []byte {
	if op.Key != nil {
		return op.Key
	}
	parts := make([][]byte, 0, 2+3*len(op.Params))
	parts = append(parts, []byte(op.Verb), []byte(op.Text))
	for _, p := range op.Params {
		parts = append(parts, []byte(p.Name), []byte(p.Value), p.Raw)
	}
	return protocol.OperationKey(parts...)
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
