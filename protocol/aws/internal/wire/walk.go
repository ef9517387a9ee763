package wire

import (
	"encoding/base64"
	"errors"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// walk is the way through one message: where it stands, and what it has seen.
type walk struct {
	wire     model.Wire
	f        func(Leaf) error
	report   Report
	rest     bool // members with a location are not in the body
	response bool
	actions  bool // parameters name the operation

	path   []byte
	keys   []string
	leaves int
	enough bool

	text    strings.Builder // what strings are cut from, so that they need no allocation each
	chunk   int
	scratch []byte
	names   []uint64 // digests of the names in the objects that are open
	seed    maphash.Seed

	// What path, keys and names begin in, so that small messages need no more.
	roomPath  [96]byte
	roomKeys  [4]string
	roomNames [16]uint64
}

// at is the place in the model that a value stands at.
type at struct {
	shape     *model.Shape
	name      string
	sensitive bool
}

func (a at) hidden() bool { return a.sensitive || a.shape != nil && a.shape.Sensitive }

// under is the place of a member.
func (a at) under(m *model.Member) at {
	return at{shape: m.Shape, name: m.Name, sensitive: a.hidden()}
}

// inner is the place of a list's element, or of a map's key or value.
func (a at) inner(m *model.Member) at {
	b := at{name: a.name, sensitive: a.hidden()}
	if m != nil {
		b.shape = m.Shape
	}
	return b
}

// lost is a place that the model does not know.
func (a at) lost(name string) at { return at{name: name, sensitive: a.hidden()} }

// near is lost, but sensitive also where a member of almost that name is:
// parsers exist that read names without regard to case.
func (a at) near(name string) at {
	b := a.lost(name)
	if a.shape != nil {
		for i := range a.shape.Members {
			m := &a.shape.Members[i]
			if m.Shape != nil && m.Shape.Sensitive && len(m.WireName) == len(name) && strings.EqualFold(m.WireName, name) {
				b.sensitive = true
			}
		}
	}
	return b
}

func newWalk(w model.Wire, f func(Leaf) error) *walk {
	s := &walk{wire: w, f: f, seed: maphash.MakeSeed(), chunk: 256}
	s.path, s.keys, s.names = s.roomPath[:0], s.roomKeys[:0], s.roomNames[:0]
	return s
}

// find is the structure's member with that name on the wire. The search
// starts where the last one ended, since members mostly come in order.
func (s *walk) find(shape *model.Shape, name []byte, next *int) (*model.Member, int) {
	n := len(shape.Members)
	i := *next
	for range n {
		if i >= n {
			i = 0
		}
		m := &shape.Members[i]
		if string(name) == m.WireName && (!s.rest || m.Location == model.InBody) {
			*next = i + 1
			return m, i
		}
		i++
	}
	return nil, -1
}

// member is the structure's member of that model name.
func member(shape *model.Shape, name string) *model.Member {
	for i := range shape.Members {
		if shape.Members[i].Name == name {
			return &shape.Members[i]
		}
	}
	return nil
}

// mark is a place on the way, for going back there.
type mark struct{ path, keys int }

func (s *walk) here() mark { return mark{len(s.path), len(s.keys)} }

// enter adds a name to the path and returns what leave takes.
func (s *walk) enter(name string) mark {
	m := s.here()
	switch {
	case m.path > MaxPath:
	case !plain(name):
		s.quote(name)
	default:
		if m.path > 0 {
			s.path = append(s.path, '.')
		}
		s.path = append(s.path, name...)
		s.bound()
	}
	return m
}

func (s *walk) enterIndex(i int) mark {
	m := s.here()
	if m.path <= MaxPath {
		s.path = append(s.path, '[')
		s.path = strconv.AppendInt(s.path, int64(i), 10)
		s.path = append(s.path, ']')
		s.bound()
	}
	return m
}

// enterKey adds a map's key.
func (s *walk) enterKey(key string) mark {
	m := s.here()
	s.keys = append(s.keys, key)
	if m.path <= MaxPath {
		s.quote(key)
	}
	return m
}

// enterFree adds a name that is not the model's, in a document or where the
// model knows nothing.
func (s *walk) enterFree(name string) mark {
	m := s.enter(name)
	s.keys = append(s.keys, name)
	return m
}

func (s *walk) quote(name string) {
	const most = 128
	s.path = append(s.path, '[')
	switch {
	case len(name) > most:
		s.path = strconv.AppendQuoteToASCII(s.path, name[:most])
		s.path = append(s.path, "..."...)
	case plain(name):
		s.path = append(append(append(s.path, '"'), name...), '"')
	default:
		s.path = strconv.AppendQuoteToASCII(s.path, name)
	}
	s.path = append(s.path, ']')
	s.bound()
}

func (s *walk) bound() {
	if len(s.path) > MaxPath {
		s.path = append(s.path[:MaxPath], "..."...)
	}
}

func (s *walk) leave(m mark) { s.path, s.keys = s.path[:m.path], s.keys[:m.keys] }

// plain reports whether a name can stand in a path as it is.
func plain(name string) bool {
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == ':', c == '$':
		default:
			return false
		}
	}
	return name != "" && len(name) <= 256
}

// unknown counts the place that the path leads to.
func (s *walk) unknown() {
	s.report.Unknown++
	s.remember()
}

func (s *walk) duplicate() {
	s.report.Duplicates++
	s.remember()
}

func (s *walk) remember() {
	if len(s.report.UnknownPaths) < MaxUnknown {
		s.report.UnknownPaths = append(s.report.UnknownPaths, string(s.path))
	}
}

// string is a copy of b.
func (s *walk) string(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if len(b) > 1024 {
		return string(b)
	}
	n := s.text.Len()
	if s.text.Cap()-n < len(b) {
		s.text.Reset()
		s.chunk = min(2*s.chunk, 16<<10)
		s.text.Grow(max(s.chunk, len(b)))
		n = 0
	}
	s.text.Write(b)
	return s.text.String()[n:]
}

// leaf hands out a value as text, or as base64 where it is not text.
func (s *walk) leaf(a at, value []byte, start, end int, enc encoding) error {
	if s.skip() {
		return nil
	}
	l := Leaf{Name: a.name, Shape: a.shape, Sensitive: a.hidden(), Start: start, End: end, enc: enc}
	value, l.Clipped = clip(value, MaxValue)
	if enc == encRaw && !utf8.Valid(value) || enc == encBytes {
		value = base64.StdEncoding.AppendEncode(nil, value)
		if len(value) > MaxValue {
			value, l.Clipped = value[:MaxValue], true
		}
	}
	l.Value = s.string(value)
	return s.hand(&l)
}

// key hands out a map's key.
func (s *walk) key(a at, value []byte, start, end int, enc encoding) error {
	if s.skip() {
		return nil
	}
	l := Leaf{Name: a.name, Shape: a.shape, Sensitive: a.hidden(), Start: start, End: end, enc: enc, Key: true}
	value, l.Clipped = clip(value, MaxValue)
	l.Value = s.string(value)
	return s.hand(&l)
}

// null hands out a null.
func (s *walk) null(a at, start, end int, enc encoding) error {
	if s.skip() {
		return nil
	}
	return s.hand(&Leaf{Name: a.name, Shape: a.shape, Sensitive: a.hidden(), Start: start, End: end, enc: enc, Null: true})
}

// skip reports that no leaf is wanted any more.
func (s *walk) skip() bool {
	if s.leaves >= MaxLeaves {
		s.enough = true
	}
	if s.enough {
		s.report.Truncated = true
	}
	return s.enough
}

func (s *walk) hand(l *Leaf) error {
	s.leaves++
	l.Path, l.Keys = s.string(s.path), s.keys[:len(s.keys):len(s.keys)]
	err := s.f(*l)
	if errors.Is(err, ErrEnough) {
		s.enough = true
		return nil
	}
	return err
}

// clip cuts text at a rune's border.
func clip(b []byte, most int) ([]byte, bool) {
	if len(b) <= most {
		return b, false
	}
	for i := most; i > most-utf8.UTFMax && i > 0; i-- {
		if utf8.RuneStart(b[i]) {
			return b[:i], true
		}
	}
	return b[:most], true
}

// named notes a name of the innermost object. More than can be leaves are not.
func (s *walk) named(name []byte) {
	if len(s.names) >= MaxLeaves {
		s.report.Truncated = true
		return
	}
	s.names = append(s.names, maphash.Bytes(s.seed, name))
}

// unique ends an object whose names begin at from, and counts those that
// stood there before.
func (s *walk) unique(from int) {
	names := s.names[from:]
	slices.Sort(names)
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			s.duplicate()
		}
	}
	s.names = s.names[:from]
}
