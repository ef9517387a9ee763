package mask

import (
	"io"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode/utf8"
)

// streamPattern is a pattern for text that comes in pieces.
type streamPattern struct {
	*pattern
	// after finds the expression behind one character of context, so that
	// word boundaries are seen.
	after *regexp.Regexp
	// tail matches, in text read backwards from its end, what may be the
	// beginning of a match; nil where that would be too large.
	tail *regexp.Regexp
}

func newStreamPattern(p *pattern) streamPattern {
	s := streamPattern{pattern: p, after: regexp.MustCompile(`(?s:.)(?:` + p.expr.String() + `)`)}
	tree, err := syntax.Parse(p.expr.String(), syntax.Perl)
	if err != nil {
		return s // cannot be: it has been parsed before
	}
	begin := &syntax.Regexp{Op: syntax.OpBeginText}
	back := &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{begin, beginnings(withoutBoundaries(tree).Simplify())}}
	if s.tail, err = regexp.Compile(back.String()); err != nil {
		return s
	}
	s.tail.Longest()
	return s
}

// backwards returns the expression for what re matches, read backwards.
func backwards(re *syntax.Regexp) *syntax.Regexp {
	switch re.Op {
	case syntax.OpLiteral:
		runes := slices.Clone(re.Rune)
		slices.Reverse(runes)
		return &syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: runes}
	case syntax.OpCapture:
		return backwards(re.Sub[0])
	}
	if len(re.Sub) == 0 {
		return re
	}
	back := *re
	back.Sub = nil
	for _, sub := range re.Sub {
		back.Sub = append(back.Sub, backwards(sub))
	}
	if re.Op == syntax.OpConcat {
		slices.Reverse(back.Sub)
	}
	return &back
}

// beginnings returns the expression for the beginnings of what re matches, the
// empty and the whole one among them, read backwards.
func beginnings(re *syntax.Regexp) *syntax.Regexp {
	op := func(op syntax.Op, sub ...*syntax.Regexp) *syntax.Regexp {
		return &syntax.Regexp{Op: op, Flags: re.Flags, Sub: sub}
	}
	switch re.Op {
	case syntax.OpLiteral:
		var all *syntax.Regexp
		for _, r := range slices.Backward(re.Rune) {
			one := &syntax.Regexp{Op: syntax.OpLiteral, Flags: re.Flags, Rune: []rune{r}}
			if all != nil {
				one = op(syntax.OpConcat, all, one)
			}
			all = op(syntax.OpQuest, one)
		}
		return all
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return op(syntax.OpQuest, re)
	case syntax.OpCapture, syntax.OpQuest:
		return beginnings(re.Sub[0])
	case syntax.OpStar, syntax.OpPlus:
		return op(syntax.OpConcat, beginnings(re.Sub[0]), op(syntax.OpStar, backwards(re.Sub[0])))
	case syntax.OpAlternate:
		var subs []*syntax.Regexp
		for _, sub := range re.Sub {
			subs = append(subs, beginnings(sub))
		}
		return op(syntax.OpAlternate, subs...)
	case syntax.OpConcat:
		var all *syntax.Regexp
		for _, sub := range slices.Backward(re.Sub) {
			if all == nil {
				all = beginnings(sub)
				continue
			}
			all = op(syntax.OpAlternate, beginnings(sub), op(syntax.OpConcat, all, backwards(sub)))
		}
		return all
	}
	return &syntax.Regexp{Op: syntax.OpEmptyMatch}
}

// begins returns where the longest beginning of a match is that b ends with,
// no earlier than from; len(b) for none.
func (p *streamPattern) begins(b []byte, from int) int {
	if p.tail == nil {
		return from
	}
	at := p.tail.FindReaderIndex(&backReader{b[from:]})
	if at == nil {
		return len(b)
	}
	return len(b) - at[1]
}

// backReader reads characters from the end.
type backReader struct{ b []byte }

// ReadRune implements io.RuneReader.
func (r *backReader) ReadRune() (c rune, n int, err error) {
	if len(r.b) == 0 {
		return 0, 0, io.EOF
	}
	c, n = utf8.DecodeLastRune(r.b)
	r.b = r.b[:len(r.b)-n]
	return c, n, nil
}

// match returns the first match in b from at on, and what of it is hidden.
func (p *streamPattern) match(b []byte, at int) (whole, hide span, ok bool) {
	from, expr := at, p.expr
	if at > 0 {
		_, n := utf8.DecodeLastRune(b[:at])
		from, expr = at-n, p.after
	}
	m := expr.FindSubmatchIndex(b[from:])
	if m == nil {
		return span{}, span{}, false
	}
	whole = span{max(at, from+m[0]), from + m[1]}
	if at > 0 { // the character before is no part of it
		_, n := utf8.DecodeRune(b[from+m[0]:])
		whole.lo = from + m[0] + n
	}
	hide = whole
	if len(m) > 2 {
		hide = span{from + m[2], from + m[3]}
		if m[2] < 0 {
			hide = span{}
		}
	}
	return whole, hide, true
}

// findPattern looks for a pattern from where its search goes on.
func (l *lane) findPattern(i int, final bool) {
	// A beginning that stays one for longer than Window is given up, with
	// this much, so that a text of beginnings is not read over and over.
	const giveUp = Window / 8
	p, b, at := &l.rules.patterns[i], l.buf, &l.pattern[i]
	for {
		hold := len(b)
		if !final || len(b)-*at > Window {
			hold = p.begins(b, *at)
		}
		if p.literal == nil || p.holdsLiteral(b[*at:]) {
			whole, hide, ok := p.match(b, *at)
			if ok && whole.hi > whole.lo+Window {
				hold, ok = whole.lo, false
			}
			if ok && (whole.lo < hold || final && len(b)-hold < Window) {
				if hide.lo < hide.hi {
					l.spans = append(l.spans, hide)
				}
				*at = whole.hi
				continue
			}
		}
		if len(b)-hold < Window {
			if final {
				hold = len(b)
			}
			*at = hold
			if hold < len(b) {
				l.holdFrom(hold)
			}
			return
		}
		// From hold on a match may be longer than Window.
		*at = hold + giveUp
		if whole, hide, ok := p.match(b[:hold+Window], hold); ok && whole.lo == hold {
			if hide.lo < hide.hi {
				l.spans = append(l.spans, hide)
			}
			*at = whole.hi
		}
		*at = runeStart(b, *at)
	}
}
