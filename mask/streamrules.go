package mask

import (
	"bytes"
	"slices"
	"sync"
)

// lazyRules makes a Set's streamRules when they are needed first.
type lazyRules struct {
	once  sync.Once
	rules *streamRules
}

func (l *lazyRules) of(s *Set) *streamRules {
	l.once.Do(func() { l.rules = newStreamRules(s) })
	return l.rules
}

// streamRules is what streams need to know of a Set's detectors beyond what
// finds in a whole text: whether what follows can still change what is found.
type streamRules struct {
	set      *Set
	c        *charsets
	kinds    []wordKind // by word
	prefixes []string   // words that are hidden themselves
	begin    charset    // what they begin with
	glue     *charset   // whatever a token may hold
	value    *charset   // what a value that looks random may hold
	longer   *charset   // what does not end any token or value
	tokens   bool       // there are words that a finding may begin before
	patterns []streamPattern
}

// wordKind says what may follow a word of a detector.
type wordKind uint8

const (
	kindToken wordKind = iota // bytes of a token
	kindKey
	kindPassword
	kindSecret
	kindBearer
	kindAuthorization
	kindURL
	kindIdentified
)

// mostWord is more than the length of any word.
const mostWord = 32

func newStreamRules(s *Set) *streamRules {
	c := newCharsets()
	r := &streamRules{set: s, c: c}
	r.glue = chars("-_./$=,+:~", c.alnum)
	r.value = chars("~", c.ident, c.base64)
	r.longer = new(charset)
	for i := range r.longer {
		r.longer[i] = i > ' ' && i != 0x7f && bytes.IndexByte([]byte("'\"`,;&|<>(){}[]"), byte(i)) < 0
	}
	if s.words != nil {
		kinds := map[string]wordKind{
			"-----BEGIN ": kindKey, "://": kindURL, "identified": kindIdentified, "authorization": kindAuthorization, "bearer ": kindBearer,
			"password": kindPassword, "passwd": kindPassword, "passphrase": kindPassword, "pwd": kindPassword,
		}
		for _, k := range assignments(c) {
			if _, known := kinds[k.word]; !known {
				kinds[k.word] = kindSecret
			}
		}
		for _, k := range s.words.words {
			kind := kinds[k.word]
			r.kinds = append(r.kinds, kind)
			r.tokens = r.tokens || k.word == terraformWord
			if kind == kindToken || kind == kindKey {
				r.prefixes = append(r.prefixes, k.word)
				r.begin[k.word[0]] = true
			}
		}
	}
	for _, p := range s.patterns {
		r.patterns = append(r.patterns, newStreamPattern(p))
	}
	return r
}

// find appends what all detectors find in b as a whole text.
func (r *streamRules) find(b []byte, spans []span) []span {
	if r.set.words != nil {
		spans = r.set.words.find(b, spans)
	}
	if r.set.personal != nil {
		spans = r.set.personal.find(b, spans)
	}
	for _, p := range r.set.patterns {
		spans = p.find(b, spans)
	}
	return spans
}

// The words whose findings begin before them, and where.
const (
	openAIWord, openAIBehind       = "T3BlbkFJ", 23
	terraformWord, terraformBehind = ".atlasv1.", 14
)

// behind returns how far in front of a word its finding may begin.
func (r *streamRules) behind(word int) int {
	switch r.set.words.words[word].word {
	case openAIWord:
		return openAIBehind
	case terraformWord:
		return terraformBehind
	}
	return 0
}

// beginning returns where the earliest word that is hidden itself may have
// begun at the end of b, or len(b), and whether a space may go on with it.
func (r *streamRules) beginning(b []byte) (at int, space bool) {
	for n := min(len(b), mostWord); n > 0; n-- {
		tail := b[len(b)-n:]
		if !r.begin[tail[0]] {
			continue
		}
		i := slices.IndexFunc(r.prefixes, func(w string) bool { return len(w) > n && w[:n] == string(tail) })
		if i >= 0 {
			return len(b) - n, r.prefixes[i][n] == ' '
		}
	}
	return len(b), false
}

// terraform returns where a token may begin at the end of b of which the word
// has not come yet, or not whole.
func (r *streamRules) terraform(b []byte) int {
	part := 0
	for n := min(len(b), len(terraformWord)-1); n > 0; n-- {
		if bytes.EqualFold(b[len(b)-n:], []byte(terraformWord[:n])) {
			part = n
			break
		}
	}
	n := 0
	for n < terraformBehind && n < len(b)-part && r.c.alnum[b[len(b)-part-n-1]] {
		n++
	}
	if part > 0 && n < terraformBehind {
		return len(b)
	}
	return len(b) - part - n
}

// opens reports whether text that follows b can change what the word at
// b[lo:hi] finds, and from where on it may then hide. It mirrors how the
// detectors read and errs on the side of true.
func (r *streamRules) opens(word int, b []byte, lo, hi int) (hold int, open bool) {
	k := &r.set.words.words[word]
	switch r.kinds[word] {
	case kindToken:
		if k.word != terraformWord && string(b[lo:hi]) != k.word {
			return 0, false
		}
		return lo - r.behind(word), r.glue.run(b, hi, anyLength) == len(b)
	case kindKey:
		const most = 48
		return lo, string(b[lo:hi]) == k.word && len(b) < hi+most && !bytes.Contains(b[hi:], []byte("PRIVATE KEY"))
	case kindPassword:
		i, assigned := r.c.name(b, hi, true)
		switch {
		case i == len(b) || r.comment(b, i):
			return i, true
		case len(b)-i < 3:
			return i, true
		case !assigned && !startsLiteral(b, i) && (lo < 2 || b[lo-1] != '-' || b[lo-2] != '-' || i == hi):
			return 0, false
		}
		return i, r.valueOpens(b, i)
	case kindSecret:
		i, assigned := r.c.name(b, hi, false)
		if i == len(b) {
			return i, true
		} else if !assigned {
			return 0, false
		}
		for n := 0; n < 2 && i < len(b) && (isQuote(b[i]) || b[i] == '\\'); n++ {
			i++
		}
		return i, r.randomOpens(b, i)
	case kindBearer:
		return hi, r.randomOpens(b, hi)
	case kindAuthorization:
		i, assigned := r.c.name(b, hi, false)
		if i == len(b) {
			return i, true
		} else if !assigned {
			return 0, false
		}
		if isQuote(b[i]) {
			i++
		}
		scheme := r.c.letter.run(b, i, 16)
		if scheme > i && scheme < len(b) && b[scheme] == ' ' {
			i = scheme + 1
		}
		return i, scheme == len(b) || r.value.run(b, i, anyLength) == len(b)
	case kindURL:
		return r.urlOpens(b, hi)
	case kindIdentified:
		return r.identifiedOpens(b, hi)
	}
	return lo, true
}

// comment reports whether a comment may begin at b[i] whose end has not come.
func (r *streamRules) comment(b []byte, i int) bool {
	if len(b)-i >= 256 || b[i] != '/' && b[i] != '-' {
		return false
	}
	return i+1 == len(b) || b[i] == '/' && b[i+1] == '*' || b[i] == '-' && b[i+1] == '-'
}

func (r *streamRules) randomOpens(b []byte, i int) bool {
	return r.value.run(b, i, anyLength) == len(b) && (len(b)-i < mostRandom || looksRandom(b[i:i+mostRandom]))
}

// valueOpens mirrors charsets.value.
func (r *streamRules) valueOpens(b []byte, i int) bool {
	c := r.c
	call := c.ident.run(b, i, 32)
	if call == len(b) {
		return true
	}
	if b[call] == '(' {
		i = c.skipBlank(b, call+1)
		if i == len(b) || r.comment(b, i) || len(b)-i < 3 {
			return true
		}
		if !startsLiteral(b, i) {
			return false
		}
	}
	if len(b)-i < 3 {
		return true
	}
	escapes := false
	if c.letter[b[i]] && isQuote(b[i+1]) {
		escapes = lower(b[i]) == 'e'
		i++
	} else if lower(b[i]) == 'u' && b[i+1] == '&' && b[i+2] == '\'' {
		i += 2
	}
	switch {
	case b[i] == '\\' && isQuote(b[i+1]):
		return bytes.IndexByte(b[i+2:], b[i+1]) < 0
	case isQuote(b[i]):
		escapes = escapes || b[i] == '"'
		for end := i + 1; end < len(b); end++ {
			switch {
			case escapes && b[end] == '\\':
				end++
			case b[end] != b[i]:
			case end+1 == len(b):
				return true
			case b[end+1] == b[i]:
				end++
			default:
				return false
			}
		}
		return true
	case b[i] == '$':
		tag := c.word.run(b, i+1, 64)
		return tag == len(b) || b[tag] == '$' && !bytes.Contains(b[tag+1:], b[i:tag+1])
	}
	return r.longer.run(b, i, anyLength) == len(b)
}

// urlOpens mirrors charsets.urlPassword.
func (r *streamRules) urlOpens(b []byte, hi int) (hold int, open bool) {
	hold = len(b)
	for i := hi; i < min(len(b), hi+512); i++ {
		switch {
		case b[i] == ':':
			hold = min(hold, i+1)
		case b[i] <= ' ' || b[i] == 0x7f || bytes.IndexByte([]byte("/?#\"'`<>\\"), b[i]) >= 0:
			return hold, false
		}
	}
	return hold, len(b) < hi+512
}

// identifiedOpens mirrors charsets.identifiedBy.
func (r *streamRules) identifiedOpens(b []byte, i int) (hold int, open bool) {
	c := r.c
	blank := func() bool {
		i = c.skipBlank(b, i)
		return i == len(b) || r.comment(b, i)
	}
	word := func() (w string, ended bool) {
		end := c.letter.run(b, i, 8)
		w = string(bytes.ToLower(b[i:end]))
		i = end
		return w, end == len(b)
	}
	if blank() {
		return i, true
	}
	w, ended := word()
	if ended || w == "" || blank() {
		return i, w != ""
	}
	if w == "with" {
		for i < len(b) && (isQuote(b[i]) || c.ident[b[i]]) {
			i++
		}
		if i == len(b) || blank() {
			return i, true
		}
		if w, ended = word(); ended || w == "" || blank() {
			return i, w != ""
		}
	}
	if w != "by" && w != "as" {
		return 0, false
	}
	if len(b)-i < 3 {
		return i, true
	}
	if !isQuote(b[i]) && !startsLiteral(b, i) {
		return 0, false
	}
	return i, r.valueOpens(b, i)
}
