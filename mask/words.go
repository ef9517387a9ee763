package mask

// keyword is a word that every finding of a detector holds, and how to go on
// from there. Words are found by one pass for all, without regard to the case
// of ASCII letters.
type keyword struct {
	word string
	// match looks at a place where the word is: b[lo:hi]. Where loose is set
	// it only answers, in ok, whether there could be a finding here in b or in
	// a part of b that holds the word; it looks at no boundary then, and no
	// further than some fixed distance.
	match func(b []byte, lo, hi int, loose bool) (sp span, ok bool)
}

// wordFinder is an Aho-Corasick automaton, as a table over classes of bytes.
type wordFinder struct {
	class [256]uint8
	next  []uint16 // by state (a multiple of width) plus class
	width int
	// Where a state is matching or above, words end there.
	matching uint16
	ends     [][]int // by (state-matching)/width: indexes of words
	words    []keyword
}

func newWordFinder(words []keyword) *wordFinder {
	f := &wordFinder{words: words, width: 1}
	for _, w := range words {
		for i := range len(w.word) {
			c := lower(w.word[i])
			if f.class[c] == 0 {
				f.class[c] = uint8(f.width)
				f.width++
			}
		}
	}
	for c := byte('A'); c <= 'Z'; c++ {
		f.class[c] = f.class[lower(c)]
	}

	type node struct {
		next []int // by class; 0 for none
		fail int
		ends []int
	}
	nodes := []node{{next: make([]int, f.width)}}
	for i, w := range words {
		at := 0
		for j := range len(w.word) {
			c := f.class[w.word[j]]
			if nodes[at].next[c] == 0 {
				nodes = append(nodes, node{next: make([]int, f.width)})
				nodes[at].next[c] = len(nodes) - 1
			}
			at = nodes[at].next[c]
		}
		nodes[at].ends = append(nodes[at].ends, i)
	}
	// In breadth-first order every failure link leads to a node already done.
	queue := []int{0}
	for q := 0; q < len(queue); q++ {
		at := queue[q]
		for c, to := range nodes[at].next {
			fallback := 0
			if at != 0 {
				fallback = nodes[nodes[at].fail].next[c]
			}
			if to == 0 {
				nodes[at].next[c] = fallback
				continue
			}
			nodes[to].fail = fallback
			nodes[to].ends = append(nodes[to].ends, nodes[fallback].ends...)
			queue = append(queue, to)
		}
	}
	// States that end words come last, so that one comparison finds them.
	state := make([]int, len(nodes))
	n := 0
	for _, ending := range []bool{false, true} {
		if ending {
			f.matching = uint16(n * f.width)
		}
		for i := range nodes {
			if (len(nodes[i].ends) > 0) == ending {
				state[i] = n
				n++
				if ending {
					f.ends = append(f.ends, nodes[i].ends)
				}
			}
		}
	}
	f.next = make([]uint16, n*f.width)
	for i := range nodes {
		for c, to := range nodes[i].next {
			f.next[state[i]*f.width+c] = uint16(state[to] * f.width)
		}
	}
	return f
}

func (f *wordFinder) suspect(b []byte) bool {
	s := uint16(0)
	for i, c := range b {
		s = f.next[int(s)+int(f.class[c])]
		if s < f.matching {
			continue
		}
		for _, w := range f.endsAt(s) {
			k := &f.words[w]
			if _, ok := k.match(b, i+1-len(k.word), i+1, true); ok {
				return true
			}
		}
	}
	return false
}

func (f *wordFinder) find(b []byte, spans []span) []span {
	s := uint16(0)
	for i, c := range b {
		s = f.next[int(s)+int(f.class[c])]
		if s >= f.matching {
			return f.findFrom(b, i, s, spans)
		}
	}
	return spans
}

const maxWords = 160

// findFrom is find from the first word on: b[i] has led to state s.
func (f *wordFinder) findFrom(b []byte, i int, s uint16, spans []span) []span {
	// Up to where each word has hidden things: there it is not looked at
	// again, which keeps hostile text from being read over and over.
	var hidden [maxWords]int
	for {
		for _, w := range f.endsAt(s) {
			k := &f.words[w]
			lo := i + 1 - len(k.word)
			if lo < hidden[w] {
				continue
			}
			if sp, ok := k.match(b, lo, i+1, false); ok {
				spans = append(spans, sp)
				hidden[w] = sp.hi
			}
		}
		for {
			if i++; i == len(b) {
				return spans
			}
			if s = f.next[int(s)+int(f.class[b[i]])]; s >= f.matching {
				break
			}
		}
	}
}

// endsAt returns the words that end where the automaton is in state s.
func (f *wordFinder) endsAt(s uint16) []int {
	if s < f.matching {
		return nil
	}
	return f.ends[int(s-f.matching)/f.width]
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
