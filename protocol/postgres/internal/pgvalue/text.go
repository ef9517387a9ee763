package pgvalue

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strconv"
)

// The formats of a value on the wire.
const (
	formatText   = 0
	formatBinary = 1
)

// Text appends the text form of a value to dst. In text format that is the
// value itself, whatever its type. It returns dst and false where the type or
// the format is not known or the bytes are no value of the type. value must
// not be NULL.
func Text(dst []byte, oid uint32, format int16, value []byte) (text []byte, ok bool) {
	switch format {
	case formatText:
		return append(dst, value...), true
	case formatBinary:
		w := writer{b: dst, most: len(dst) + 1<<20 + 16*len(value)}
		if w.binary(oid, value, 0) {
			return w.b, true
		}
	}
	return dst, false
}

// writer appends text. Few bytes can stand for much text, as 10^130000 does,
// so it stops at most bytes.
type writer struct {
	b    []byte
	most int
}

// fits reports whether n more bytes may be written.
func (w *writer) fits(n int) bool { return n <= w.most-len(w.b) }

func (w *writer) bytes(v []byte) bool {
	if !w.fits(len(v)) {
		return false
	}
	w.b = append(w.b, v...)
	return true
}

func (w *writer) string(s string) bool {
	w.b = append(w.b, s...)
	return true
}

func (w *writer) int(n int64) bool {
	w.b = strconv.AppendInt(w.b, n, 10)
	return true
}

func (w *writer) uint(n uint64) bool {
	w.b = strconv.AppendUint(w.b, n, 10)
	return true
}

// sizes are the lengths of the binary form of types that have one length.
var sizes = map[uint32]int{
	oidBool: 1, oidInt2: 2, oidInt4: 4, oidInt8: 8, oidOID: 4, oidXID: 4, oidCID: 4, oidXID8: 8, oidTID: 6,
	oidFloat4: 4, oidFloat8: 8, oidMoney: 8, oidUUID: 16, oidDate: 4, oidTime: 8, oidTimetz: 12, oidTimestamp: 8,
	oidTimestamptz: 8, oidInterval: 16, oidMacaddr: 6, oidMacaddr8: 8, oidLSN: 8, oidVoid: 0, oidChar: 1,
}

// binary writes the text form of a value in binary format.
func (w *writer) binary(oid uint32, v []byte, depth int) bool {
	if size, fixed := sizes[oid]; fixed && len(v) != size {
		return false
	}
	switch oid {
	case oidText, oidVarchar, oidBpchar, oidName, oidUnknown, oidRefcursor, oidCstring, oidJSON, oidXML:
		return w.bytes(v)
	case oidJSONB:
		return len(v) > 0 && v[0] == 1 && w.bytes(v[1:])
	case oidChar:
		return v[0] == 0 || w.bytes(v)
	case oidVoid:
		return true
	case oidBytea:
		if !w.fits(2 + 2*len(v)) {
			return false
		}
		w.b = hex.AppendEncode(append(w.b, `\x`...), v)
		return true
	case oidUUID:
		return w.uuid(v)
	case oidBit, oidVarbit:
		return w.bits(v)
	case oidBool, oidInt2, oidInt4, oidInt8, oidOID, oidXID, oidCID, oidXID8, oidTID, oidLSN:
		return w.integer(oid, v)
	case oidFloat4:
		return w.float(float64(math.Float32frombits(binary.BigEndian.Uint32(v))), 32)
	case oidFloat8:
		return w.float(math.Float64frombits(binary.BigEndian.Uint64(v)), 64)
	case oidNumeric:
		return w.numeric(v)
	case oidMoney:
		return w.money(int64(binary.BigEndian.Uint64(v)))
	case oidDate, oidTime, oidTimetz, oidTimestamp, oidTimestamptz, oidInterval:
		return w.time(oid, v)
	case oidInet, oidCIDR:
		return w.inet(v)
	case oidMacaddr, oidMacaddr8:
		return w.mac(v)
	case oidInt2Vector, oidOIDVector:
		return w.vector(oid, v)
	}
	if element, array := elements[oid]; array && depth == 0 {
		return w.array(element, v)
	}
	return false
}

func (w *writer) integer(oid uint32, v []byte) bool {
	switch oid {
	case oidBool:
		if v[0] == 0 {
			return w.string("f")
		}
		return w.string("t")
	case oidInt2:
		return w.int(int64(int16(binary.BigEndian.Uint16(v))))
	case oidInt4:
		return w.int(int64(int32(binary.BigEndian.Uint32(v))))
	case oidInt8:
		return w.int(int64(binary.BigEndian.Uint64(v)))
	case oidXID8:
		return w.uint(binary.BigEndian.Uint64(v))
	case oidTID:
		w.string("(")
		w.uint(uint64(binary.BigEndian.Uint32(v)))
		w.string(",")
		w.uint(uint64(binary.BigEndian.Uint16(v[4:])))
		return w.string(")")
	case oidLSN:
		w.hexUpper(binary.BigEndian.Uint32(v))
		w.string("/")
		return w.hexUpper(binary.BigEndian.Uint32(v[4:]))
	}
	return w.uint(uint64(binary.BigEndian.Uint32(v)))
}

func (w *writer) hexUpper(n uint32) bool {
	start := len(w.b)
	w.b = strconv.AppendUint(w.b, uint64(n), 16)
	for i, c := range w.b[start:] {
		if c >= 'a' {
			w.b[start+i] = c - 'a' + 'A'
		}
	}
	return true
}

func (w *writer) uuid(v []byte) bool {
	for i, c := range v {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			w.b = append(w.b, '-')
		}
		w.b = append(w.b, hexDigits[c>>4], hexDigits[c&15])
	}
	return true
}

const hexDigits = "0123456789abcdef"

// bits writes a bit string: a length in bits and as many bytes as it takes.
func (w *writer) bits(v []byte) bool {
	if len(v) < 4 {
		return false
	}
	n := int64(int32(binary.BigEndian.Uint32(v)))
	v = v[4:]
	if n < 0 || (n+7)/8 != int64(len(v)) || !w.fits(int(n)) {
		return false
	}
	for i := range int(n) {
		w.b = append(w.b, '0'+v[i/8]>>(7-i%8)&1)
	}
	return true
}
