package approve

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// glob is a compiled pattern. Most patterns hold no wildcard; they compare as
// strings.
type glob struct {
	runes   []rune // anyText and anyRune are wildcards
	literal string // the whole pattern, where it has no wildcard
	wild    bool
	all     bool // "*"
	fold    bool // case does not count; runes are folded
}

const (
	anyText rune = -1 - iota // "*"
	anyRune                  // "?"
)

func newGlob(pattern string, fold bool) glob {
	runes := make([]rune, 0, len(pattern))
	for _, r := range pattern {
		runes = appendGlob(runes, r)
	}
	return globOf(runes, fold)
}

// appendGlob adds one character of a pattern to runes.
func appendGlob(runes []rune, r rune) []rune {
	switch r {
	case '*':
		if n := len(runes); n > 0 && runes[n-1] == anyText {
			return runes
		}
		return append(runes, anyText)
	case '?':
		return append(runes, anyRune)
	}
	return append(runes, r)
}

func globOf(runes []rune, fold bool) glob {
	g := glob{fold: fold, runes: make([]rune, len(runes))}
	var b strings.Builder
	for i, r := range runes {
		if fold {
			r = foldRune(r)
		}
		g.runes[i] = r
		if r < 0 {
			g.wild = true
		} else {
			b.WriteRune(r)
		}
	}
	if !g.wild {
		g.literal = b.String()
	}
	g.all = len(runes) == 1 && runes[0] == anyText
	return g
}

// match reports whether the pattern stands for the whole of s. It takes time
// in proportion to len(s) times the length of the pattern, at most.
func (g *glob) match(s string) bool {
	if g.all {
		return true
	}
	if !g.wild && !g.fold {
		return s == g.literal
	}
	p, i := 0, 0
	star, mark := -1, 0 // the last "*", and where in s what follows it is tried
	for i < len(s) {
		r, n := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			if r, n = utf8.DecodeRuneInString(s[i:]); r == utf8.RuneError && n == 1 {
				r = utf8.MaxRune + 1 // no character of a pattern
			}
		}
		if g.fold {
			r = foldRune(r)
		}
		switch {
		case p < len(g.runes) && g.runes[p] == anyText:
			star, mark = p, i
			p++
		case p < len(g.runes) && (g.runes[p] == r || g.runes[p] == anyRune):
			p++
			i += n
		case star >= 0:
			_, n := utf8.DecodeRuneInString(s[mark:])
			mark += n
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(g.runes) && g.runes[p] == anyText {
		p++
	}
	return p == len(g.runes)
}

// foldRune maps letters that differ only in case to one. Wildcards stay.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	return unicode.ToLower(unicode.ToUpper(r))
}

// matchAny reports whether one of list matches s; an empty list matches.
func matchAny(list []glob, s string) bool {
	if len(list) == 0 {
		return true
	}
	for i := range list {
		if list[i].match(s) {
			return true
		}
	}
	return false
}

// matchID matches issuer + "|" + subject without building it.
func (g *glob) matchID(issuer, subject string) bool {
	if !g.wild && !g.fold {
		n := len(issuer)
		return len(g.literal) == n+1+len(subject) && g.literal[:n] == issuer && g.literal[n] == '|' && g.literal[n+1:] == subject
	}
	return g.match(issuer + "|" + subject)
}
