package wire

import "encoding/binary"

// Hello is an INIT of a client or a VERSION of a server: the version, and the
// extensions as pairs of name and data.
type Hello struct {
	Kind    Kind
	Version uint32
	pairs   []byte
}

// DecodeHello reads an INIT or VERSION into h.
func DecodeHello(packet []byte, h *Hello) error {
	*h = Hello{}
	k, r, err := open(packet)
	if err != nil {
		return err
	}
	if k != Init && k != VersionReply {
		return malformed(k)
	}
	h.Kind, h.Version, h.pairs = k, r.uint32(), r.b
	for len(r.b) > 0 {
		r.string()
		r.string()
	}
	if !r.whole() {
		return malformed(k)
	}
	return nil
}

// Extensions calls f for each extension.
func (h *Hello) Extensions(f func(name, data []byte)) {
	r := reader{b: h.pairs}
	for len(r.b) > 0 {
		f(r.string(), r.string())
	}
}

// Offer adds an extension.
func (h *Hello) Offer(name, data []byte) {
	h.pairs = appendString(appendString(h.pairs, name), data)
}

// AppendHello appends h as a packet.
func AppendHello(dst []byte, h *Hello) []byte {
	start := len(dst)
	dst = binary.BigEndian.AppendUint32(begin(dst, h.Kind), h.Version)
	return finish(append(dst, h.pairs...), start)
}
