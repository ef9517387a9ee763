package mask

import "unicode/utf8"

// lane is one text that is looked at: what is known of it, and which bytes of
// the stream it stands for. Places are in buf unless they say otherwise.
type lane struct {
	rules *streamRules
	on    bool
	buf   []byte // context, and behind it what is not decided yet
	runs  []run  // where in Stream.work those bytes of buf are that have not gone out
	fed   int    // bytes put since reset, where somebody counts

	decided int    // len(buf) at the last decide
	hold    int    // what may be hidden later begins here
	begun   int    // and here, where a space that may be a wrap follows
	open    bool   // what follows is hidden
	spans   []span // found and not hidden yet
	end     int    // of what was found so far

	words   wordState
	email   struct{ at, hidden int }
	ssn     int
	phone   int
	numbers int
	pattern []int // for each pattern, where its search goes on
}

// run says that buf[text:text+n] is work[raw:raw+n].
type run struct{ text, raw, n int }

func newLane(r *streamRules) *lane {
	l := &lane{rules: r}
	if r.set.words != nil {
		l.words.hidden = make([]int, len(r.set.words.words))
	}
	l.pattern = make([]int, len(r.patterns))
	l.reset()
	return l
}

// reset makes the lane begin a new text.
func (l *lane) reset() {
	l.on = true
	l.buf, l.runs, l.spans = l.buf[:0], l.runs[:0], l.spans[:0]
	if cap(l.buf) > 2*chunk {
		l.buf, l.runs, l.spans = nil, nil, nil
	}
	l.fed, l.decided, l.hold, l.begun, l.open, l.end = 0, 0, 0, 0, false, -1
	l.words.reset()
	l.email.at, l.email.hidden, l.ssn, l.phone, l.numbers = 0, 0, 0, 0, 0
	clear(l.pattern)
}

// put appends b, which stands at raw.
func (l *lane) put(raw int, b []byte) {
	if n := len(l.runs); n > 0 && l.runs[n-1].raw+l.runs[n-1].n == raw && l.runs[n-1].text+l.runs[n-1].n == len(l.buf) {
		l.runs[n-1].n += len(b)
	} else if len(b) > 0 {
		l.runs = append(l.runs, run{len(l.buf), raw, len(b)})
	}
	l.buf = append(l.buf, b...)
}

// over says that the byte at raw is the last one of buf once more.
func (l *lane) over(raw int) { l.runs = append(l.runs, run{len(l.buf) - 1, raw, 1}) }

// rawAt returns where the text from at on begins among what has not gone out.
func (l *lane) rawAt(at int) int {
	raw := 1 << 30
	for i := len(l.runs) - 1; i >= 0 && l.runs[i].text+l.runs[i].n > at; i-- {
		raw = l.runs[i].raw + max(0, at-l.runs[i].text)
	}
	return raw
}

// released forgets the first k bytes of work.
func (l *lane) released(k int) {
	gone := 0
	for i := range l.runs {
		r := &l.runs[i]
		r.raw -= k
		if r.raw+r.n <= 0 {
			gone = i + 1
		} else if r.raw < 0 {
			r.text, r.n, r.raw = r.text-r.raw, r.n+r.raw, 0
		}
	}
	if gone > 0 {
		l.runs = append(l.runs[:0], l.runs[gone:]...)
	}
	if len(l.runs) == 0 && cap(l.runs) > 512 {
		l.runs = nil
	}
}

// decide looks at what is new. Where final is set nothing follows.
func (l *lane) decide(final bool) {
	l.hold, l.begun = len(l.buf), len(l.buf)
	if l.rules.set.words != nil {
		l.findWords(final)
	}
	if l.rules.set.personal != nil {
		l.findPersonal(final)
	}
	for i := range l.rules.patterns {
		l.findPattern(i, final)
	}
	l.decided = len(l.buf)
	if k := l.words.key; k > l.hold && l.hold >= l.words.keyMost-KeyWindow {
		l.hold = k // hidden anyhow
		l.begun = max(l.begun, k)
	}
	l.open = l.words.key >= 0
	l.hold, l.begun = runeStart(l.buf, l.hold), runeStart(l.buf, l.begun)
}

// holdFrom says that a finding may have begun, and that what stands from at on
// may be hidden later.
func (l *lane) holdFrom(at int) {
	l.hold = min(l.hold, max(0, at))
	l.begun = min(l.begun, max(0, at))
}

// holdWord says the same of what is so far any word.
func (l *lane) holdWord(at int) { l.hold = min(l.hold, at) }

// letGo says that what stands in front of at may go out as it is.
func (l *lane) letGo(at int) {
	gone := 0
	for i := range l.runs {
		r := &l.runs[i]
		if n := min(r.n, at-r.text); n > 0 {
			r.text, r.raw, r.n = r.text+n, r.raw+n, r.n-n
		}
		if r.n == 0 && gone == i {
			gone++
		}
	}
	l.runs = append(l.runs[:0], l.runs[gone:]...)
}

// lookBehind is how far detectors look back from where they begin.
const lookBehind = 96

// trim forgets context that no detector looks at.
func (l *lane) trim() {
	keep := min(l.hold, l.email.at, l.ssn, l.phone, l.numbers, l.words.need(len(l.buf)))
	if l.rules.set.personal == nil {
		keep = min(l.hold, l.words.need(len(l.buf)))
	}
	for _, at := range l.pattern {
		keep = min(keep, at)
	}
	n := runeStart(l.buf, max(0, keep-lookBehind))
	if n < 1024 {
		return
	}
	l.buf = append(l.buf[:0], l.buf[n:]...)
	for i := range l.runs {
		l.runs[i].text -= n
	}
	l.decided -= n
	l.hold -= n
	l.begun -= n
	l.end = max(-1, l.end-n)
	l.words.shift(n)
	l.email.at -= n
	l.email.hidden = max(0, l.email.hidden-n)
	l.ssn -= n
	l.phone -= n
	l.numbers -= n
	for i := range l.pattern {
		l.pattern[i] -= n
	}
}

// cut takes everything from n on off the text. What is left is looked at
// again, as other text will follow.
func (l *lane) cut(n int) {
	again := max(0, n-maxEdit)
	l.buf = l.buf[:n]
	l.words.cut(n, again)
	for _, at := range []*int{&l.decided, &l.hold, &l.begun, &l.email.hidden, &l.end} {
		*at = min(*at, n)
	}
	for _, at := range []*int{&l.email.at, &l.ssn, &l.phone, &l.numbers} {
		*at = min(*at, again)
	}
	for i := range l.pattern {
		l.pattern[i] = min(l.pattern[i], again)
	}
}

// runeStart returns at, or where the character begins that at is inside of.
func runeStart(b []byte, at int) int {
	if at >= len(b) || utf8.RuneStart(b[at]) {
		return at
	}
	for i := at - 1; i >= 0 && i > at-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if _, n := utf8.DecodeRune(b[i:]); i+n > at {
				return i
			}
			break
		}
	}
	return at
}

// wholeRunes widens a span to whole characters.
func wholeRunes(b []byte, sp span) span {
	lo := runeStart(b, sp.lo)
	if hi := runeStart(b, sp.hi); hi < sp.hi {
		_, n := utf8.DecodeRune(b[hi:])
		sp.hi = hi + n
	}
	return span{lo, sp.hi}
}
