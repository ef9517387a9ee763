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

func isQuote(c byte) bool { return c == '\'' || c == '"' || c == '`' }

// startsLiteral reports whether a literal of SQL, or a call, begins at b[i].
func startsLiteral(b []byte, i int) bool {
	switch b[i] {
	case '\'', '(', '$':
		return true
	case 'e', 'E', 'n', 'N':
		return i+1 < len(b) && b[i+1] == '\''
	case 'u', 'U':
		return i+2 < len(b) && b[i+1] == '&' && b[i+2] == '\''
	}
	return false
}

// value finds the value that begins at b[i], without its quotes. A placeholder
// is none.
func (c *charsets) value(b []byte, i int) (span, bool) {
	if call := c.ident.run(b, i, 32); call < len(b) && b[call] == '(' {
		i = c.skipBlank(b, call+1)
		if i == len(b) || !startsLiteral(b, i) {
			return span{}, false
		}
	}
	escapes := false // a backslash takes the quote after it along
	if i+1 < len(b) && c.letter[b[i]] && isQuote(b[i+1]) {
		escapes = lower(b[i]) == 'e'
		i++
	} else if i+2 < len(b) && lower(b[i]) == 'u' && b[i+1] == '&' && b[i+2] == '\'' {
		i += 2
	}
	switch {
	case i == len(b):
		return span{}, false
	case b[i] == '\\' && i+1 < len(b) && isQuote(b[i+1]):
		// A string in a string, as JSON in JSON.
		end := bytes.IndexByte(b[i+2:], b[i+1])
		if end < 0 {
			return unclosed(b, i+2)
		}
		end += i + 2
		if b[end-1] == '\\' {
			end--
		}
		return shown(b, i+2, end)
	case isQuote(b[i]):
		return quoted(b, i, escapes || b[i] == '"')
	case b[i] == '$':
		tag := c.word.run(b, i+1, 64)
		if tag == len(b) || b[tag] != '$' {
			return span{}, false // $1 or $VARIABLE
		}
		end := bytes.Index(b[tag+1:], b[i:tag+1])
		if end < 0 {
			return unclosed(b, tag+1)
		}
		return shown(b, tag+1, tag+1+end)
	}
	end := i
	for end < len(b) && b[end] > ' ' && b[end] != 0x7f && bytes.IndexByte([]byte("'\"`,;&|<>(){}[]"), b[end]) < 0 {
		end++
	}
	if isPlaceholder(b[i:end]) {
		return span{}, false
	}
	return shown(b, i, end)
}

// quoted finds what is between the quote at b[i] and the one that closes it.
func quoted(b []byte, i int, escapes bool) (span, bool) {
	for end := i + 1; end < len(b); end++ {
		switch {
		case escapes && b[end] == '\\':
			end++
		case b[end] != b[i]:
		case end+1 < len(b) && b[end+1] == b[i]:
			end++
		default:
			return shown(b, i+1, end)
		}
	}
	return unclosed(b, i+1)
}

// unclosed hides a value whose end is missing, but not all that may follow.
func unclosed(b []byte, lo int) (span, bool) { return shown(b, lo, min(len(b), lo+1024)) }

// shown is the span from lo to hi, if there is anything in it to hide.
func shown(b []byte, lo, hi int) (span, bool) {
	for _, c := range b[lo:hi] {
		if c != '*' {
			return span{lo, hi}, true
		}
	}
	return span{}, false
}

func isPlaceholder(v []byte) bool {
	switch {
	case len(v) == 0:
		return true
	case v[0] == '$', v[0] == '%':
		return true
	case v[0] == '?', v[0] == ':' && len(v) > 1:
		return len(v) == 1 || v[0] == ':'
	}
	for _, word := range [...]string{"null", "true", "false", "none", "nil", "undefined", "default"} {
		if bytes.EqualFold(v, []byte(word)) {
			return true
		}
	}
	return false
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
