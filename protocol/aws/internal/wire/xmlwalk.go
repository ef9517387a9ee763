package wire

import (
	"bytes"
	"strings"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// xml reads a body that is one element, or empty.
func (s *walk) xml(a at, body []byte) error {
	x := &xmlScan{walk: s, b: body}
	found, err := x.prolog()
	if err != nil || !found {
		return err
	}
	e, err := x.open()
	if err != nil {
		return err
	}
	if s.response && string(e.local) == "Error" && s.wire == model.RESTXML {
		a = at{} // S3 says 200 before it knows
		err = x.fault(e)
	} else {
		err = x.root(e, a)
	}
	if err != nil {
		return err
	}
	for {
		x.space()
		if x.i == len(body) {
			return nil
		}
		if !x.at("<!--") {
			return x.bad("something stands behind the element")
		}
		x.i += 4
		if err := x.past("-->"); err != nil {
			return err
		}
	}
}

// root reads the outermost element. It stands for the structure itself,
// except where the structure's only member stands there (GetBucketLocation),
// and except in query answers, which wrap it once more.
func (x *xmlScan) root(e element, a at) error {
	if !x.response || a.shape == nil || a.shape.Kind != model.Structure {
		return x.element(e, a, 0)
	}
	if x.wire == model.RESTXML && len(a.shape.Members) == 1 {
		m := &a.shape.Members[0]
		if m.Shape != nil && m.Shape.Kind > model.Map && m.Location == model.InBody && m.WireName == string(e.local) && !x.childAhead(e) {
			mark := x.enter(m.Name)
			defer x.leave(mark)
			return x.element(e, a.under(m), 0)
		}
	}
	return x.element(e, a, 0)
}

// childAhead reports whether an element's content begins with another one.
func (x *xmlScan) childAhead(e element) bool {
	rest := bytes.TrimLeft(x.b[x.i:], " \t\r\n")
	return !e.empty && len(rest) > 1 && rest[0] == '<' && rest[1] != '/' && rest[1] != '!'
}

// element reads what stands in an element, with its end tag.
func (x *xmlScan) element(e element, a at, depth int) error {
	if depth > MaxDepth {
		return x.bad("it is nested too deeply")
	}
	if err := x.attributes(e, a); err != nil {
		return err
	}
	e.attrs = nil
	if e.empty {
		return x.blank(a)
	}
	counts := len(x.counts)
	defer func() { x.counts = x.counts[:counts] }()
	if a.shape != nil && a.shape.Kind == model.Structure {
		for range a.shape.Members {
			x.counts = append(x.counts, 0)
		}
	}
	start, next, children := x.i, 0, 0
	for {
		from := x.i
		solid, err := x.run()
		if err != nil {
			return err
		}
		end := x.i
		closed, err := x.close(e)
		if err != nil {
			return err
		}
		if closed && children == 0 {
			return x.content(a, start, end, solid)
		}
		if solid {
			x.unknown()
			if err := x.inside(a.lost(a.name), from, end, encXML); err != nil {
				return err
			}
		}
		if closed {
			return nil
		}
		if children == 0 && a.shape != nil && a.shape.Kind > model.Map {
			x.unknown()
			a = a.lost(a.name)
		}
		child, err := x.open()
		if err != nil {
			return err
		}
		if err := x.child(child, a, counts, children, &next, depth); err != nil {
			return err
		}
		children++
	}
}

// blank is an element without content and without a place for any.
func (x *xmlScan) blank(a at) error {
	if a.shape != nil && a.shape.Kind <= model.Map {
		return nil
	}
	return x.leaf(a, nil, 0, 0, encNone)
}

// content is the text of an element that has no others inside.
func (x *xmlScan) content(a at, start, end int, solid bool) error {
	if a.shape != nil && a.shape.Kind <= model.Map {
		if !solid {
			return nil
		}
		x.unknown()
		a = a.lost(a.name)
	}
	return x.inside(a, start, end, encXML)
}

// inside is a leaf of text.
func (x *xmlScan) inside(a at, start, end int, enc encoding) error {
	raw := x.b[start:end]
	if bytes.IndexByte(raw, '&') >= 0 || bytes.IndexByte(raw, '<') >= 0 || bytes.IndexByte(raw, '\r') >= 0 {
		if err := x.whole(raw); err != nil {
			return err
		}
		text, ok := unescapeXML(x.scratch[:0], raw)
		if !ok {
			return x.bad("an unknown entity")
		}
		x.scratch, raw = text, text
	}
	return x.leaf(a, raw, start, end, enc)
}

// whole refuses a request's text that a comment divides: some parsers take
// only what stands before it.
func (x *xmlScan) whole(raw []byte) error {
	if !x.response && bytes.Contains(raw, []byte("<!--")) {
		return x.bad("a comment inside of a text")
	}
	return nil
}

// attributes reads those of a start tag.
func (x *xmlScan) attributes(e element, a at) error {
	for _, attr := range e.attrs {
		if string(attr.name) == "xmlns" || bytes.HasPrefix(attr.name, []byte("xmlns:")) {
			continue
		}
		var m *model.Member
		if a.shape != nil && a.shape.Kind == model.Structure {
			next := 0
			if m, _ = x.find(a.shape, attr.name, &next); m != nil && !m.Attribute {
				m = nil
			}
		}
		b := a.lost(string(attr.name))
		if m != nil {
			b = a.under(m)
		}
		mark := x.enter(b.name)
		if m == nil && a.shape != nil {
			x.unknown()
		}
		if err := x.inside(b, attr.start, attr.end, encXML); err != nil {
			return err
		}
		x.leave(mark)
	}
	return nil
}

// child reads an element inside of another.
func (x *xmlScan) child(e element, a at, counts, n int, next *int, depth int) error {
	switch {
	case a.shape == nil || a.shape.Kind == model.Document:
		b := a.lost(x.string(e.local))
		mark := x.enterFree(b.name)
		defer x.leave(mark)
		return x.element(e, b, depth+1)
	case a.shape.Kind == model.List:
		mark := x.enterIndex(n)
		defer x.leave(mark)
		if string(e.local) != wireName(a.shape.Value, "member") {
			x.unknown()
		}
		return x.element(e, a.inner(a.shape.Value), depth+1)
	case a.shape.Kind == model.Map:
		return x.pair(e, a, depth+1)
	}
	return x.member(e, a, counts, next, depth)
}

// member reads an element that is a structure's member, or part of one that
// is a list or map without an element of its own.
func (x *xmlScan) member(e element, a at, counts int, next *int, depth int) error {
	m, i := x.find(a.shape, e.local, next)
	if m == nil {
		m, i = flatMember(a.shape, e.local)
	}
	if m == nil || m.Attribute {
		return x.stranger(e, a, depth)
	}
	b := a.under(m)
	mark := x.enter(m.Name)
	defer x.leave(mark)
	x.counts[counts+i]++
	seen := x.counts[counts+i]
	if b.shape != nil && b.shape.Flattened {
		switch b.shape.Kind {
		case model.List:
			x.enterIndex(seen - 1)
			return x.element(e, b.inner(b.shape.Value), depth+1)
		case model.Map:
			return x.pair(e, b, depth+1)
		}
	}
	if seen > 1 {
		x.duplicate()
	}
	return x.element(e, b, depth+1)
}

// flatMember is the member whose elements are named by themselves.
func flatMember(shape *model.Shape, name []byte) (*model.Member, int) {
	for i := range shape.Members {
		m := &shape.Members[i]
		if m.Location == model.InBody && string(name) == flatName(m.Shape) {
			return m, i
		}
	}
	return nil, -1
}

// flatName is what a flattened list calls its elements, where that takes the
// place of its own name; it is empty elsewhere. "member" is not told but usual.
func flatName(s *model.Shape) string {
	if s == nil || !s.Flattened || s.Kind != model.List || s.Value == nil || s.Value.WireName == "member" {
		return ""
	}
	return s.Value.WireName
}

// stranger reads an element that the model lacks. Answers of the query
// protocols are wrapped, and tell their own number.
func (x *xmlScan) stranger(e element, a at, depth int) error {
	envelope := x.response && (x.wire == model.Query || x.wire == model.EC2)
	name := x.string(e.local)
	if envelope && depth == 0 && strings.HasSuffix(name, "Result") {
		return x.element(e, a, depth+1)
	}
	b := a.near(name)
	mark := x.enterFree(name)
	defer x.leave(mark)
	switch name {
	case "ResponseMetadata", "requestId", "RequestId", "return":
		envelope = envelope && depth == 0
	default:
		envelope = false
	}
	if !envelope {
		x.unknown()
	}
	return x.element(e, b, depth+1)
}

// wireName is a list's or map's name for its elements.
func wireName(m *model.Member, usual string) string {
	if m == nil || m.WireName == "" {
		return usual
	}
	return m.WireName
}
