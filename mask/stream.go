package mask

import (
	"cmp"
	"slices"
)

// Stream hides what detectors find in a text that comes in pieces, such as the
// output of a command or of a shell.
//
// What goes on is the same bytes as [Set.Redact] would make of the whole text,
// however it is cut, for every finding of at most [Window] bytes, and for
// private keys of at most [KeyWindow]. Of a longer token all is hidden, of a
// longer literal in quotes the first KiB; a match of a [Pattern] that needs
// more than Window bytes may stay visible. Asterisks never replace a part of a
// UTF-8 character: where a finding ends inside of one, all of it is hidden.
//
// Only the tail that can still become part of a finding is held back: a word
// that may go on to be a token or an address, a literal whose quote is open.
// Prompts and lines pass at once. A caller that people wait for calls
// [Stream.Release] when nothing came for a while, 50 to 100 ms: then that tail
// goes out too, except for what would be a finding if the text ended there. It
// stays known, so that the rest of a secret that had begun is hidden when it
// comes; the part that was released stays visible.
//
// Detectors look at the text without escape sequences (CSI, OSC, DCS and their
// kin, C1 controls, whole or cut), NULs and other control characters, so that
// colours and cursor movements hide nothing from them:
//
//   - What stands behind a movement of the cursor is looked at twice, glued to
//     what precedes it and apart.
//   - The content of OSC, DCS and other strings is a text of its own.
//   - A space and a carriage return where a line editor wraps are passed over.
//     What was no more than a word before them stays visible.
//   - A character that is printed over itself counts once. Where backspaces
//     lead to something else being written over a text, the old text is judged
//     as in Release, and the new one continues what is left of it.
//   - Text that programs put together on the screen in any other order is seen
//     as it is sent. What is encoded (base64, compressed) is not seen at all.
//
// The sequences themselves are passed on as they are, and no length changes.
//
// A Stream takes a few KiB, and some hundred for text made to take much; time
// is in proportion to the text. It is not for concurrent use, and one text
// needs one Stream: stdout and stderr are two.
type Stream struct {
	rules *streamRules // nil where nothing is detected

	raw  []byte // own buffer: what went out with the last call, then what is held back
	gone int    // how much of raw went out
	work []byte // while a call runs: what is held back and the new piece
	from int    // what of work has gone out by an edit of the text, and cannot be changed

	text    *lane // the text as it is read
	apart   *lane // what follows a movement of the cursor, up to apartWindow
	inside  *lane // the content of OSC, DCS and other strings
	parsing parser
	hidden  int
}

const (
	// Window is the longest finding that is surely treated as in the whole
	// text. At most twice as much is held back.
	Window = 8 << 10
	// KeyWindow is how much is hidden of a private key that does not end.
	KeyWindow = 64 << 10

	chunk = 4 << 10 // how much is looked at in one go
)

// Stream returns a masker for one text. It is cheap; a nil Set's passes
// everything on.
func (s *Set) Stream() *Stream {
	st := &Stream{}
	if s.Detects() {
		st.rules = s.streams.of(s)
		st.text = newLane(st.rules)
	}
	return st
}

// Next takes the next piece of the text and returns what may go on now, which
// may be nothing, and how many findings begin to be hidden with this call. It overwrites p; out
// is a part of p or of a buffer of the Stream's own, and valid until the next
// call.
func (st *Stream) Next(p []byte) (out []byte, hidden int) {
	if st.rules == nil {
		return p, 0
	}
	st.settle()
	st.free(len(p))
	start := len(st.raw)
	if start > 0 {
		st.raw = append(st.raw, p...)
		st.work = st.raw
	} else {
		st.work = p
	}
	for at := start; at < len(st.work); {
		to := min(at+chunk, len(st.work))
		st.parse(at, to)
		at = to
		st.decide(at == len(st.work))
	}
	k := st.hold()
	if len(st.work)-k > 2*Window {
		st.expose()
		k = len(st.work)
	}
	return st.pass(k, start > 0)
}

// Held returns how many bytes are held back.
func (st *Stream) Held() int { return len(st.raw) - st.gone }

// Release returns what is held back, with what would be hidden if the text
// ended here hidden. The text goes on. The result is valid until the next call.
func (st *Stream) Release() (out []byte, hidden int) {
	if st.rules == nil {
		return nil, 0
	}
	st.settle()
	st.work = st.raw
	st.decideNow(false)
	st.expose()
	out, hidden = st.pass(len(st.work), true)
	st.raw, st.gone = nil, 0
	return out, hidden
}

// Flush returns what is held back when the text has ended. The Stream is then as new.
func (st *Stream) Flush() (out []byte, hidden int) {
	if st.rules == nil {
		return nil, 0
	}
	st.settle()
	st.work = st.raw
	st.endParse()
	st.decideNow(true)
	out, hidden = st.pass(len(st.work), true)
	st.raw, st.gone = nil, 0
	st.text.reset()
	st.apart, st.inside, st.parsing = nil, nil, parser{}
	return out, hidden
}

// settle forgets what went out with the last call.
func (st *Stream) settle() {
	if st.gone > 0 {
		st.raw = append(st.raw[:0], st.raw[st.gone:]...)
		st.gone = 0
	}
	st.from = 0
}

// free drops a buffer that is large for what is held back now, as after a
// burst, so that streams that wait keep little.
func (st *Stream) free(piece int) {
	if len(st.raw) == 0 && cap(st.raw) > chunk && piece < cap(st.raw)/8 {
		st.raw = nil
	}
}

// pass lets the first k bytes of work go.
func (st *Stream) pass(k int, own bool) (out []byte, hidden int) {
	out = st.work[:k]
	if own {
		st.gone = k
	} else {
		st.raw = append(st.raw[:0], st.work[k:]...)
	}
	st.work = nil
	st.parsing.shift(k)
	for l := range st.lanes {
		l.released(k)
	}
	hidden, st.hidden = st.hidden, 0
	return out, hidden
}

// lanes yields the texts that are looked at.
func (st *Stream) lanes(yield func(*lane) bool) {
	for _, l := range [...]*lane{st.text, st.apart, st.inside} {
		if l != nil && l.on && !yield(l) {
			return
		}
	}
}

// decide has the lanes look at what is new; while much is pending, only when
// the text has grown by a part of it, so that text that comes byte by byte is
// not read over and over.
func (st *Stream) decide(last bool) {
	for l := range st.lanes {
		if pending := len(l.buf) - l.hold; last && pending > 1024 && len(l.buf)-l.decided < pending/16 {
			continue
		}
		l.decide(false)
		st.hide(l)
		l.trim()
	}
}

// decideNow has the lanes look at everything.
func (st *Stream) decideNow(final bool) {
	for l := range st.lanes {
		l.decide(final)
		st.hide(l)
	}
}

// hold returns up to where work may go on.
func (st *Stream) hold() int {
	k := st.parsing.hold(len(st.work))
	for l := range st.lanes {
		h := l.hold
		if st.parsing.space && l != st.inside {
			h = l.begun
		}
		k = min(k, l.rawAt(h))
		if l.open {
			k = min(k, st.parsing.next(len(st.work)))
		}
	}
	return max(k, st.from, 0)
}

// expose lets everything go, with what would be hidden if the text ended here hidden.
func (st *Stream) expose() {
	for l := range st.lanes {
		l.spans = st.rules.find(l.buf, l.spans[:0])
		st.hide(l)
		l.runs = l.runs[:0]
	}
	st.from = len(st.work)
}

// hide overwrites the spans that a lane found, as far as they have not gone out.
func (st *Stream) hide(l *lane) {
	if len(l.spans) == 0 {
		return
	}
	for i, sp := range l.spans {
		l.spans[i] = wholeRunes(l.buf, sp)
	}
	slices.SortFunc(l.spans, func(x, y span) int { return cmp.Compare(x.lo, y.lo) })
	merged := l.spans[:0]
	for _, sp := range l.spans {
		if n := len(merged); n > 0 && sp.lo <= merged[n-1].hi {
			merged[n-1].hi = max(merged[n-1].hi, sp.hi)
			continue
		}
		merged = append(merged, sp)
	}
	visible := len(l.buf) // what has not gone out begins here
	if len(l.runs) > 0 {
		visible = l.runs[0].text
	}
	for _, sp := range merged {
		if sp.lo > l.end && sp.hi > visible {
			st.hidden++
		}
		l.end = max(l.end, sp.hi)
	}
	for _, r := range l.runs {
		i, _ := slices.BinarySearchFunc(merged, r.text, func(sp span, at int) int { return cmp.Compare(sp.hi, at+1) })
		for ; i < len(merged) && merged[i].lo < r.text+r.n; i++ {
			lo, hi := max(merged[i].lo, r.text)-r.text+r.raw, min(merged[i].hi, r.text+r.n)-r.text+r.raw
			for lo = max(lo, st.from); lo < hi; {
				lo += copy(st.work[lo:hi], asterisks)
			}
		}
	}
	l.spans = l.spans[:0]
}
