package mask

import "bytes"

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
