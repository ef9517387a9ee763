package sql

import (
	"strings"
	"unicode/utf8"
)

// Statements that differ only in literals mean the same, so their judgement is
// shared under a form in which each literal is a mark. Only plain strings and
// plain numbers go, only in a single SELECT, INSERT, UPDATE, DELETE or MERGE,
// and not where they might matter: in the parentheses of anything that looks
// like a function, behind LIMIT, OFFSET and FETCH, in type modifiers. In doubt
// a literal stays.

const (
	markString  = 0x01
	markInteger = 0x02
	markDecimal = 0x03
	markComment = 0x04
)

// strip appends the form of s without literals and comments to dst. ok is
// false where s is not of a kind that may be shared.
func strip(dst []byte, s string) (form []byte, ok bool) {
	if !utf8.ValidString(s) || strings.IndexByte(s, 0) >= 0 {
		return nil, false // not even in a comment, which the form leaves out
	}
	l := lexer{s: s}
	// open holds, for each parenthesis, whether literals in it go.
	var open [48]bool
	depth := 0
	open[0] = true
	first, kept, done := true, false, false
	opens := true // what came before lets a parenthesis be one of an expression
	dot := false
	var buf [16]byte
	for {
		t := l.next()
		if done && t.kind != tokEnd {
			return nil, false
		}
		if t.comment {
			dst = append(dst, markComment)
		}
		if t.newline {
			dst = append(dst, '\n')
		} else if t.start > 0 && (t.comment || isSpace(s[t.start-1])) {
			dst = append(dst, ' ')
		}
		if first && t.kind != tokWord {
			return nil, false
		}
		strips := open[depth] && !kept
		switch t.kind {
		case tokEnd:
			return dst, !first && depth == 0 && !l.open
		case tokOdd:
			return nil, false
		case tokWord:
			word := keyword(s[t.start:t.end], &buf)
			if first && !shareable(word) {
				return nil, false
			}
			opens = !dot && opensExpression(word)
			if !dot && (word == "limit" || word == "offset" || word == "fetch") {
				kept = true
			}
			dst = append(dst, s[t.start:t.end]...)
		case tokString:
			opens = false
			if !strips {
				dst = append(dst, s[t.start:t.end]...)
				break
			}
			dst = append(dst, markString)
		case tokNumber:
			opens = false
			if !strips {
				dst = append(dst, s[t.start:t.end]...)
				break
			}
			dst = append(dst, numberMark(s[t.start:t.end]))
		case tokName, tokCoded, tokParam:
			opens = false
			dst = append(dst, s[t.start:t.end]...)
		case tokOp:
			opens = true
			dst = append(dst, s[t.start:t.end]...)
		case tokPunct:
			c := s[t.start]
			dst = append(dst, c)
			switch c {
			case '(':
				if depth+1 >= len(open) {
					return nil, false
				}
				open[depth+1] = open[depth] && opens && !kept
				depth++
				opens = true
			case ')':
				if depth == 0 {
					return nil, false
				}
				depth--
				opens = false
			case ';':
				if depth > 0 {
					return nil, false
				}
				done = true
			default:
				opens = c == ',' || c == '['
			}
		}
		dot = t.kind == tokPunct && s[t.start] == '.'
		first = false
	}
}

// numberMark keeps apart what the grammar keeps apart: integers of 32 bits and
// all other numbers.
func numberMark(s string) byte {
	if len(s) > 9 {
		return markDecimal
	}
	for i := range len(s) {
		if s[i] == '.' {
			return markDecimal
		}
	}
	return markInteger
}

func shareable(word string) bool {
	switch word {
	case "select", "insert", "update", "delete", "merge", "with", "values":
		return true
	}
	return false
}

// opensExpression reports whether a parenthesis behind the word is none of a
// function or type. All these words are reserved or cannot name a function.
func opensExpression(word string) bool {
	switch word {
	case "in", "values", "and", "or", "not", "where", "select", "on", "having", "when", "then", "else", "returning",
		"from", "as", "union", "except", "intersect", "all", "any", "some", "lateral", "exists", "distinct", "row", "case":
		return true
	}
	return false
}
