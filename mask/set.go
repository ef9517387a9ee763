package mask

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
)

// Set is a compiled list of rules. A nil Set masks nothing. It is immutable
// and safe for concurrent use.
//
// Each detector has two sides: suspect reports whether find could find
// something in a text or in a part of it, and so looks at no boundary, since a
// part may begin or end anywhere; find appends the places to hide, in any
// order. They are fields and no interface, so that finding allocates nothing.
type Set struct {
	columns  []Column
	words    *wordFinder
	personal *personal
	patterns []*pattern
	digest   string
	streams  lazyRules // what [Stream] needs beyond that
}

// span is the bytes from lo up to hi.
type span struct{ lo, hi int }

// New compiles rules; the error joins all mistakes.
func New(rules ...Rule) (*Set, error) {
	s := &Set{}
	var errs []error
	wrong := func(i int, err error) { errs = append(errs, fmt.Errorf("mask rule %d: %w", i+1, err)) }
	seen := map[string]bool{}
	var words []keyword
	h := sha256.New()
	fmt.Fprint(h, "sallyport masks 1\n")
	for i, r := range rules {
		switch {
		case r.err != nil:
			wrong(i, r.err)
		case r.column != nil:
			c := *r.column
			if name := c.String(); seen[name] {
				wrong(i, fmt.Errorf("columns %q: another rule masks the same", name))
			} else {
				seen[name] = true
			}
			s.columns = append(s.columns, c)
			key := ""
			if keyed, ok := c.Method.(interface{ keyFingerprint() string }); ok {
				key = keyed.keyFingerprint()
			}
			fmt.Fprintf(h, "columns %q %q %q %q %q %t\n", c.Schema, c.Table, c.Column, c.Method.Name(), key, c.Optional)
		case r.detector != nil:
			if seen[r.detector.name] {
				wrong(i, fmt.Errorf("%s: another rule has the same name", r.detector.name))
				continue
			}
			seen[r.detector.name] = true
			words = append(words, r.detector.words...)
			if r.detector.personal != nil {
				s.personal = r.detector.personal
			}
			if r.detector.pattern != nil {
				s.patterns = append(s.patterns, r.detector.pattern)
			}
			fmt.Fprintf(h, "detector %q %q\n", r.detector.name, r.detector.version)
		default:
			wrong(i, errors.New("it is empty; Columns, Secrets, Personal and Pattern make rules"))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(words) > 0 {
		s.words = newWordFinder(words)
	}
	s.digest = hex.EncodeToString(h.Sum(nil))
	return s, nil
}

// Columns returns the column rules in the order given. The caller must not
// change the slice.
func (s *Set) Columns() []Column {
	if s == nil {
		return nil
	}
	return s.columns
}

// Detects reports whether there are detectors at all.
func (s *Set) Detects() bool {
	return s != nil && (s.words != nil || s.personal != nil || len(s.patterns) > 0)
}

// Suspect reports whether some detector could find something in b. It is
// fast and errs on the side of true; where it is false, Redact would find
// nothing in b or in any part of it.
func (s *Set) Suspect(b []byte) bool {
	if s == nil {
		return false
	}
	if s.words != nil && s.words.suspect(b) || s.personal != nil && s.personal.suspect(b) {
		return true
	}
	for _, p := range s.patterns {
		if p.suspect(b) {
			return true
		}
	}
	return false
}

// Redact overwrites in b what detectors find with asterisks, without changing
// its length, and returns how many places it hid. It takes time in proportion
// to len(b). What it finds depends on where b begins and ends: pass a whole
// value, not a piece of one.
func (s *Set) Redact(b []byte) int {
	if s == nil {
		return 0
	}
	var few [8]span
	spans := few[:0]
	if s.words != nil {
		spans = s.words.find(b, spans)
	}
	if s.personal != nil {
		spans = s.personal.find(b, spans)
	}
	for _, p := range s.patterns {
		spans = p.find(b, spans)
	}
	if len(spans) > 1 {
		slices.SortFunc(spans, func(x, y span) int { return cmp.Compare(x.lo, y.lo) })
	}
	// Nothing is overwritten before everything is found: one detector's
	// finding may be another's context.
	n, end := 0, -1
	for _, sp := range spans {
		if sp.lo > end {
			n++
		}
		for lo := max(sp.lo, end); lo < sp.hi; {
			lo += copy(b[lo:sp.hi], asterisks)
		}
		end = max(end, sp.hi)
	}
	return n
}

const asterisks = "****************************************************************"

// Digest identifies the rules in force, in hex: the same for the same rules in
// the same order, in every process. It shows no key.
func (s *Set) Digest() string {
	if s == nil {
		return ""
	}
	return s.digest
}
