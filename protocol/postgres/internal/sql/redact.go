package sql

import "strings"

// Redact returns the text with all strings in it replaced by '***', for the
// record of statements that hold credentials (ALTER ROLE … PASSWORD) or that do
// not parse. Numbers, names and comments stay. A string that does not end
// takes the rest of the text with it.
func Redact(text string) string {
	l := lexer{s: text}
	var b strings.Builder
	done := 0
	for {
		t := l.next()
		switch t.kind {
		case tokEnd:
			if done == 0 {
				return text
			}
			b.WriteString(text[done:])
			return b.String()
		case tokString, tokCoded:
			b.WriteString(text[done:t.start])
			b.WriteString("'***'")
			done = t.end
		}
	}
}
