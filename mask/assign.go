package mask

import (
	"bytes"
	"math"
)

// assignments finds what is given to a name that speaks of secrets, in SQL,
// JSON, YAML, shell, connection strings and command lines.
func assignments(c *charsets) []keyword {
	var list []keyword
	for _, word := range []string{"password", "passwd", "passphrase", "pwd"} {
		list = append(list, keyword{word, c.password})
	}
	for _, word := range []string{
		"secret", "token", "apikey", "api_key", "api-key", "accesskey", "access_key", "access-key",
		"privatekey", "private_key", "private-key", "credential", "auth_key", "encryption_key", "signing_key",
	} {
		list = append(list, keyword{word, c.secret})
	}
	return append(list, keyword{"bearer ", c.bearer})
}

// name skips the rest of a name that a keyword began, the quote that closes
// it, and what assigns to it, with white space and, in SQL, comments between. assigned
// tells whether something does.
func (c *charsets) name(b []byte, i int, comments bool) (value int, assigned bool) {
	i = c.ident.run(b, i, 24)
	for n := 0; n < 3 && i < len(b) && (isQuote(b[i]) || b[i] == '\\' || b[i] == ']'); n++ {
		i++
	}
	skip := func(i int) int {
		if comments {
			return c.skipBlank(b, i)
		}
		return c.blank.run(b, i, 256)
	}
	i = skip(i)
	for n := 0; n < 3 && i < len(b) && (b[i] == '=' || b[i] == ':' || b[i] == '>'); n++ {
		assigned = true
		i++
	}
	return skip(i), assigned
}

// skipBlank skips white space and comments as in SQL, but no more than people write.
func (c *charsets) skipBlank(b []byte, i int) int {
	for end := min(len(b), i+256); i < end; {
		switch rest := b[i:end]; {
		case c.blank[b[i]]:
			i++
		case bytes.HasPrefix(rest, []byte("/*")) && bytes.Contains(rest[2:], []byte("*/")):
			i += 4 + bytes.Index(rest[2:], []byte("*/"))
		case bytes.HasPrefix(rest, []byte("--")) && bytes.IndexByte(rest, '\n') >= 0:
			i += bytes.IndexByte(rest, '\n')
		default:
			return i
		}
	}
	return i
}

// password finds whatever is assigned, and the literal of SQL's PASSWORD '…'.
func (c *charsets) password(b []byte, lo, hi int, loose bool) (span, bool) {
	i, assigned := c.name(b, hi, true)
	option := lo >= 2 && b[lo-1] == '-' && b[lo-2] == '-' && i > hi // --password word
	literal := i < len(b) && startsLiteral(b, i)
	if loose || !assigned && !option && !literal {
		return span{}, assigned || option || literal
	}
	return c.value(b, i)
}

// leastRandom is how long a value of a secret, token or key must be, and
// mostRandom how much of it is looked at to see whether it is random.
const leastRandom, mostRandom = 16, 128

// secret finds what is assigned if it looks random.
func (c *charsets) secret(b []byte, _, hi int, loose bool) (span, bool) {
	i, assigned := c.name(b, hi, false)
	if !assigned {
		return span{}, false
	}
	for n := 0; n < 2 && i < len(b) && (isQuote(b[i]) || b[i] == '\\'); n++ {
		i++
	}
	return c.random(b, i, loose)
}

// random finds a run of token characters from b[i] on that looks random.
func (c *charsets) random(b []byte, i int, loose bool) (span, bool) {
	in := func(at int) bool { return at < len(b) && (c.ident[b[at]] || c.base64[b[at]] || b[at] == '~') }
	end := i
	for in(end) && end-i < leastRandom {
		end++
	}
	if loose || end-i < leastRandom {
		return span{}, end-i == leastRandom
	}
	for in(end) && end-i < mostRandom {
		end++
	}
	// Judged before the rest is read, which may be long and full of names.
	if !looksRandom(b[i:end]) {
		return span{}, false
	}
	for in(end) {
		end++
	}
	return span{i, end}, true
}

// looksRandom tells tokens from words: letters and digits mixed, at more than
// three bits a byte.
func looksRandom(v []byte) bool {
	var count [256]uint8
	letters, digits := false, false
	for _, c := range v {
		count[c]++
		digits = digits || '0' <= c && c <= '9'
		letters = letters || 'a' <= lower(c) && lower(c) <= 'z'
	}
	if !letters || !digits {
		return false
	}
	bits := 0.0
	for _, n := range count {
		if n > 0 {
			p := float64(n) / float64(len(v))
			bits -= p * math.Log2(p)
		}
	}
	return bits > 3
}

// bearer finds the token of an Authorization header wherever it stands.
func (c *charsets) bearer(b []byte, _, hi int, loose bool) (span, bool) {
	return c.random(b, hi, loose)
}

// authorization finds the credentials of an Authorization header.
func (c *charsets) authorization(b []byte, _, hi int, loose bool) (span, bool) {
	const least = 8
	i, assigned := c.name(b, hi, false)
	if !assigned {
		return span{}, false
	}
	if i < len(b) && isQuote(b[i]) {
		i++
	}
	token := func(i int) int {
		end := i
		for end < len(b) && (c.ident[b[end]] || c.base64[b[end]] || b[end] == '~') && (!loose || end-i < least) {
			end++
		}
		return end
	}
	if loose && token(i)-i >= least {
		return span{}, true
	}
	if scheme := c.letter.run(b, i, 16); scheme > i && scheme < len(b) && b[scheme] == ' ' {
		i = scheme + 1
	}
	end := token(i)
	return span{i, end}, end-i >= least
}

// urlPassword finds the password in scheme://user:password@host.
func (c *charsets) urlPassword(b []byte, _, hi int, _ bool) (span, bool) {
	colon, at := -1, -1
	for i := hi; i < min(len(b), hi+512); i++ {
		switch b[i] {
		case ':':
			if colon < 0 {
				colon = i
			}
			continue
		case '@':
			if colon >= 0 {
				at = i
			}
			continue
		}
		if b[i] <= ' ' || b[i] == 0x7f || bytes.IndexByte([]byte("/?#\"'`<>\\"), b[i]) >= 0 {
			break
		}
	}
	if at <= colon+1 {
		return span{}, false
	}
	return shown(b, colon+1, at)
}

// identifiedBy finds the literal of MySQL's IDENTIFIED [WITH plugin] BY '…'.
func (c *charsets) identifiedBy(b []byte, _, hi int, loose bool) (span, bool) {
	i := c.skipBlank(b, hi)
	word := func() string {
		end := c.letter.run(b, i, 8)
		w := string(bytes.ToLower(b[i:end]))
		i = c.skipBlank(b, end)
		return w
	}
	w := word()
	if loose {
		return span{}, w == "by" || w == "with"
	}
	if w == "with" {
		for i < len(b) && (isQuote(b[i]) || c.ident[b[i]]) {
			i++
		}
		i = c.skipBlank(b, i)
		w = word()
	}
	if w != "by" && w != "as" || i == len(b) || !isQuote(b[i]) && !startsLiteral(b, i) {
		return span{}, false
	}
	return c.value(b, i)
}
