package wire

import "encoding/binary"

// LimitValues is the payload of the answer to limits@openssh.com. Zero means that
// the server does not say.
type LimitValues struct{ Packet, Read, Write, Handles uint64 }

// DecodeLimits reads the payload of an ExtendedReply.
func DecodeLimits(payload []byte) (LimitValues, error) {
	r := reader{b: payload}
	l := LimitValues{r.uint64(), r.uint64(), r.uint64(), r.uint64()}
	if !r.whole() {
		return LimitValues{}, malformed(Limits)
	}
	return l, nil
}

// AppendLimits appends a payload.
func AppendLimits(dst []byte, l LimitValues) []byte {
	for _, v := range [...]uint64{l.Packet, l.Read, l.Write, l.Handles} {
		dst = binary.BigEndian.AppendUint64(dst, v)
	}
	return dst
}
