package sql

import (
	"encoding/json"
	"errors"
	"strings"
)

// The parser hands over its tree as JSON. A tree of our own decoder costs a
// fraction of encoding/json's maps and keeps the order of fields.

type kind uint8

const (
	scalar kind = iota // number, bool or null, as written
	text
	list
	object
)

type value struct {
	kind   kind
	str    string
	items  []value
	fields []field
}

type field struct {
	name  string
	value value
}

var errTree = errors.New("the parser's tree is not understood")

// get returns the named field of an object, or nil.
func (v *value) get(name string) *value {
	if v == nil {
		return nil
	}
	for i := range v.fields {
		if v.fields[i].name == name {
			return &v.fields[i].value
		}
	}
	return nil
}

// text returns the named field where it is a string, number or bool.
func (v *value) text(name string) string {
	if f := v.get(name); f != nil {
		return f.str
	}
	return ""
}

func (v *value) flag(name string) bool { return v.text(name) == "true" }

func (v *value) list(name string) []value {
	if f := v.get(name); f != nil {
		return f.items
	}
	return nil
}

// node unwraps {"Type":{…}}; typ is empty where v is not of that form.
func (v *value) node() (typ string, body *value) {
	if v == nil || v.kind != object || len(v.fields) != 1 {
		return "", nil
	}
	f := &v.fields[0]
	if f.name == "" || f.name[0] < 'A' || f.name[0] > 'Z' || f.value.kind != object {
		return "", nil
	}
	return f.name, &f.value
}

// decodeTree reads the parser's JSON.
func decodeTree(s string) (value, error) {
	d := treeDecoder{s: s}
	v, err := d.value(0)
	if err != nil {
		return value{}, err
	}
	d.space()
	if d.i != len(s) {
		return value{}, errTree
	}
	return v, nil
}

const maxTreeDepth = 4096

// treeDecoder gathers what is in an open object or list on a stack, and moves
// it into a slab when it closes: two allocations for hundreds of nodes.
type treeDecoder struct {
	s      string
	i      int
	fields stack[field]
	items  stack[value]
}

type stack[T any] struct{ open, slab []T }

// close takes what was pushed since base off the stack.
func (s *stack[T]) close(base int) []T {
	n := len(s.open) - base
	if n == 0 {
		return nil
	}
	if cap(s.slab)-len(s.slab) < n {
		s.slab = make([]T, 0, max(n, min(1024, 2*cap(s.slab)+16)))
	}
	from := len(s.slab)
	s.slab = append(s.slab, s.open[base:]...)
	s.open = s.open[:base]
	return s.slab[from:len(s.slab):len(s.slab)]
}

func (d *treeDecoder) space() {
	for d.i < len(d.s) {
		switch d.s[d.i] {
		case ' ', '\n', '\t', '\r':
			d.i++
		default:
			return
		}
	}
}

// next skips to c and past it.
func (d *treeDecoder) next(c byte) bool {
	d.space()
	if d.i < len(d.s) && d.s[d.i] == c {
		d.i++
		return true
	}
	return false
}

func (d *treeDecoder) value(depth int) (value, error) {
	d.space()
	if d.i >= len(d.s) || depth > maxTreeDepth {
		return value{}, errTree
	}
	switch d.s[d.i] {
	case '{':
		return d.object(depth)
	case '[':
		return d.list(depth)
	case '"':
		s, err := d.text()
		return value{kind: text, str: s}, err
	}
	start := d.i
	for d.i < len(d.s) && strings.IndexByte(",]} \n\t\r", d.s[d.i]) < 0 {
		d.i++
	}
	if d.i == start {
		return value{}, errTree
	}
	return value{kind: scalar, str: d.s[start:d.i]}, nil
}

func (d *treeDecoder) object(depth int) (value, error) {
	d.i++
	v := value{kind: object}
	if d.next('}') {
		return v, nil
	}
	base := len(d.fields.open)
	for {
		d.space()
		if d.i >= len(d.s) || d.s[d.i] != '"' {
			return value{}, errTree
		}
		name, err := d.text()
		if err != nil || !d.next(':') {
			return value{}, errTree
		}
		f, err := d.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		d.fields.open = append(d.fields.open, field{name, f})
		if d.next('}') {
			v.fields = d.fields.close(base)
			return v, nil
		}
		if !d.next(',') {
			return value{}, errTree
		}
	}
}

func (d *treeDecoder) list(depth int) (value, error) {
	d.i++
	v := value{kind: list}
	if d.next(']') {
		return v, nil
	}
	base := len(d.items.open)
	for {
		f, err := d.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		d.items.open = append(d.items.open, f)
		if d.next(']') {
			v.items = d.items.close(base)
			return v, nil
		}
		if !d.next(',') {
			return value{}, errTree
		}
	}
}

// text reads a string; only one with escapes is copied.
func (d *treeDecoder) text() (string, error) {
	start := d.i
	for d.i++; d.i < len(d.s); d.i++ {
		switch d.s[d.i] {
		case '"':
			d.i++
			return d.s[start+1 : d.i-1], nil
		case '\\':
			return d.escaped(start)
		}
	}
	return "", errTree
}

func (d *treeDecoder) escaped(start int) (string, error) {
	for ; d.i < len(d.s); d.i++ {
		switch d.s[d.i] {
		case '\\':
			d.i++
		case '"':
			d.i++
			var out string
			if err := json.Unmarshal([]byte(d.s[start:d.i]), &out); err != nil {
				return "", errTree
			}
			return out, nil
		}
	}
	return "", errTree
}
