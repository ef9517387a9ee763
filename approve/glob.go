package approve

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// glob is a compiled pattern. Most hold no wildcard, or one at the end.
type glob struct {
	head string // what comes before the first wildcard
	tail []rune // the rest; anyText and anyRune are wildcards
	fold bool   // case does not count; head and tail are folded
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
	g := glob{fold: fold}
	var head strings.Builder
	for i, r := range runes {
		if r < 0 {
			g.tail = slices.Clone(runes[i:])
			break
		}
		if fold {
			r = foldRune(r)
		}
		head.WriteRune(r)
	}
	if fold {
		for i, r := range g.tail {
			g.tail[i] = foldRune(r)
		}
	}
	g.head = head.String()
	return g
}

// wild reports whether the pattern holds a wildcard.
func (g *glob) wild() bool { return len(g.tail) > 0 }

// all reports whether the pattern is "*".
func (g *glob) all() bool { return g.head == "" && g.openEnd() }

func (g *glob) openEnd() bool { return len(g.tail) == 1 && g.tail[0] == anyText }

// match reports whether the pattern stands for the whole of s. It takes time
// in proportion to len(s) times the length of the pattern, at most.
func (g *glob) match(s string) bool {
	rest, ok := s, true
	if g.fold {
		rest, ok = cutHead(s, g.head)
	} else {
		rest, ok = strings.CutPrefix(s, g.head)
	}
	switch {
	case !ok:
		return false
	case len(g.tail) == 0:
		return rest == ""
	case g.openEnd():
		return true
	}
	return matchTail(g.tail, rest, g.fold)
}

// cutHead cuts the folded head off s.
func cutHead(s, head string) (rest string, ok bool) {
	i := 0
	for j := 0; j < len(head); {
		if i == len(s) {
			return "", false
		}
		if s[i] < utf8.RuneSelf && head[j] < utf8.RuneSelf {
			c := s[i]
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			if c != head[j] {
				return "", false
			}
			i++
			j++
			continue
		}
		r, n := nextRune(s[i:])
		h, m := utf8.DecodeRuneInString(head[j:])
		if foldRune(r) != h {
			return "", false
		}
		i += n
		j += m
	}
	return s[i:], true
}

func matchTail(tail []rune, s string, fold bool) bool {
	p, i := 0, 0
	star, mark := -1, 0 // the last "*", and where in s what follows it is tried
	for i < len(s) {
		r, n := nextRune(s[i:])
		if fold {
			r = foldRune(r)
		}
		switch {
		case p < len(tail) && tail[p] == anyText:
			star, mark = p, i
			p++
		case p < len(tail) && (tail[p] == r || tail[p] == anyRune):
			p++
			i += n
		case star >= 0:
			_, n := nextRune(s[mark:])
			mark += n
			p, i = star+1, mark
		default:
			return false
		}
	}
	for p < len(tail) && tail[p] == anyText {
		p++
	}
	return p == len(tail)
}

// nextRune is utf8.DecodeRuneInString, but a byte that is not UTF-8 is no
// character that a pattern could name.
func nextRune(s string) (rune, int) {
	if s[0] < utf8.RuneSelf {
		return rune(s[0]), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && n == 1 {
		r = utf8.MaxRune + 1
	}
	return r, n
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

// matchID matches issuer + "|" + subject, and builds it only where it has to.
func (g *glob) matchID(issuer, subject string) bool {
	if n := min(len(issuer), len(g.head)); g.head[:n] != issuer[:n] {
		return false
	}
	return g.match(issuer + "|" + subject)
}
