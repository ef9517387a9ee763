package pgvalue

import (
	"net/netip"
)

// PostgreSQL's own numbers of the address families.
const (
	family4 = 2
	family6 = 3
)

// inet writes an address with its mask, which is left out where an inet's
// covers the whole address: family, bits, whether it is a cidr, length, address.
func (w *writer) inet(v []byte) bool {
	if len(v) < 4 || len(v) != 4+int(v[3]) {
		return false
	}
	family, bits, cidr := v[0], v[1], v[2] != 0
	addr, ok := netip.AddrFromSlice(v[4:])
	switch {
	case !ok, family == family4 && !addr.Is4(), family == family6 && !addr.Is6(), family != family4 && family != family6:
		return false
	case int(bits) > addr.BitLen():
		return false
	}
	// An address of which only the last 32 bits are set is written as an
	// IPv4 address, but not ::1 and the like, which the standard library agrees on.
	if six := v[4:]; addr.Is6() && zero(six[:12]) && (six[12] != 0 || six[13] != 0) {
		w.string("::")
		addr, _ = netip.AddrFromSlice(six[12:])
	}
	w.b = addr.AppendTo(w.b)
	if cidr || int(bits) != 8*len(v[4:]) {
		w.string("/")
		w.uint(uint64(bits))
	}
	return true
}

func zero(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (w *writer) mac(v []byte) bool {
	for i, c := range v {
		if i > 0 {
			w.b = append(w.b, ':')
		}
		w.b = append(w.b, hexDigits[c>>4], hexDigits[c&15])
	}
	return true
}
