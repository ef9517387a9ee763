package recorder

import (
	"time"
	"unicode/utf8"
)

// appendTime writes RFC 3339 in UTC with nanoseconds. A year that the format
// cannot hold, such as in the expiry of a hostile token, becomes the nearest
// one that it can.
func appendTime(b []byte, t time.Time) []byte {
	t = t.UTC()
	switch y := t.Year(); {
	case y < 0:
		t = time.Time{}
	case y > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	}
	b = append(b, '"')
	b = t.AppendFormat(b, time.RFC3339Nano)
	return append(b, '"')
}

// Strings may hold bytes that are not UTF-8, which JSON cannot. Such a byte
// 0xNN is written as the lone surrogate \udcNN (as Python's surrogateescape
// has it). The reader carries it through encoding/json as the private rune
// U+10FFNN; those runes themselves are written as four escaped bytes, so that
// every string comes back as it was.
const (
	carrierLow  = 0x10FF80
	carrierHigh = 0x10FFFF
)

const hexDigits = "0123456789abcdef"

// plainWord reports whether the eight bytes of s stand in JSON as they are:
// none is below a space, a quote, a backslash or above ASCII. It looks at all
// at once: a byte that is in the way leaves its high bit set after one of the
// subtractions. A borrow may set others too; then the bytes are looked at one
// by one for nothing.
func plainWord(s string) bool {
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	const ones, high = 0x0101010101010101, 0x8080808080808080
	quote, slash := x^(ones*'"'), x^(ones*'\\')
	return (x|(x-ones*' ')|(quote-ones)|(slash-ones))&high == 0
}

// appendString appends s as a JSON string.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		for i+8 <= len(s) && plainWord(s[i:i+8]) {
			i += 8
		}
		if i == len(s) {
			break
		}
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\t':
				b = append(b, '\\', 't')
			case '\r':
				b = append(b, '\\', 'r')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if (r != utf8.RuneError || n > 1) && (r < carrierLow || r > carrierHigh) {
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		for ; n > 0; n-- {
			b = append(b, '\\', 'u', 'd', 'c', hexDigits[s[i]>>4], hexDigits[s[i]&15])
			i++
		}
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}
