package replay

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/ansi/parser"
)

// screen makes lines of what is written to a terminal. It keeps the line that
// the cursor is in and no other. The work for a byte is bounded by the length
// of a line.
type screen struct {
	p      *ansi.Parser
	rune   [utf8.UTFMax]byte // the beginning of a character
	runes  int
	print  func(line string)
	notice func(words string)

	line   []rune
	at     int // the cursor
	most   int
	lost   int // characters beyond most
	before rune
	now    time.Duration

	full      bool // a program has the alternate screen
	fullSince time.Duration
	wandered  bool // the cursor has left the line since the last whole line
	text      int  // length of a control string so far
}

func newScreen(most int, print, notice func(string)) *screen {
	s := &screen{p: ansi.NewParser(), most: most, print: print, notice: notice}
	s.p.SetDataSize(64) // what control strings say does not matter
	s.p.SetHandler(ansi.Handler{Print: s.put, Execute: s.control, HandleCsi: s.csi, HandleEsc: s.esc})
	return s
}

// write takes what is written at a time.
func (s *screen) write(b []byte, now time.Duration) {
	s.now = now
	for _, c := range b {
		s.byte(c)
	}
}

// byte takes a byte. The parser gets only ASCII outside of control strings:
// 8-bit controls are none in UTF-8, and it does not look whether the bytes of
// a character are one.
func (s *screen) byte(c byte) {
	state := s.p.State()
	if state == parser.Utf8State {
		s.p.Reset()
	}
	if inString(state) {
		s.text++
		s.p.Advance(c)
		if !inString(s.p.State()) {
			s.stringEnds()
		}
		return
	}
	if s.runes > 0 {
		if utf8.RuneStart(c) {
			s.bad()
		} else {
			s.rune[s.runes] = c
			s.runes++
			s.whole()
			return
		}
	}
	if c < utf8.RuneSelf {
		s.p.Advance(c)
		return
	}
	if state != parser.GroundState {
		s.p.Reset()
	}
	s.rune[0], s.runes = c, 1
	s.whole()
}

// whole prints a character if it is whole.
func (s *screen) whole() {
	b := s.rune[:s.runes]
	if !utf8.FullRune(b) {
		return
	}
	r, n := utf8.DecodeRune(b)
	if n < len(b) || r == utf8.RuneError && n == 1 {
		s.bad()
		return
	}
	s.runes = 0
	s.put(r)
}

func (s *screen) bad() {
	for range s.runes {
		s.put(utf8.RuneError)
	}
	s.runes = 0
}

func inString(state parser.State) bool {
	switch state {
	case parser.OscStringState, parser.DcsStringState, parser.SosStringState, parser.PmStringState, parser.ApcStringState:
		return true
	}
	return false
}

// stringEnds tells of a control string that is so long that text may have been
// put into it.
func (s *screen) stringEnds() {
	const long = 1024
	if s.text > long {
		s.flush()
		s.notice(fmt.Sprintf("a control string of %d bytes", s.text))
	}
	s.text = 0
}

// put prints a character.
func (s *screen) put(r rune) {
	s.before = r
	if s.full {
		return
	}
	if s.at >= s.most {
		s.lost++
		return
	}
	s.pad(s.at)
	if s.at == len(s.line) {
		s.line = append(s.line, r)
	} else {
		s.line[s.at] = r
	}
	s.at++
}

// pad makes the line n long with spaces.
func (s *screen) pad(n int) {
	for len(s.line) < n {
		s.line = append(s.line, ' ')
	}
}

// to moves the cursor in the line.
func (s *screen) to(at int) { s.at = max(0, min(at, s.most)) }

func (s *screen) control(c byte) {
	if s.full {
		return
	}
	switch c {
	case '\n', '\v', '\f':
		s.end()
		s.wandered = false
	case '\r':
		s.to(0)
	case '\b':
		s.to(s.at - 1)
	case '\t':
		s.to(s.at/8*8 + 8)
	}
}

// end ends the line.
func (s *screen) end() {
	line := s.line
	for len(line) > 0 && line[len(line)-1] == ' ' {
		line = line[:len(line)-1]
	}
	text := string(line)
	if s.lost > 0 {
		text += fmt.Sprintf("… and %d characters more", s.lost)
	}
	s.line, s.at, s.lost = s.line[:0], 0, 0
	s.print(text)
}

// flush ends the line if there is anything in it.
func (s *screen) flush() {
	if len(s.line) > 0 || s.lost > 0 {
		s.end()
	}
	s.at = 0
}

// close writes what is not finished.
func (s *screen) close(now time.Duration) {
	s.now = now
	s.bad()
	if inString(s.p.State()) {
		s.stringEnds()
	}
	s.leave()
	s.flush()
	s.p.Reset()
}

// leave ends a program's time on the alternate screen.
func (s *screen) leave() {
	if s.full {
		s.full = false
		s.notice("full-screen program, " + lasted(s.now-s.fullSince))
	}
}

// wander tells that the cursor leaves the line.
func (s *screen) wander() {
	if s.full {
		return
	}
	at := s.at
	s.flush()
	if !s.wandered {
		s.wandered = true
		s.notice("the cursor moves over the screen; what it writes there follows")
	}
	s.at = at
}

func (s *screen) esc(cmd ansi.Cmd) {
	switch cmd.Final() {
	case 'M', '8': // reverse index, restore cursor
		if cmd.Intermediate() == 0 {
			s.wander()
		}
	case 'D', 'E':
		s.control('\n')
	case 'c': // reset
		s.leave()
		s.wander()
		s.at = 0
	}
}

func (s *screen) csi(cmd ansi.Cmd, params ansi.Params) {
	// A number as the sequence has it, 1 where it has none, and never more
	// than a line is long.
	number := func(i int) int {
		n, _, ok := params.Param(i, 1)
		if !ok || n < 1 {
			n = 1
		}
		return min(n, s.most)
	}
	if cmd.Prefix() == '?' {
		if final := cmd.Final(); final == 'h' || final == 'l' {
			s.modes(params, final == 'h')
		}
		return
	}
	if s.full || cmd.Prefix() != 0 || cmd.Intermediate() != 0 {
		return
	}
	n := number(0)
	switch cmd.Final() {
	case 'C', 'a':
		s.to(s.at + n)
	case 'D':
		s.to(s.at - n)
	case 'G', '`':
		s.to(n - 1)
	case 'K':
		s.erase(params)
	case 'P':
		if s.at < len(s.line) {
			s.line = append(s.line[:s.at], s.line[min(len(s.line), s.at+n):]...)
		}
	case 'X':
		for i := s.at; i < min(len(s.line), s.at+n); i++ {
			s.line[i] = ' '
		}
	case '@':
		s.insert(n)
	case 'b':
		for range min(n, 256) {
			s.put(s.before)
		}
	case 'A', 'B', 'F', 'E', 'd', 'e', 'u', 'L', 'M', 'S', 'T':
		s.wander()
	case 'H', 'f':
		s.wander()
		s.to(number(1) - 1)
	case 'J':
		if m, _, ok := params.Param(0, 0); ok && m > 0 {
			s.wander()
		} else {
			s.line = s.line[:min(s.at, len(s.line))]
		}
	}
}

// erase erases in the line.
func (s *screen) erase(params ansi.Params) {
	switch m, _, _ := params.Param(0, 0); m {
	case 0:
		s.line = s.line[:min(s.at, len(s.line))]
	case 1:
		for i := range min(s.at+1, len(s.line)) {
			s.line[i] = ' '
		}
	case 2:
		s.line = s.line[:0]
	}
}

// insert makes room for n characters.
func (s *screen) insert(n int) {
	if s.at >= len(s.line) {
		return
	}
	old := len(s.line)
	n = min(n, s.most-s.at)
	s.pad(min(s.most, old+n))
	s.lost += old + n - len(s.line)
	copy(s.line[s.at+n:], s.line[s.at:old])
	for i := s.at; i < s.at+n; i++ {
		s.line[i] = ' '
	}
}

// modes looks for the alternate screen.
func (s *screen) modes(params ansi.Params, set bool) {
	for i := range params {
		if m, _, _ := params.Param(i, 0); m != 47 && m != 1047 && m != 1049 {
			continue
		}
		if !set {
			s.leave()
		} else if !s.full {
			s.flush()
			s.full, s.fullSince = true, s.now
		}
	}
}
