package wire

import (
	"unicode/utf16"
	"unicode/utf8"
)

// ordinary are the bytes that stand for themselves in a JSON string. Those of
// other characters than ASCII's are looked at afterwards.
var ordinary = func() (t [256]bool) {
	for c := 0x20; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// quoted reads a string and returns its text, which is valid until the next call.
func (j *jsonScan) quoted() ([]byte, error) {
	j.i++
	start := j.i
	escaped := false
	var high byte
	for j.i < len(j.b) {
		c := j.b[j.i]
		if ordinary[c] {
			high |= c
			j.i++
			continue
		}
		switch {
		case c == '"':
			raw := j.b[start:j.i]
			if high >= utf8.RuneSelf && !utf8.Valid(raw) {
				return nil, j.bad("a string is not UTF-8")
			}
			j.i++
			if !escaped {
				return raw, nil
			}
			text, ok := unescapeJSON(j.scratch[:0], raw)
			if !ok {
				return nil, j.bad("a string has an unknown escape")
			}
			j.scratch = text
			return text, nil
		case c == '\\' && j.i+1 < len(j.b):
			escaped = true
			j.i += 2
		case c < 0x20:
			return nil, j.bad("a string has a control character")
		default:
			j.i++
		}
	}
	return nil, j.bad("a string has no end")
}

// unescapeJSON appends the text of a string's inside. Half a surrogate pair is
// U+FFFD, as most parsers have it.
func unescapeJSON(dst, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			dst = append(dst, raw[i])
			continue
		}
		i++
		if i == len(raw) {
			return dst, false
		}
		switch c := raw[i]; c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(raw[i+1:])
			if !ok {
				return dst, false
			}
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+2 < len(raw) && raw[i+1] == '\\' && raw[i+2] == 'u' {
					if low, ok = hex4(raw[i+3:]); !ok {
						return dst, false
					}
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, false
		}
	}
	return dst, true
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// appendJSON appends text as a string with its quotes.
func appendJSON(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20 || r == 0x7f || r == 0x2028 || r == 0x2029:
			dst = append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
