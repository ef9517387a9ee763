package wire

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// form reads a body of the query protocols: Action=...&Filter.1.Name=...
func (s *walk) form(a at, body []byte) error {
	var m formMap
	from := len(s.names)
	defer func() { s.names = s.names[:from] }()
	for i := 0; i < len(body); {
		end := len(body)
		if n := bytes.IndexByte(body[i:], '&'); n >= 0 {
			end = i + n
		}
		if end == i {
			i++
			continue
		}
		eq, enc := bytes.IndexByte(body[i:end], '='), encForm
		if eq < 0 {
			eq, enc = end-i, encNone
		}
		name, ok := s.unescapeForm(body[i : i+eq])
		if !ok {
			return fmt.Errorf("%w form at byte %d: a name is not encoded right", ErrMalformed, i)
		}
		s.named(name)
		key := s.string(name)
		start := min(i+eq+1, end)
		value, ok := s.unescapeForm(body[start:end])
		if !ok {
			return fmt.Errorf("%w form at byte %d: a value is not encoded right", ErrMalformed, start)
		}
		i = end + 1
		if enc == encNone {
			start, end = 0, 0
		}
		if err := s.parameter(a, &m, key, value, start, end, enc); err != nil {
			return err
		}
	}
	s.unique(from)
	return nil
}

// formQuery reads the parameters of a query protocol's request that stand in
// its URL.
func (s *walk) formQuery(a at, query url.Values) error {
	var m formMap
	for _, key := range sortedKeys(query) {
		if signing[key] {
			continue
		}
		for i, value := range query[key] {
			if i == 1 {
				s.duplicate()
			}
			if err := s.parameter(a, &m, key, []byte(value), 0, 0, encNone); err != nil {
				return err
			}
		}
	}
	return nil
}

// unescapeForm is the text of a key or value; it is valid until the next call.
func (s *walk) unescapeForm(raw []byte) ([]byte, bool) {
	text := s.scratch[:0]
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; c {
		case '+':
			text = append(text, ' ')
		case ';':
			return nil, false // some parsers take it for &
		case '%':
			if i+2 >= len(raw) {
				return nil, false
			}
			n, err := strconv.ParseUint(string(raw[i+1:i+3]), 16, 8)
			if err != nil {
				return nil, false
			}
			text = append(text, byte(n))
			i += 2
		default:
			text = append(text, c)
		}
	}
	s.scratch = text
	return text, utf8.Valid(text)
}

// formMap is the last key of a map that a form has told, for the path of its value.
type formMap struct{ prefix, key string }

// parameter makes a leaf of one parameter. Its name leads through the model.
func (s *walk) parameter(a at, m *formMap, key string, value []byte, start, end int, enc encoding) error {
	if s.actions && (key == "Action" || key == "Version") || signing[key] {
		return nil
	}
	b, isKey, ok := s.follow(a, m, key)
	if !ok {
		s.leave(mark{})
		b = a.near(key)
		s.enterFree(key)
		s.unknown()
	}
	defer s.leave(mark{})
	if isKey {
		*m = formMap{prefix: strings.TrimSuffix(key, lastPart(key)), key: s.string(value)}
		s.enterKey(m.key)
		return s.key(b, value, start, end, enc)
	}
	return s.leaf(b, value, start, end, enc)
}

func lastPart(key string) string { return key[strings.LastIndexByte(key, '.')+1:] }

// follow walks from a structure along the dots of a parameter's name, and
// says whether that leads to a key of a map, and whether it leads anywhere.
func (s *walk) follow(a at, m *formMap, key string) (b at, isKey, ok bool) {
	rest := key
	for depth := 0; depth <= MaxDepth && a.shape != nil; depth++ {
		switch a.shape.Kind {
		case model.Structure:
			a, rest, ok = s.followMember(a, rest)
			if ok && rest == "" && a.shape != nil && a.shape.Kind == model.List {
				return a, false, true // an empty list is told by its name alone
			}
		case model.List:
			a, rest, ok = s.followElement(a, rest)
		case model.Map:
			a, rest, isKey, ok = s.followEntry(a, m, key, rest)
		default:
			return a, false, false
		}
		if !ok || isKey {
			return a, isKey, ok
		}
		if rest == "" {
			return a, false, a.shape != nil && a.shape.Kind > model.Map
		}
	}
	return a, false, false
}

func (s *walk) followMember(a at, rest string) (at, string, bool) {
	member, tail, ok := s.formMember(a.shape, rest)
	if !ok {
		return a, rest, false
	}
	s.enter(member.Name)
	return a.under(member), tail, true
}

func (s *walk) followElement(a at, rest string) (at, string, bool) {
	if !a.shape.Flattened && s.wire == model.Query {
		var ok bool
		if rest, ok = cutPart(rest, wireName(a.shape.Value, "member")); !ok {
			return a, rest, false
		}
	}
	n, tail, ok := formIndex(rest)
	if ok {
		s.enterIndex(n)
	}
	return a.inner(a.shape.Value), tail, ok
}

func (s *walk) followEntry(a at, m *formMap, key, rest string) (b at, tail string, isKey, ok bool) {
	if !a.shape.Flattened {
		if rest, ok = cutPart(rest, "entry"); !ok {
			return a, rest, false, false
		}
	}
	n, tail, ok := formIndex(rest)
	switch {
	case !ok:
		return a, rest, false, false
	case tail == wireName(a.shape.Key, "key"):
		return a.inner(a.shape.Key), "", true, true
	}
	prefix := strings.TrimSuffix(key, tail)
	if m.prefix == prefix {
		s.enterKey(m.key)
	} else {
		s.enterIndex(n)
	}
	tail, ok = cutPart(tail, wireName(a.shape.Value, "value"))
	return a.inner(a.shape.Value), tail, false, ok
}

// formMember finds the member that a parameter's name begins with. Names may
// hold dots themselves, so each member is tried.
func (s *walk) formMember(shape *model.Shape, name string) (*model.Member, string, bool) {
	for i := range shape.Members {
		m := &shape.Members[i]
		if tail, ok := cutPart(name, s.formName(m)); ok {
			return m, tail, true
		}
	}
	return nil, "", false
}

// formName is a member's name in a form.
func (s *walk) formName(m *model.Member) string {
	if s.wire == model.EC2 {
		if m.QueryName != "" {
			return m.QueryName
		}
		name := wireName(m, m.Name)
		return strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
	}
	if name := flatName(m.Shape); name != "" {
		return name
	}
	return wireName(m, m.Name)
}

// cutPart takes a part off the beginning of a name, with the dot behind it.
func cutPart(name, part string) (string, bool) {
	tail, ok := strings.CutPrefix(name, part)
	if !ok || part == "" {
		return name, false
	}
	if tail == "" {
		return "", true
	}
	if tail[0] != '.' || len(tail) == 1 {
		return name, false
	}
	return tail[1:], true
}

// formIndex takes a number from 1 off the beginning of a name, and counts
// from 0 as paths do.
func formIndex(name string) (int, string, bool) {
	digits, tail, dot := strings.Cut(name, ".")
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || strconv.Itoa(n) != digits || dot && tail == "" {
		return 0, "", false
	}
	return n - 1, tail, true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
