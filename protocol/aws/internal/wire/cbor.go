package wire

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
)

// CBOR's major types (RFC 8949).
const (
	cborUint byte = iota
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

// cborScan reads a CBOR item once, from left to right.
type cborScan struct {
	*walk
	b []byte
	i int
}

// cborHead is what an item begins with.
type cborHead struct {
	major, info byte
	arg         uint64
	endless     bool // the length is told by a break
}

// cbor reads a body that is one item, or empty.
func (s *walk) cbor(a at, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	c := cborScan{walk: s, b: body}
	if err := c.item(a, 0); err != nil {
		return err
	}
	if c.i != len(body) {
		return c.bad("something stands behind the item")
	}
	return nil
}

func (c *cborScan) bad(what string) error {
	return fmt.Errorf("%w CBOR at byte %d: %s", ErrMalformed, c.i, what)
}

func (c *cborScan) head() (cborHead, error) {
	if c.i == len(c.b) {
		return cborHead{}, c.bad("an item is missing")
	}
	first := c.b[c.i]
	h := cborHead{major: first >> 5, info: first & 31}
	c.i++
	if h.info < 24 {
		h.arg = uint64(h.info)
		return h, nil
	}
	if h.info == 31 && h.major >= cborBytes && h.major != cborTag {
		h.endless = true
		return h, nil
	}
	if h.info > 27 {
		return h, c.bad("a reserved length")
	}
	n := 1 << (h.info - 24)
	if len(c.b)-c.i < n {
		return h, c.bad("it ends early")
	}
	for range n {
		h.arg = h.arg<<8 | uint64(c.b[c.i])
		c.i++
	}
	return h, nil
}

// ended reports whether a container is at its end; n is what it has had.
func (c *cborScan) ended(h cborHead, n int) bool {
	if !h.endless {
		return uint64(n) >= h.arg
	}
	if c.i < len(c.b) && c.b[c.i] == 0xff {
		c.i++
		return true
	}
	return false
}

func (c *cborScan) item(a at, depth int) error {
	if depth > MaxDepth {
		return c.bad("it is nested too deeply")
	}
	start := c.i
	h, err := c.head()
	if err != nil {
		return err
	}
	switch h.major {
	case cborMap:
		return c.pairs(c.expect(a, model.Structure, model.Map), h, depth)
	case cborArray:
		return c.array(c.expect(a, model.List, model.List), h, depth)
	case cborTag:
		return c.item(a, depth+1)
	case cborBytes, cborText:
		value, err := c.chunks(h)
		if err != nil {
			return err
		}
		if h.major == cborBytes {
			return c.leaf(c.scalar(a), value, start, c.i, encBytes)
		}
		return c.leaf(c.scalar(a), value, start, c.i, encCBOR)
	}
	text, null, ok := cborNumber(c.scratch[:0], h)
	if !ok {
		c.i = start
		return c.bad("an unknown simple value")
	}
	c.scratch = text
	if null {
		return c.null(a, start, c.i, encCBOR)
	}
	return c.leaf(c.scalar(a), text, start, c.i, encCBOR)
}

// cborNumber appends the text of an integer, float or simple value.
func cborNumber(dst []byte, h cborHead) (text []byte, null, ok bool) {
	switch h.major {
	case cborUint:
		return strconv.AppendUint(dst, h.arg, 10), false, true
	case cborNegative:
		if h.arg == math.MaxUint64 {
			return append(dst, "-18446744073709551616"...), false, true
		}
		return strconv.AppendUint(append(dst, '-'), h.arg+1, 10), false, true
	}
	var f float64
	switch {
	case h.endless:
		return nil, false, false
	case h.info == 20:
		return append(dst, "false"...), false, true
	case h.info == 21:
		return append(dst, "true"...), false, true
	case h.info == 22 || h.info == 23:
		return dst, true, true
	case h.info == 25:
		f = halfFloat(uint16(h.arg))
	case h.info == 26:
		f = float64(math.Float32frombits(uint32(h.arg)))
	case h.info == 27:
		f = math.Float64frombits(h.arg)
	default:
		return nil, false, false
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return strconv.AppendFloat(dst, f, 'f', -1, 64), false, true
	}
	return strconv.AppendFloat(dst, f, 'g', -1, 64), false, true
}

func halfFloat(h uint16) float64 {
	exp, mant := int(h>>10&31), float64(h&1023)
	var f float64
	switch exp {
	case 0:
		f = math.Ldexp(mant, -24)
	case 31:
		f = math.Inf(1)
		if mant != 0 {
			f = math.NaN()
		}
	default:
		f = math.Ldexp(mant+1024, exp-25)
	}
	if h&0x8000 != 0 {
		f = -f
	}
	return f
}

// chunks reads the rest of a string, which is valid until the next one.
func (c *cborScan) chunks(h cborHead) ([]byte, error) {
	if !h.endless {
		return c.chunk(h)
	}
	text := c.scratch[:0]
	for !c.ended(h, 0) {
		part, err := c.head()
		if err != nil {
			return nil, err
		}
		if part.major != h.major || part.endless {
			return nil, c.bad("a string has a part of another type")
		}
		b, err := c.chunk(part)
		if err != nil {
			return nil, err
		}
		text = append(text, b...)
	}
	c.scratch = text
	return text, nil
}

func (c *cborScan) chunk(h cborHead) ([]byte, error) {
	if h.arg > uint64(len(c.b)-c.i) {
		return nil, c.bad("a string ends early")
	}
	b := c.b[c.i : c.i+int(h.arg)]
	c.i += len(b)
	if h.major == cborText && !utf8.Valid(b) {
		return nil, c.bad("a text is not UTF-8")
	}
	return b, nil
}

func (c *cborScan) pairs(a at, h cborHead, depth int) error {
	from, next := len(c.names), 0
	for n := 0; !c.ended(h, n); n++ {
		start := c.i
		k, err := c.head()
		if err != nil {
			return err
		}
		if k.major != cborText {
			return c.bad("a map's key is no text")
		}
		name, err := c.chunks(k)
		if err != nil {
			return err
		}
		c.named(name)
		inner, mark, err := c.entry(a, name, start, c.i, encCBOR, &next)
		if err != nil {
			return err
		}
		if err := c.item(inner, depth+1); err != nil {
			return err
		}
		c.leave(mark)
	}
	c.unique(from)
	return nil
}

func (c *cborScan) array(a at, h cborHead, depth int) error {
	inner := a
	if a.shape != nil && a.shape.Kind == model.List {
		inner = a.inner(a.shape.Value)
	}
	for n := 0; !c.ended(h, n); n++ {
		mark := c.enterIndex(n)
		if err := c.item(inner, depth+1); err != nil {
			return err
		}
		c.leave(mark)
	}
	return nil
}

// cborValue is the text of a scalar item.
func cborValue(token []byte) (string, bool) {
	c := cborScan{walk: &walk{}, b: token}
	h, err := c.head()
	if err != nil {
		return "", false
	}
	switch h.major {
	case cborBytes, cborText:
		value, err := c.chunks(h)
		if h.major == cborBytes {
			return base64.StdEncoding.EncodeToString(value), err == nil
		}
		return string(value), err == nil
	case cborArray, cborMap, cborTag:
		return "", false
	}
	text, _, ok := cborNumber(nil, h)
	return string(text), ok
}

// appendCBOR writes the edit's value in place of an item, which stays of its type.
func (e Edit) appendCBOR(dst, token []byte) []byte {
	major, info := token[0]>>5, token[0]&31
	switch {
	case e.Null && !e.key:
		return append(dst, 0xf6)
	case major == cborText:
		text := strings.ToValidUTF8(e.Text, "\ufffd")
		return append(appendCBORHead(dst, cborText, uint64(len(text))), text...)
	case major == cborBytes:
		return append(appendCBORHead(dst, cborBytes, uint64(len(e.Text))), e.Text...)
	case major == cborSimple && (info == 20 || info == 21):
		if e.Text == "true" {
			return append(dst, 0xf5)
		}
		return append(dst, 0xf4)
	case major == cborSimple && info < 24:
		return append(dst, token...)
	case major == cborSimple:
		f, err := strconv.ParseFloat(e.Text, 64)
		if err != nil {
			f = 0
		}
		return binary.BigEndian.AppendUint64(append(dst, 0xfb), math.Float64bits(f))
	}
	n, err := strconv.ParseInt(e.Text, 10, 64)
	switch {
	case err != nil:
		return append(dst, 0)
	case n < 0:
		return appendCBORHead(dst, cborNegative, uint64(-(n + 1)))
	}
	return appendCBORHead(dst, cborUint, uint64(n))
}

func appendCBORHead(dst []byte, major byte, n uint64) []byte {
	major <<= 5
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n <= math.MaxUint8:
		return append(dst, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(dst, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(dst, major|27), n)
}
