package mask

import "bytes"

// wordState is how far the words of detectors were looked for.
type wordState struct {
	at      int    // up to here
	state   uint16 // of the automaton
	pending []found
	hidden  []int // by word: up to where it has hidden things
	long    int   // a finding of more than Window goes on from here; -1 for none
	key     int   // a private key goes on from here; -1 for none
	keyMost int   // and no further than this
	keyTail bool  // its END has been seen, and ended at key
}

// found is a word that ends at hi.
type found struct{ word, hi int }

func (w *wordState) reset() {
	w.at, w.state, w.pending = 0, 0, w.pending[:0]
	clear(w.hidden)
	w.long, w.key, w.keyTail = -1, -1, false
}

// need returns the first place that is still looked at.
func (w *wordState) need(end int) int {
	n := min(w.at, end)
	if len(w.pending) > 0 {
		n = min(n, w.pending[0].hi-mostWord)
	}
	if w.key >= 0 {
		n = min(n, w.key)
	}
	return n
}

func (w *wordState) shift(n int) {
	w.at -= n
	for i := range w.pending {
		w.pending[i].hi -= n
	}
	for i := range w.hidden {
		w.hidden[i] = max(0, w.hidden[i]-n)
	}
	w.long = max(-1, w.long-n)
	if w.key >= 0 {
		w.key -= n
		w.keyMost -= n
	}
}

func (w *wordState) cut(n, again int) {
	keep := 0
	for keep < len(w.pending) && w.pending[keep].hi-mostWord < again {
		keep++
	}
	w.pending = w.pending[:keep]
	for i := range w.hidden {
		w.hidden[i] = min(w.hidden[i], n)
	}
	w.at, w.state = min(w.at, again), 0
	w.long, w.key = min(w.long, n), min(w.key, n)
}

// findWords looks for words in what is new, and decides on what begins with
// them as far as it can be decided.
func (l *lane) findWords(final bool) {
	f, w, b := l.rules.set.words, &l.words, l.buf
	s := w.state
	for i := w.at; i < len(b); i++ {
		if s = f.next[int(s)+int(f.class[b[i]])]; s >= f.matching {
			for _, word := range f.endsAt(s) {
				w.pending = append(w.pending, found{word, i + 1})
			}
		}
	}
	w.at, w.state = len(b), s
	if w.long >= 0 {
		l.goOn()
	}
	if w.key >= 0 {
		l.findKeyEnd(final)
	}
	var waits [maxWords]bool
	left := w.pending[:0]
	for _, c := range w.pending {
		lo := c.hi - len(f.words[c.word].word)
		if lo < w.hidden[c.word] {
			continue
		}
		if kind := l.rules.kinds[c.word]; kind == kindKey && w.key >= 0 || waits[c.word] {
			if kind == kindKey && lo < w.key {
				continue
			}
			left = append(left, c)
			l.holdFrom(lo - l.rules.behind(c.word))
			continue
		}
		limit := min(len(b), lo+Window)
		if !final && limit < lo+Window {
			if hold, open := l.rules.opens(c.word, b, lo, c.hi); open {
				waits[c.word] = true
				left = append(left, c)
				l.holdFrom(hold)
				continue
			}
		}
		sp, ok := f.words[c.word].match(b[:limit], lo, c.hi, false)
		switch {
		case !ok:
		case l.rules.kinds[c.word] == kindKey:
			w.key, w.keyMost, w.keyTail = lo, lo+KeyWindow, false
			w.hidden[c.word] = c.hi
			l.findKeyEnd(final)
		default:
			l.spans = append(l.spans, sp)
			w.hidden[c.word] = sp.hi
			if sp.hi == lo+Window {
				w.long = max(w.long, sp.hi)
				l.goOn()
			}
		}
	}
	w.pending = left
	if final {
		return
	}
	if s != 0 {
		if at, space := l.rules.beginning(b); space {
			l.holdFrom(at)
		} else {
			l.holdWord(at)
		}
	}
	if l.rules.tokens {
		l.holdWord(l.rules.terraform(b))
	}
}

// goOn hides the rest of a finding that is longer than what is looked at: up
// to what ends any token.
func (l *lane) goOn() {
	w := &l.words
	end := l.rules.longer.run(l.buf, w.long, anyLength)
	if end > w.long {
		l.spans = append(l.spans, span{w.long, end})
	}
	w.long = end
	if end < len(l.buf) {
		w.long = -1
	}
}

// findKeyEnd hides a private key up to its END line.
func (l *lane) findKeyEnd(final bool) {
	const most = 48
	w, b := &l.words, l.buf
	mark := []byte("-----END ")
	if !w.keyTail {
		// A part of the mark may have been hidden before.
		from := max(0, w.key-len(mark)+1)
		limit := min(len(b), w.keyMost)
		i := bytes.Index(b[from:limit], mark)
		if i < 0 {
			l.spans = append(l.spans, span{w.key, limit})
			w.key = limit
			if limit == w.keyMost {
				l.endKey()
			}
			return
		}
		end := from + i + len(mark)
		l.spans = append(l.spans, span{min(w.key, end), end})
		w.key, w.keyTail = end, true
	}
	i := bytes.Index(b[w.key:min(len(b), w.key+most)], []byte("-----"))
	switch {
	case i >= 0:
		l.spans = append(l.spans, span{w.key, w.key + i + len("-----")})
		w.key += i + len("-----")
	case !final && len(b) < w.key+most:
		l.holdFrom(w.key)
		return
	}
	l.endKey()
}

func (l *lane) endKey() {
	w := &l.words
	for i, kind := range l.rules.kinds {
		if kind == kindKey {
			w.hidden[i] = w.key
		}
	}
	w.key, w.keyTail = -1, false
}
