package mask

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Pattern finds what matches expr, in the syntax of package regexp. Where expr
// has a group, only what the first group matched is hidden. name is for the
// record; it must be unique.
//
// Patterns that hold a literal of three bytes or more cost little, as the text
// is searched for it first. Others run over everything: prefer \bEMP-\d{6}\b
// to \b[A-Z]+-\d{6}\b. A pattern that matches the empty text is an error in
// [New].
func Pattern(name, expr string) Rule {
	p, err := newPattern(expr)
	switch {
	case name == "":
		err = errors.New("it has no name")
	case name == "secrets" || name == "personal":
		err = errors.New("that name is taken")
	}
	if err != nil {
		return Rule{err: fmt.Errorf("pattern %q: %w", name, err)}
	}
	return Rule{detector: &detector{name: name, version: expr, pattern: p}}
}

type pattern struct {
	expr    *regexp.Regexp
	literal []byte         // every match holds it, if there is one
	fold    bool           // the case of literal does not count
	loose   *regexp.Regexp // expr without its boundaries
}

func newPattern(expr string) (*pattern, error) {
	compiled, err := regexp.Compile(expr)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil, err
	}
	tree = withoutBoundaries(tree)
	p := &pattern{expr: compiled}
	if p.loose, err = regexp.Compile(tree.String()); err != nil {
		return nil, err
	}
	if p.loose.MatchString("") {
		return nil, errors.New("it matches the empty text, and so everywhere")
	}
	literal, fold := longestLiteral(tree.Simplify())
	if len(literal) >= 3 {
		p.literal, p.fold = []byte(literal), fold
	}
	return p, nil
}

func (p *pattern) suspect(b []byte) bool {
	if p.literal != nil {
		return p.holdsLiteral(b)
	}
	return p.loose.Match(b)
}

func (p *pattern) find(b []byte, spans []span) []span {
	if p.literal != nil && !p.holdsLiteral(b) {
		return spans
	}
	for _, m := range p.expr.FindAllSubmatchIndex(b, -1) {
		lo, hi := m[0], m[1]
		if len(m) > 2 {
			lo, hi = m[2], m[3]
		}
		if lo >= 0 && lo < hi {
			spans = append(spans, span{lo, hi})
		}
	}
	return spans
}

func (p *pattern) holdsLiteral(b []byte) bool {
	if !p.fold {
		return bytes.Contains(b, p.literal)
	}
	first, rest := p.literal[0], p.literal[1:]
	for i := 0; i+len(rest) < len(b); i++ {
		if lower(b[i]) != first {
			continue
		}
		j := 0
		for j < len(rest) && lower(b[i+1+j]) == rest[j] {
			j++
		}
		if j == len(rest) {
			return true
		}
	}
	return false
}

// withoutBoundaries returns the expression with its anchors and word
// boundaries taken out: it matches wherever the expression could match in
// some part of a text.
func withoutBoundaries(re *syntax.Regexp) *syntax.Regexp {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return &syntax.Regexp{Op: syntax.OpEmptyMatch, Flags: re.Flags}
	}
	for i, sub := range re.Sub {
		re.Sub[i] = withoutBoundaries(sub)
	}
	return re
}

// longestLiteral returns the longest literal that every match holds, in lower
// case where case does not count.
func longestLiteral(re *syntax.Regexp) (literal string, fold bool) {
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase == 0 {
			return string(re.Rune), false
		}
		// The Kelvin sign is a k and the long s an s where case does not
		// count: such letters end a literal, as does what is not ASCII.
		for _, piece := range strings.FieldsFunc(strings.ToLower(string(re.Rune)), func(r rune) bool { return r == 'k' || r == 's' || r >= 0x80 }) {
			if len(piece) > len(literal) {
				literal = piece
			}
		}
		return literal, true
	case syntax.OpCapture, syntax.OpPlus:
		return longestLiteral(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min > 0 {
			return longestLiteral(re.Sub[0])
		}
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			if l, f := longestLiteral(sub); len(l) > len(literal) {
				literal, fold = l, f
			}
		}
	}
	return literal, fold
}
