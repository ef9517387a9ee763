package pgvalue

import (
	"encoding/binary"
	"math"
	"strconv"
)

// float writes the shortest digits that give the same number. PostgreSQL
// turns to exponents at 10^15, and at 10^6 for the small type. In rare cases it
// takes more digits, because it does not count on ties to round to even.
func (w *writer) float(f float64, bits int) bool {
	switch {
	case math.IsNaN(f):
		return w.string("NaN")
	case math.IsInf(f, 1):
		return w.string("Infinity")
	case math.IsInf(f, -1):
		return w.string("-Infinity")
	}
	most := 15
	if bits == 32 {
		most = 6
	}
	start := len(w.b)
	w.b = strconv.AppendFloat(w.b, f, 'e', -1, bits)
	if exponent := exponentOf(w.b[start:]); exponent >= -4 && exponent < most {
		w.b = strconv.AppendFloat(w.b[:start], f, 'f', -1, bits)
	}
	return true
}

func exponentOf(s []byte) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == 'e' {
			n, _ := strconv.Atoi(string(s[i+1:]))
			return n
		}
	}
	return 0
}

// The signs of a numeric.
const (
	numericPositive    = 0x0000
	numericNegative    = 0x4000
	numericNaN         = 0xC000
	numericInfinity    = 0xD000
	numericNegInfinity = 0xF000
)

// numeric writes digits to the base of 10,000. weight is the power of the
// first one, scale how many decimal digits follow the point.
func (w *writer) numeric(v []byte) bool {
	if len(v) < 8 {
		return false
	}
	n, weight := int(binary.BigEndian.Uint16(v)), int(int16(binary.BigEndian.Uint16(v[2:])))
	sign, scale := binary.BigEndian.Uint16(v[4:]), int(binary.BigEndian.Uint16(v[6:]))
	digits := v[8:]
	if len(digits) != 2*n {
		return false
	}
	switch sign {
	case numericNaN:
		return w.string("NaN")
	case numericInfinity:
		return w.string("Infinity")
	case numericNegInfinity:
		return w.string("-Infinity")
	case numericNegative:
		w.b = append(w.b, '-')
	case numericPositive:
	default:
		return false
	}
	if scale > 0x3FFF || !w.fits(4*(max(weight, 0)+1)+scale+4) {
		return false
	}
	digit := func(i int) (int, bool) { // the digit that stands for 10000^i
		at := weight - i
		if at < 0 || at >= n {
			return 0, true
		}
		d := int(binary.BigEndian.Uint16(digits[2*at:]))
		return d, d < 10_000
	}
	start := len(w.b)
	for i := weight; i >= 0; i-- {
		d, ok := digit(i)
		if !ok {
			return false
		}
		if len(w.b) == start { // no zeros in front
			if d > 0 {
				w.int(int64(d))
			}
			continue
		}
		w.b = append(w.b, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
	}
	if len(w.b) == start {
		w.b = append(w.b, '0')
	}
	if scale == 0 {
		return true
	}
	w.b = append(w.b, '.')
	end := len(w.b) + scale
	for i := -1; len(w.b) < end; i-- {
		d, ok := digit(i)
		if !ok {
			return false
		}
		w.b = append(w.b, byte('0'+d/1000), byte('0'+d/100%10), byte('0'+d/10%10), byte('0'+d%10))
	}
	w.b = w.b[:end]
	return true
}

// money writes an amount as in the C locale: cents, with commas.
func (w *writer) money(n int64) bool {
	u := uint64(n)
	if n < 0 {
		w.b = append(w.b, '-')
		u = -u
	}
	w.b = append(w.b, '$')
	whole := strconv.FormatUint(u/100, 10)
	for i := range len(whole) {
		if i > 0 && (len(whole)-i)%3 == 0 {
			w.b = append(w.b, ',')
		}
		w.b = append(w.b, whole[i])
	}
	w.b = append(w.b, '.', byte('0'+u%100/10), byte('0'+u%10))
	return true
}
