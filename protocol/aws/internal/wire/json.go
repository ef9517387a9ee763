package wire

import (
	"fmt"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// jsonScan reads a JSON text (RFC 8259) once, from left to right.
type jsonScan struct {
	*walk
	b []byte
	i int
}

// json reads a body that is one JSON value, or empty.
func (s *walk) json(a at, body []byte) error {
	j := jsonScan{walk: s, b: body}
	j.space()
	if j.i == len(body) {
		return nil
	}
	if err := j.value(a, 0); err != nil {
		return err
	}
	j.space()
	if j.i != len(body) {
		return j.bad("something stands behind the value")
	}
	return nil
}

func (j *jsonScan) bad(what string) error {
	return fmt.Errorf("%w JSON at byte %d: %s", ErrMalformed, j.i, what)
}

func (j *jsonScan) space() {
	for j.i < len(j.b) {
		switch j.b[j.i] {
		case ' ', '\t', '\n', '\r':
			j.i++
		default:
			return
		}
	}
}

// value reads one value; white space before it has been read.
func (j *jsonScan) value(a at, depth int) error {
	if depth > MaxDepth {
		return j.bad("it is nested too deeply")
	}
	if j.i == len(j.b) {
		return j.bad("a value is missing")
	}
	start := j.i
	switch c := j.b[j.i]; c {
	case '{':
		return j.object(j.expect(a, model.Structure, model.Map), depth)
	case '[':
		return j.array(j.expect(a, model.List, model.List), depth)
	case '"':
		value, err := j.quoted()
		if err != nil {
			return err
		}
		return j.leaf(j.scalar(a), value, start, j.i, encJSON)
	case 't', 'f', 'n':
		for _, word := range [...]string{"true", "false", "null"} {
			if word[0] == c && len(j.b)-j.i >= len(word) && string(j.b[j.i:j.i+len(word)]) == word {
				j.i += len(word)
				if c == 'n' {
					return j.null(a, start, j.i, encJSON)
				}
				return j.leaf(j.scalar(a), j.b[start:j.i], start, j.i, encJSON)
			}
		}
		return j.bad("an unknown word")
	}
	if err := j.number(); err != nil {
		return err
	}
	return j.leaf(j.scalar(a), j.b[start:j.i], start, j.i, encJSON)
}

// expect is a, or an unknown place where the model has neither of two kinds.
func (s *walk) expect(a at, one, other model.Kind) at {
	if a.shape == nil {
		return a
	}
	switch a.shape.Kind {
	case one, other, model.Document:
		return a
	}
	s.unknown()
	return a.lost(a.name)
}

// scalar is a, or an unknown place where the model has no scalar.
func (s *walk) scalar(a at) at {
	if a.shape == nil || a.shape.Kind > model.Map {
		return a
	}
	s.unknown()
	return a.lost(a.name)
}

// object reads what stands between braces.
func (j *jsonScan) object(a at, depth int) error {
	j.i++
	from, next := len(j.names), 0
	for first := true; ; first = false {
		j.space()
		if j.i < len(j.b) && j.b[j.i] == '}' && first {
			j.i++
			return nil
		}
		start := j.i
		if j.i == len(j.b) || j.b[j.i] != '"' {
			return j.bad("a name is missing")
		}
		name, err := j.quoted()
		if err != nil {
			return err
		}
		j.named(name)
		inner, mark, err := j.property(a, name, start, &next)
		if err != nil {
			return err
		}
		j.space()
		if j.i == len(j.b) || j.b[j.i] != ':' {
			return j.bad("a colon is missing")
		}
		j.i++
		j.space()
		if err := j.value(inner, depth+1); err != nil {
			return err
		}
		j.leave(mark)
		j.space()
		if j.i == len(j.b) {
			return j.bad("a brace is missing")
		}
		j.i++
		if j.b[j.i-1] == '}' {
			j.unique(from)
			return nil
		}
		if j.b[j.i-1] != ',' {
			j.i--
			return j.bad("a comma is missing")
		}
	}
}

// property is the place of an object's property, with the path leading there.
func (j *jsonScan) property(a at, name []byte, start int, next *int) (at, mark, error) {
	return j.entry(a, name, start, j.i, encJSON, next)
}

// entry is the place of a value that has a name: a member, or what stands
// under a map's key, which is a leaf itself.
func (s *walk) entry(a at, name []byte, start, end int, enc encoding, next *int) (at, mark, error) {
	switch {
	case a.shape == nil:
		b := a.lost(s.string(name))
		return b, s.enterFree(b.name), nil
	case a.shape.Kind == model.Document:
		b := at{shape: a.shape, name: s.string(name), sensitive: a.sensitive}
		return b, s.enterFree(b.name), nil
	case a.shape.Kind == model.Map:
		m := s.enterKey(s.string(name))
		err := s.key(a.inner(a.shape.Key), name, start, end, enc)
		return a.inner(a.shape.Value), m, err
	}
	if m, _ := s.find(a.shape, name, next); m != nil {
		return a.under(m), s.enter(m.Name), nil
	}
	b := a.near(s.string(name))
	m := s.enterFree(b.name)
	// Answers may tell the type of any structure; clients pass over it.
	if !s.response || string(name) != "__type" {
		s.unknown()
	}
	return b, m, nil
}

// array reads what stands between brackets.
func (j *jsonScan) array(a at, depth int) error {
	j.i++
	inner := a
	if a.shape != nil && a.shape.Kind == model.List {
		inner = a.inner(a.shape.Value)
	}
	for n := 0; ; n++ {
		j.space()
		if n == 0 && j.i < len(j.b) && j.b[j.i] == ']' {
			j.i++
			return nil
		}
		mark := j.enterIndex(n)
		if err := j.value(inner, depth+1); err != nil {
			return err
		}
		j.leave(mark)
		j.space()
		if j.i == len(j.b) {
			return j.bad("a bracket is missing")
		}
		j.i++
		if j.b[j.i-1] == ']' {
			return nil
		}
		if j.b[j.i-1] != ',' {
			j.i--
			return j.bad("a comma is missing")
		}
	}
}

// number reads a number by JSON's grammar.
func (j *jsonScan) number() error {
	n := jsonNumber(j.b[j.i:])
	if n == 0 {
		return j.bad("no value begins like this")
	}
	j.i += n
	return nil
}

// jsonNumber is the length of the number that b begins with, or 0.
func jsonNumber(b []byte) int {
	i := 0
	digits := func() bool {
		from := i
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(b) && b[i] == '-' {
		i++
	}
	from := i
	if !digits() || b[from] == '0' && i > from+1 {
		return 0
	}
	if i < len(b) && b[i] == '.' {
		i++
		if !digits() {
			return 0
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if !digits() {
			return 0
		}
	}
	return i
}
