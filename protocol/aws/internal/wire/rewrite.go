package wire

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// encoding is how a leaf's token is written.
type encoding uint8

const (
	encNone  encoding = iota // not in the body
	encJSON                  // a JSON scalar
	encXML                   // text of an element or an attribute
	encCBOR                  // a CBOR item
	encBytes                 // a CBOR byte string
	encForm                  // a form's value or key
	encRaw                   // the whole body as it is
)

// Edit is another value for a leaf. Leaf.Edit and Leaf.Erase make them.
type Edit struct {
	// Start and End are the leaf's.
	Start, End int
	// Text is the new value: of a binary leaf its bytes.
	Text string
	// Null asks for the format's null, or what comes next to it.
	Null bool

	enc  encoding
	kind model.Kind
	key  bool
}

// Edit is the leaf with another text. Where the leaf is a number, a truth
// value or a time, and the text is none, Rewrite writes 0, false or 1970: the
// client's parser would fail on anything else.
func (l Leaf) Edit(text string) Edit {
	e := Edit{Start: l.Start, End: l.End, Text: text, enc: l.enc, key: l.Key}
	if l.Shape != nil {
		e.kind = l.Shape.Kind
	}
	return e
}

// Erase is the leaf with null in its place; where the format has none, it is
// what Edit writes for a text that fits nothing, or an empty text.
func (l Leaf) Erase() Edit {
	e := l.Edit("")
	e.Null = true
	return e
}

// Editable reports whether the leaf has a place in the body that Rewrite can
// write to. One in the path, in the query string or in a header has none.
func (l Leaf) Editable() bool { return l.enc != encNone }

// Text is all of the leaf's value, which Value may have clipped, from the body
// that the leaf is of. It says false where the leaf is not in the body.
func (l Leaf) Text(body []byte) (string, bool) {
	if l.Null || l.Start < 0 || l.End < l.Start || l.End > len(body) {
		return "", false
	}
	token := body[l.Start:l.End]
	switch l.enc {
	case encJSON:
		if len(token) < 2 || token[0] != '"' {
			return string(token), true
		}
		text, ok := unescapeJSON(nil, token[1:len(token)-1])
		return string(text), ok
	case encXML:
		text, ok := unescapeXML(nil, token)
		return string(text), ok
	case encForm:
		text, err := url.QueryUnescape(string(token))
		return text, err == nil
	case encRaw:
		return rawText(token), true
	case encCBOR, encBytes:
		return cborValue(token)
	}
	return "", false
}

// Content is what Edit takes for the same value: the bytes of a binary leaf,
// and the Text of others. It says false where the leaf is not in the body.
func (l Leaf) Content(body []byte) (string, bool) {
	text, ok := l.Text(body)
	switch {
	case !ok:
		return "", false
	case l.enc == encRaw:
		return string(body[l.Start:l.End]), true
	case l.enc == encBytes || l.Shape != nil && l.Shape.Kind == model.Blob && l.enc != encCBOR:
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return string(b), true
		}
	}
	return text, true
}

// Rewrite returns the body with other values in the places of the edits,
// written as the format demands, and nothing else changed. The body is left
// as it is. An edit of a leaf that is not in the body, or two of the same
// place, are errors.
func Rewrite(body []byte, edits []Edit) ([]byte, error) {
	edits = slices.Clone(edits)
	slices.SortFunc(edits, func(a, b Edit) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
	})
	size, from := len(body), 0
	for _, e := range edits {
		size += len(e.Text)
		switch {
		case e.enc == encNone:
			return nil, errors.New("a value that is not in the body cannot be rewritten")
		case e.Start < from || e.End < e.Start || e.End > len(body) || !e.fits(body[e.Start:e.End]):
			return nil, fmt.Errorf("an edit of bytes %d to %d does not fit the body or overlaps another", e.Start, e.End)
		}
		from = e.End
	}
	out := make([]byte, 0, size)
	from = 0
	for _, e := range edits {
		out = append(out, body[from:e.Start]...)
		if e.enc != encRaw && e.enc != encBytes && e.kind != model.Blob {
			e.Text = strings.ToValidUTF8(e.Text, "\ufffd")
		}
		out = e.append(out, body[e.Start:e.End])
		from = e.End
	}
	return append(out, body[from:]...), nil
}

// fits reports whether a token can be the one that the edit is of.
func (e Edit) fits(token []byte) bool {
	switch e.enc {
	case encJSON:
		return len(token) > 0 && (token[0] != '"' || len(token) > 1)
	case encCBOR, encBytes:
		return len(token) > 0
	}
	return true
}

// append writes the edit's value in place of a token.
func (e Edit) append(dst, token []byte) []byte {
	switch e.enc {
	case encJSON:
		return e.appendJSON(dst, token)
	case encXML:
		return appendXML(dst, e.scalar(func() string {
			text, _ := unescapeXML(nil, token)
			return string(text)
		}))
	case encForm:
		return append(dst, url.QueryEscape(e.scalar(func() string {
			text, _ := url.QueryUnescape(string(token))
			return text
		}))...)
	case encCBOR, encBytes:
		return e.appendCBOR(dst, token)
	}
	return append(dst, e.Text...)
}

func (e Edit) appendJSON(dst, token []byte) []byte {
	c := token[0]
	switch {
	case e.key:
		return appendJSON(dst, e.Text)
	case e.Null:
		return append(dst, "null"...)
	case c == '"':
		return appendJSON(dst, e.scalar(func() string {
			text, _ := unescapeJSON(nil, token[1:len(token)-1])
			return string(text)
		}))
	case c == 'n' && (e.kind == 0 || e.kind == model.String || e.kind == model.Blob || e.kind == model.Document):
		return appendJSON(dst, e.scalar(nil))
	case c == 'n':
		return append(dst, "null"...)
	case c == 't' || c == 'f':
		return append(dst, truth(e.Text)...)
	}
	if n := jsonNumber([]byte(e.Text)); n > 0 && n == len(e.Text) {
		return append(dst, e.Text...)
	}
	return append(dst, '0')
}

// scalar is the edit's text where a format writes everything as text. What
// stood there tells how a time is written.
func (e Edit) scalar(old func() string) string {
	if e.Null && e.kind != model.Timestamp {
		e.Text = ""
	}
	if e.key {
		return e.Text
	}
	switch e.kind {
	case model.Blob:
		return base64.StdEncoding.EncodeToString([]byte(e.Text))
	case model.Boolean:
		return truth(e.Text)
	case model.Integer:
		if _, err := strconv.ParseInt(e.Text, 10, 64); err != nil {
			return "0"
		}
	case model.Float:
		if n := jsonNumber([]byte(e.Text)); n == 0 || n != len(e.Text) {
			return "0"
		}
	case model.Timestamp:
		was := old()
		switch {
		case strings.Contains(was, ","):
			if _, err := time.Parse(time.RFC1123, e.Text); err != nil {
				return "Thu, 01 Jan 1970 00:00:00 GMT"
			}
		case strings.Contains(was, "T"):
			if _, err := time.Parse(time.RFC3339, e.Text); err != nil {
				return "1970-01-01T00:00:00Z"
			}
		default:
			if n := jsonNumber([]byte(e.Text)); n == 0 || n != len(e.Text) {
				return "0"
			}
		}
	}
	return e.Text
}

func truth(text string) string {
	if text == "true" {
		return text
	}
	return "false"
}

// rawText is a body as a leaf shows it.
func rawText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return base64.StdEncoding.EncodeToString(b)
}
