package sql

import "strings"

type tokenKind uint8

const (
	tokEnd    tokenKind = iota
	tokWord             // keyword or name without quotes
	tokName             // name in double quotes
	tokString           // '…', plain: backslash is nothing special
	tokCoded            // E'…', U&'…', B'…', X'…', N'…', $$…$$
	tokNumber           // digits, or digits.digits
	tokParam            // $1
	tokOp               // a run of operator characters
	tokPunct            // one of ( ) [ ] , ; : .
	tokOdd              // anything else, and numbers of other forms
)

type token struct {
	kind       tokenKind
	start, end int
	// newline and comment tell what was skipped in front of the token: a line
	// end (also that of a -- comment), a /* */ comment.
	newline, comment bool
}

// lexer cuts a text into tokens where PostgreSQL's own scanner does, with
// standard_conforming_strings on. A fuzz test holds the two together.
type lexer struct {
	s string
	i int
	// open says that the text ended inside a comment, a string or a name.
	open bool
}

func isSpace(c byte) bool {
	return c == ' ' || c >= '\t' && c <= '\r'
}

func isWordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordPart(c byte) bool { return isWordStart(c) || isDigit(c) || c == '$' }

func isOp(c byte) bool { return strings.IndexByte("~!@#^&|`?+-*/%<>=", c) >= 0 }

// at returns the byte n places on, or 0.
func (l *lexer) at(n int) byte {
	if l.i+n < len(l.s) {
		return l.s[l.i+n]
	}
	return 0
}

// skip passes white space and comments.
func (l *lexer) skip(t *token) {
	for l.i < len(l.s) {
		c := l.s[l.i]
		switch {
		case isSpace(c):
			if c == '\n' || c == '\r' {
				t.newline = true
			}
			l.i++
		case c == '-' && l.at(1) == '-':
			l.lineComment()
		case c == '/' && l.at(1) == '*':
			t.comment = true
			l.blockComment()
		default:
			return
		}
	}
}

func (l *lexer) lineComment() {
	if n := strings.IndexAny(l.s[l.i:], "\n\r"); n >= 0 {
		l.i += n
	} else {
		l.i = len(l.s)
	}
}

// blockComment passes a comment, in which others may nest.
func (l *lexer) blockComment() {
	for depth := 0; l.i < len(l.s); {
		switch {
		case l.s[l.i] == '/' && l.at(1) == '*':
			depth++
			l.i += 2
		case l.s[l.i] == '*' && l.at(1) == '/':
			depth--
			l.i += 2
			if depth == 0 {
				return
			}
		default:
			l.i++
		}
	}
	l.open = true
}

func (l *lexer) next() token {
	var t token
	l.skip(&t)
	t.start = l.i
	t.kind = l.one()
	t.end = l.i
	return t
}

func (l *lexer) one() tokenKind {
	if l.i >= len(l.s) {
		return tokEnd
	}
	c := l.s[l.i]
	switch {
	case c == '\'':
		l.quoted(false, true)
		return tokString
	case isWordStart(c):
		return l.word(c | 0x20)
	case c == '"':
		l.name()
		return tokName
	case c == '.' && l.at(1) == '.': // a token of PL/pgSQL's, never SQL
		l.i += 2
		return tokOdd
	case isDigit(c) || c == '.' && isDigit(l.at(1)):
		return l.number()
	case c == '$':
		return l.dollar()
	case isOp(c):
		for l.i < len(l.s) && isOp(l.s[l.i]) && !l.startsComment() {
			l.i++
		}
		return tokOp
	}
	l.i++
	if strings.IndexByte("()[],;:.", c) >= 0 {
		return tokPunct
	}
	return tokOdd
}

func (l *lexer) startsComment() bool {
	return l.s[l.i] == '-' && l.at(1) == '-' || l.s[l.i] == '/' && l.at(1) == '*'
}

func (l *lexer) word(lower byte) tokenKind {
	switch {
	case l.at(1) == '\'' && (lower == 'e' || lower == 'b' || lower == 'x' || lower == 'n'):
		l.i++
		l.quoted(lower == 'e', lower == 'e' || lower == 'n')
		return tokCoded
	case lower == 'u' && l.at(1) == '&' && l.at(2) == '\'':
		l.i += 2
		l.quoted(false, true)
		return tokCoded
	case lower == 'u' && l.at(1) == '&' && l.at(2) == '"':
		l.i += 2
		l.name()
		return tokName
	}
	for l.i < len(l.s) && isWordPart(l.s[l.i]) {
		l.i++
	}
	return tokWord
}

// quoted passes a string that starts at its quote, with what continues it
// behind a line end. Two quotes in a row stand for one only where doubled says
// so: bit strings have no such thing. PostgreSQL also allows -- comments there;
// the parser that we use does not, and finds two strings in a row, which is no
// statement that it understands.
func (l *lexer) quoted(backslash, doubled bool) {
	for {
		for l.i++; l.i < len(l.s); l.i++ {
			if c := l.s[l.i]; c == '\'' {
				if !doubled || l.at(1) != '\'' {
					break
				}
				l.i++
			} else if c == '\\' && backslash {
				l.i++
			}
		}
		if l.i >= len(l.s) {
			l.i, l.open = len(l.s), true
			return
		}
		l.i++
		end := l.i
		newline := false
		for l.i < len(l.s) && isSpace(l.s[l.i]) {
			newline = newline || l.s[l.i] == '\n' || l.s[l.i] == '\r'
			l.i++
		}
		if !newline || l.at(0) != '\'' {
			l.i = end
			return
		}
	}
}

func (l *lexer) name() {
	for l.i++; l.i < len(l.s); l.i++ {
		if l.s[l.i] == '"' {
			if l.at(1) != '"' {
				l.i++
				return
			}
			l.i++
		}
	}
	l.i, l.open = len(l.s), true
}

func (l *lexer) number() tokenKind {
	for isDigit(l.at(0)) {
		l.i++
	}
	if l.at(0) == '.' && isDigit(l.at(1)) {
		for l.i++; isDigit(l.at(0)); {
			l.i++
		}
	}
	if c := l.at(0); c != '.' && !(l.i < len(l.s) && isWordPart(c)) {
		return tokNumber
	}
	for l.i < len(l.s) && (isWordPart(l.s[l.i]) || l.s[l.i] == '.') {
		l.i++
	}
	return tokOdd
}

func (l *lexer) dollar() tokenKind {
	if isDigit(l.at(1)) {
		for l.i++; isDigit(l.at(0)); {
			l.i++
		}
		return tokParam
	}
	n := 1
	if c := l.at(1); isWordStart(c) && l.i+1 < len(l.s) {
		for n = 2; l.i+n < len(l.s) && isWordPart(l.at(n)) && l.at(n) != '$'; {
			n++
		}
	}
	if l.at(n) != '$' {
		l.i++
		return tokOdd
	}
	tag := l.s[l.i : l.i+n+1]
	if end := strings.Index(l.s[l.i+n+1:], tag); end >= 0 {
		l.i += end + 2*len(tag)
	} else {
		l.i, l.open = len(l.s), true
	}
	return tokCoded
}

// keyword returns a word in lower case, for words of at most 16 bytes; only
// ASCII letters are folded, as PostgreSQL does for keywords.
func keyword(word string, buf *[16]byte) string {
	if len(word) > len(buf) {
		return ""
	}
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		buf[i] = c
	}
	return string(buf[:len(word)])
}
