package mask

import (
	"bytes"
	"unicode/utf8"
)

// parser tells text from escape sequences, as the state machine of a terminal
// does, and keeps what it needs from one piece to the next. Places are in
// Stream.work.
type parser struct {
	state   parseState
	length  int     // of the sequence so far
	rune    [4]byte // the beginning of a UTF-8 character
	runes   int     // how much of it there is
	runeAt  int
	space   bool // a space is not yet part of the text: a line may wrap there
	spaceAt int
	wrap    bool // and neither is a carriage return behind it
	wrapAt  int
	back    int  // backspaces
	credit  int  // text that came since lines wrapped or were edited, see spend
	before  byte // the last byte of a string
}

type parseState uint8

const (
	inText parseState = iota
	inEscape
	inCSI
	inString
	inStringEscape
)

// maxSequence bounds sequences other than strings; what is longer is text.
const maxSequence = 64

// apartWindow is how far text behind a movement of the cursor is also looked
// at apart from what precedes it.
const apartWindow = 1 << 10

func (p *parser) shift(k int) {
	p.runeAt -= k
	p.spaceAt -= k
	p.wrapAt -= k
}

// hold returns where a character begins that is not whole, or else end.
func (p *parser) hold(end int) int {
	if p.runes > 0 {
		return p.runeAt
	}
	return end
}

// next returns where the first byte is that is not yet part of the text.
func (p *parser) next(end int) int {
	if p.space {
		return p.spaceAt
	}
	return p.hold(end)
}

// parse reads work[i:to].
func (st *Stream) parse(i, to int) {
	p := &st.parsing
	for i < to {
		switch p.state {
		case inText:
			i = st.parseText(i, to)
		case inEscape:
			i = st.parseEscape(i)
		case inCSI:
			c := st.work[i]
			switch {
			case c >= 0x40 && c <= 0x7e:
				p.state = inText
				if moves(c) {
					st.moved()
				}
				i++
			case c >= 0x20 && c < 0x40 && p.length < maxSequence:
				p.length++
				i++
			case c == 0x1b:
				i = st.escape(i)
			case c < 0x20 && c != '\n' && c != '\r' && p.length < maxSequence:
				p.length++ // terminals carry controls out inside of a sequence
				i++
			default:
				p.state = inText
			}
		case inString:
			i = st.parseString(i, to)
		case inStringEscape:
			st.endString()
			if st.work[i] == '\\' {
				p.state = inText
				i++
			} else {
				p.state, p.length = inEscape, 0
			}
		}
	}
}

// moves reports whether a CSI sequence that ends with c moves the cursor to
// other text. Erasing to the end of the line does not: grep does it inside of
// what it colours.
func moves(c byte) bool { return bytes.IndexByte([]byte("ABCDEFGHIJLMPSTXZ@`adefsu"), c) >= 0 }

// parseText reads text, up to a byte that is none.
func (st *Stream) parseText(i, to int) int {
	p, b := &st.parsing, st.work
	if p.runes > 0 {
		return st.parseRune(i)
	}
	end := i
	for end < to {
		c := b[end]
		if c >= 0x20 && c < 0x7f || c == '\n' || c == '\t' {
			end++
			continue
		}
		if c < 0x80 {
			break
		}
		r, n := utf8.DecodeRune(b[end:to])
		if n == 1 || r < 0xa0 {
			break
		}
		end += n
	}
	if end > i {
		st.put(i, b[i:end])
		return end
	}
	switch c := b[i]; {
	case c == 0x1b:
		return st.escape(i)
	case c == '\r':
		st.carriageReturn(i)
	case c == '\b':
		st.flushSpace()
		p.back = min(p.back+1, 256)
	case c >= 0x80:
		return st.parseRune(i)
	case c == '\v' || c == '\f':
		st.put(i, b[i:i+1])
	}
	return i + 1
}

// parseRune reads one byte of a character that is split, or that is none.
func (st *Stream) parseRune(i int) int {
	p := &st.parsing
	c := st.work[i]
	if p.runes == 0 {
		p.runeAt = i
	} else if utf8.RuneStart(c) {
		st.badRune()
		return i
	}
	p.rune[p.runes] = c
	p.runes++
	r := p.rune[:p.runes]
	switch v, n := utf8.DecodeRune(r); {
	case !utf8.FullRune(r):
	case n == 1:
		st.badRune()
	case v < 0xa0:
		p.runes = 0
		st.control(byte(v))
	default:
		p.runes = 0
		st.put(p.runeAt, r)
	}
	return i + 1
}

// badRune takes bytes that are no character as they are, or as C1 controls.
func (st *Stream) badRune() {
	p := &st.parsing
	bad, n := p.rune, p.runes
	p.runes = 0
	for i, c := range bad[:n] {
		if c >= 0x80 && c < 0xa0 && p.state == inText {
			st.control(c)
		} else {
			st.put(p.runeAt+i, bad[i:i+1])
		}
	}
}

// control takes a C1 control.
func (st *Stream) control(c byte) {
	p := &st.parsing
	p.length = 0
	switch c {
	case 0x9b:
		p.state = inCSI
	case 0x90, 0x98, 0x9d, 0x9e, 0x9f:
		st.beginString()
	case 0x84, 0x85, 0x8d:
		st.moved()
	}
}

// escape takes ESC.
func (st *Stream) escape(i int) int {
	st.parsing.state, st.parsing.length = inEscape, 0
	return i + 1
}

// parseEscape reads what follows ESC.
func (st *Stream) parseEscape(i int) int {
	p := &st.parsing
	switch c := st.work[i]; {
	case c == 0x1b:
		p.length = 0
	case c == '[' && p.length == 0:
		p.state = inCSI
	case (c == ']' || c == 'P' || c == 'X' || c == '^' || c == '_') && p.length == 0:
		st.beginString()
	case c >= 0x20 && c < 0x30 && p.length < maxSequence:
		p.length++
	case c >= 0x30 && c < 0x7f:
		p.state = inText
		if p.length == 0 && (c == '8' || c == 'D' || c == 'E' || c == 'M' || c == 'c') {
			st.moved()
		}
	default:
		p.state = inText
		return i // no sequence
	}
	return i + 1
}

// parseString reads the content of a string. ESC ends it, as do BEL, CAN and
// SUB, and the 8-bit string terminator where it is no part of a character.
func (st *Stream) parseString(i, to int) int {
	p, b := &st.parsing, st.work
	end := i
	for end < to {
		c := b[end]
		if c == 0x07 || c == 0x18 || c == 0x1a || c == 0x1b || c == 0x9c && p.before < 0x80 {
			break
		}
		p.before = c
		end++
	}
	if end > i {
		st.inside.put(i, b[i:end])
		return end
	}
	if b[i] == 0x1b {
		p.state = inStringEscape
		return i + 1
	}
	st.endString()
	p.state = inText
	return i + 1
}

func (st *Stream) beginString() {
	st.parsing.state, st.parsing.before = inString, 0
	if st.inside == nil {
		st.inside = newLane(st.rules)
	}
	st.inside.reset()
}

func (st *Stream) endString() { st.end(st.inside) }

// end looks at a lane for the last time.
func (st *Stream) end(l *lane) {
	l.decide(true)
	st.hide(l)
	l.reset()
	l.on = false
}

// endParse takes what was waited for into the text.
func (st *Stream) endParse() {
	if st.parsing.runes > 0 {
		st.badRune()
	}
	st.flushSpace()
}

// put adds to the text what stands at work[raw].
func (st *Stream) put(raw int, b []byte) {
	p := &st.parsing
	if p.back > 0 {
		back := p.back
		p.back = 0
		switch n := len(st.text.buf); {
		case b[0] == '\n' || n == 0:
		case back == 1 && st.text.buf[n-1] == b[0]:
			st.text.over(raw)
			if st.apart != nil && st.apart.on && len(st.apart.buf) > 0 {
				st.apart.over(raw)
			}
			raw, b = raw+1, b[1:]
		default:
			st.edit(raw, back)
		}
		if len(b) == 0 {
			return
		}
	}
	if p.wrap && b[0] != '\n' && b[0] != ' ' && st.wraps() {
		p.space, p.wrap = false, false
	}
	st.flushSpace()
	if n := len(b) - 1; b[n] == ' ' {
		p.space, p.spaceAt = true, raw+n
		b = b[:n]
	}
	st.add(raw, b)
}

// carriageReturn takes a carriage return. Behind a space it may be where a
// line editor wraps.
func (st *Stream) carriageReturn(i int) {
	p := &st.parsing
	p.back = 0
	if p.space && !p.wrap {
		p.wrap, p.wrapAt = true, i
		return
	}
	st.flushSpace()
	st.add(i, st.work[i:i+1])
}

// flushSpace makes a space that was waited with part of the text.
func (st *Stream) flushSpace() {
	p := &st.parsing
	if p.space {
		st.add(p.spaceAt, []byte{' '})
	}
	if p.wrap {
		st.add(p.wrapAt, []byte{'\r'})
	}
	p.space, p.wrap = false, false
}

func (st *Stream) add(raw int, b []byte) {
	if len(b) == 0 {
		return
	}
	st.text.put(raw, b)
	st.parsing.credit = min(st.parsing.credit+len(b), mostCredit)
	if l := st.apart; l != nil && l.on {
		n := min(len(b), apartWindow-l.fed)
		l.put(raw, b[:n])
		if l.fed += n; l.fed == apartWindow {
			st.end(l)
		}
	}
}

// What wraps and edits need to be looked at again for is bounded: text earns a
// credit for each byte, and each of them costs some.
const (
	editCost   = 16
	mostCredit = 256
	maxEdit    = 128 // held back where a text is edited
)

// spend reports whether a line may wrap or be edited. Where that is done all
// the time, as by nobody but who wants it to take long, it is passed over.
func (st *Stream) spend() bool {
	ok := st.parsing.credit >= editCost
	if ok {
		st.parsing.credit -= editCost
	}
	return ok
}

// wraps reports whether a line wraps behind the text so far. Whatever is no
// more than a word there may have gone out, and so it goes.
func (st *Stream) wraps() bool {
	if !st.spend() {
		return false
	}
	for l := range st.lanes {
		l.decide(false)
		st.hide(l)
		l.letGo(l.begun)
	}
	return true
}

// moved notes that the cursor has moved: what was before may end there, and
// what follows begin.
func (st *Stream) moved() {
	st.flushSpace()
	st.parsing.back = 0
	if st.apart == nil {
		st.apart = newLane(st.rules)
		st.apart.on = false
	}
	l := st.apart
	if l.on && len(l.buf) == 0 {
		return
	}
	if l.on {
		st.end(l)
	} else {
		st.lookBack()
	}
	l.reset()
}

// lookBack hides what would be a finding if the text ended here and began a
// little before.
func (st *Stream) lookBack() {
	t := st.text
	n := max(0, len(t.buf)-maxEdit-lookBehind)
	t.spans = st.rules.find(t.buf[n:], t.spans[:0])
	for i := range t.spans {
		t.spans[i].lo += n
		t.spans[i].hi += n
	}
	st.hide(t)
}

// edit takes the last back characters off the text, as something else is
// written over them by what stands at work[raw].
func (st *Stream) edit(raw, back int) {
	if !st.spend() {
		return
	}
	t := st.text
	t.decide(false)
	st.hide(t)
	if len(t.buf)-t.hold > maxEdit {
		return
	}
	st.lookBack()
	if st.apart != nil && st.apart.on {
		st.end(st.apart)
	}
	t.runs = t.runs[:0]
	st.from = raw
	b := t.buf
	n := len(b)
	for ; back > 0 && n > 0 && b[n-1] != '\n'; back-- {
		for n--; n > 0 && !utf8.RuneStart(b[n]); n-- {
		}
	}
	t.cut(n)
}
