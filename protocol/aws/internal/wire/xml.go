package wire

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// xmlScan reads the XML that services use: elements, attributes, text, CDATA.
// A DTD is refused, with the entities it could define.
type xmlScan struct {
	*walk
	b      []byte
	i      int
	attrs  []attribute
	counts []int // of what the open structures' members have had
}

// element is a start tag. Its names are borrowed from the body.
type element struct {
	name, local []byte
	attrs       []attribute // valid until the next element is opened
	empty       bool        // it ended in its start tag
}

type attribute struct {
	name       []byte
	start, end int
}

func (x *xmlScan) bad(what string) error {
	return fmt.Errorf("%w XML at byte %d: %s", ErrMalformed, x.i, what)
}

// prolog reads what stands before the first element, and says whether there is one.
func (x *xmlScan) prolog() (bool, error) {
	if !utf8.Valid(x.b) {
		return false, x.bad("it is not UTF-8")
	}
	for i, c := range x.b {
		if c < 0x20 && !isSpace(c) {
			x.i = i
			return false, x.bad("a control character")
		}
	}
	x.i += len(x.b) - len(bytes.TrimPrefix(x.b, []byte("\ufeff")))
	for {
		x.space()
		switch {
		case x.i == len(x.b):
			return false, nil
		case x.at("<?xml"):
			end := bytes.Index(x.b[x.i:], []byte("?>"))
			if end < 0 {
				return false, x.bad("the declaration has no end")
			}
			if !utf8Declared(x.b[x.i : x.i+end]) {
				return false, x.bad("its encoding is not UTF-8")
			}
			x.i += end + 2
		case x.at("<!--"):
			x.i += 4
			if err := x.past("-->"); err != nil {
				return false, err
			}
		case x.at("<!"), x.at("<?"), !x.at("<"):
			return false, x.bad("no element begins here")
		default:
			return true, nil
		}
	}
}

// utf8Declared reports whether an XML declaration allows for reading UTF-8.
func utf8Declared(d []byte) bool {
	before, value, found := strings.Cut(strings.ToLower(string(d)), "encoding")
	if strings.Contains(value, "encoding") || strings.Count(before, "'")%2+strings.Count(before, `"`)%2 > 0 {
		return false
	}
	value = strings.Trim(value, " \t\r\n=\"'")
	return !found || strings.HasPrefix(value, "utf-8") || strings.HasPrefix(value, "us-ascii")
}

func (x *xmlScan) at(prefix string) bool {
	return len(x.b)-x.i >= len(prefix) && string(x.b[x.i:x.i+len(prefix)]) == prefix
}

// past moves behind the next occurrence of a mark.
func (x *xmlScan) past(mark string) error {
	n := bytes.Index(x.b[x.i:], []byte(mark))
	if n < 0 {
		return x.bad("something has no end")
	}
	x.i += n + len(mark)
	return nil
}

func (x *xmlScan) space() {
	for x.i < len(x.b) && isSpace(x.b[x.i]) {
		x.i++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// inName are the bytes that names are made of.
var inName = func() (t [256]bool) {
	for c := 0x21; c < 256; c++ {
		t[c] = c != 0x7f && strings.IndexByte("<>/=\"'&!?;,()[]{}@#$%^*+|\\`~", byte(c)) < 0
	}
	return t
}()

// nameAt reads a name.
func (x *xmlScan) nameAt() ([]byte, error) {
	start := x.i
	for x.i < len(x.b) && inName[x.b[x.i]] {
		x.i++
	}
	if x.i == start || x.b[start] == '-' || x.b[start] == '.' || x.b[start] >= '0' && x.b[start] <= '9' {
		return nil, x.bad("a name is missing")
	}
	return x.b[start:x.i], nil
}

// open reads a start tag.
func (x *xmlScan) open() (element, error) {
	x.i++
	name, err := x.nameAt()
	if err != nil {
		return element{}, err
	}
	e := element{name: name, local: name[bytes.IndexByte(name, ':')+1:]}
	x.attrs = x.attrs[:0]
	for {
		from := x.i
		x.space()
		switch {
		case x.at("/>"):
			x.i += 2
			e.empty, e.attrs = true, x.attrs
			return e, nil
		case x.at(">"):
			x.i++
			e.attrs = x.attrs
			return e, nil
		case from == x.i:
			return e, x.bad("a tag has no end")
		}
		if err := x.attribute(); err != nil {
			return e, err
		}
	}
}

func (x *xmlScan) attribute() error {
	name, err := x.nameAt()
	if err != nil {
		return err
	}
	for _, a := range x.attrs {
		if bytes.Equal(a.name, name) {
			return x.bad("an attribute stands twice")
		}
	}
	if len(x.attrs) == MaxDepth {
		return x.bad("too many attributes")
	}
	x.space()
	if !x.at("=") {
		return x.bad("an attribute has no value")
	}
	x.i++
	x.space()
	if !x.at(`"`) && !x.at(`'`) {
		return x.bad("an attribute has no quotes")
	}
	quote := x.b[x.i]
	x.i++
	start := x.i
	for x.i < len(x.b) && x.b[x.i] != quote {
		if x.b[x.i] == '<' {
			return x.bad("an attribute has no end")
		}
		x.i++
	}
	if x.i == len(x.b) {
		return x.bad("an attribute has no end")
	}
	x.attrs = append(x.attrs, attribute{name, start, x.i})
	x.i++
	return nil
}

// run reads text up to a tag, with what stands in it of CDATA and comments,
// and says whether there was anything but white space.
func (x *xmlScan) run() (bool, error) {
	solid := false
	for x.i < len(x.b) {
		for x.i < len(x.b) && isSpace(x.b[x.i]) {
			x.i++
		}
		from := x.i
		n := bytes.IndexByte(x.b[x.i:], '<')
		if n < 0 {
			break
		}
		x.i += n
		solid = solid || x.i > from
		switch {
		case x.at("<![CDATA["):
			solid = true
			if err := x.past("]]>"); err != nil {
				return false, err
			}
			continue
		case x.at("<!--"):
			x.i += 4
			if err := x.past("-->"); err != nil {
				return false, err
			}
			continue
		case x.at("<!"), x.at("<?"):
			return false, x.bad("a declaration inside of an element")
		}
		return solid, nil
	}
	return false, x.bad("an element has no end")
}

// close reads the end tag of e, if it stands here.
func (x *xmlScan) close(e element) (bool, error) {
	if !x.at("</") {
		return false, nil
	}
	x.i += 2
	name, err := x.nameAt()
	if err != nil {
		return false, err
	}
	x.space()
	if !x.at(">") || !bytes.Equal(name, e.name) {
		return false, x.bad("an end tag is of another element")
	}
	x.i++
	return true, nil
}

// unescapeXML appends the text of an element's or an attribute's inside.
func unescapeXML(dst, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case c == '\r':
			dst = append(dst, '\n')
			if i+1 < len(raw) && raw[i+1] == '\n' {
				i++
			}
		case c == '&':
			end := bytes.IndexByte(raw[i:min(len(raw), i+12)], ';')
			if end < 0 {
				return dst, false
			}
			r, ok := entity(string(raw[i+1 : i+end]))
			if !ok {
				return dst, false
			}
			dst = utf8.AppendRune(dst, r)
			i += end
		case c == '<' && bytes.HasPrefix(raw[i:], []byte("<![CDATA[")):
			end := bytes.Index(raw[i:], []byte("]]>"))
			if end < 0 {
				return dst, false
			}
			dst = append(dst, raw[i+9:i+end]...)
			i += end + 2
		case c == '<':
			if len(raw)-i < 4 {
				return dst, false
			}
			end := bytes.Index(raw[i+4:], []byte("-->"))
			if end < 0 {
				return dst, false
			}
			i += end + 6
		default:
			dst = append(dst, c)
		}
	}
	return dst, true
}

func entity(name string) (rune, bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, base := strings.TrimPrefix(name, "#"), 10
	if digits == name {
		return 0, false
	}
	if strings.HasPrefix(digits, "x") {
		digits, base = digits[1:], 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err != nil || n == 0 || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
		return 0, false
	}
	return rune(n), true
}

// appendXML appends text so that it can stand in an element or an attribute.
// What XML has no way to say is U+FFFD.
func appendXML(dst []byte, text string) []byte {
	for _, r := range text {
		switch {
		case r == '<' || r == '>' || r == '&' || r == '"' || r == '\'' || r == '\r' || r == '\n' || r == '\t':
			dst = append(dst, '&', '#')
			dst = strconv.AppendInt(dst, int64(r), 10)
			dst = append(dst, ';')
		case r < 0x20 || r == 0xfffe || r == 0xffff:
			dst = utf8.AppendRune(dst, utf8.RuneError)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}
