package mask

// charset is a set of bytes.
type charset [256]bool

func chars(list string, more ...*charset) *charset {
	s := new(charset)
	for i := range len(list) {
		s[list[i]] = true
	}
	for _, m := range more {
		for c, in := range m {
			s[c] = s[c] || in
		}
	}
	return s
}

// run returns the end of the bytes of the set that start at b[i], and looks at
// no more than most bytes.
func (s *charset) run(b []byte, i, most int) int {
	end := min(len(b), i+most)
	for i < end && s[b[i]] {
		i++
	}
	return i
}

const anyLength = 1 << 40

// charsets are the sets that detectors use.
type charsets struct {
	upper, lower, digit, letter, alnum, word, hex, base32, base64, base64url, ident, blank *charset
}

func newCharsets() *charsets {
	c := &charsets{
		upper: chars("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), lower: chars("abcdefghijklmnopqrstuvwxyz"), digit: chars("0123456789"),
		blank: chars(" \t\r\n"),
	}
	c.letter = chars("", c.upper, c.lower)
	c.alnum = chars("", c.letter, c.digit)
	c.word = chars("_", c.alnum)
	c.hex = chars("abcdefABCDEF", c.digit)
	c.base32 = chars("", c.upper, c.digit)
	c.base64 = chars("+/=", c.alnum)
	c.base64url = chars("_-", c.alnum)
	c.ident = chars("_-.", c.alnum)
	return c
}

// startsWord reports whether a word may begin at b[i]: nothing is glued to it
// from before. What precedes it may be the last byte of a length, as in the
// elements of a binary array; such a length has a zero byte.
func startsWord(b []byte, i int, glue *charset) bool {
	return i == 0 || !glue[b[i-1]] || i >= 4 && b[i-4] == 0
}
