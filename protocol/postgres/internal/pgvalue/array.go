package pgvalue

import "encoding/binary"

// maxDims is the most dimensions that an array of PostgreSQL has.
const maxDims = 6

// array is an array in binary format whose header was read.
type array struct {
	element uint32
	rest    []byte
	dims    []dim
}

type dim struct{ size, first int }

// open reads the header: the number of dimensions, whether there are NULLs, the
// type of the elements, then size and first index of each dimension.
func open(element uint32, v []byte) (a array, ok bool) {
	if len(v) < 12 {
		return a, false
	}
	n := binary.BigEndian.Uint32(v)
	if n > maxDims || binary.BigEndian.Uint32(v[8:]) != element || len(v) < 12+8*int(n) {
		return a, false
	}
	a = array{element: element, rest: v[12+8*n:], dims: make([]dim, n)}
	// An element takes at least the four bytes of its length.
	elements, most := 1, len(a.rest)/4
	for i := range a.dims {
		at := v[12+8*i:]
		size := int32(binary.BigEndian.Uint32(at))
		// Only a vector has a dimension of nothing, and then it is its only one.
		if size < 0 || size == 0 && n > 1 || int(size) > most/elements {
			return a, false
		}
		elements *= int(size)
		a.dims[i] = dim{int(size), int(int32(binary.BigEndian.Uint32(at[4:])))}
	}
	return a, true
}

// next returns the next element, nil for NULL.
func (a *array) next() (v []byte, ok bool) {
	if len(a.rest) < 4 {
		return nil, false
	}
	n := int32(binary.BigEndian.Uint32(a.rest))
	a.rest = a.rest[4:]
	if n == -1 {
		return nil, true
	}
	if n < 0 || int(n) > len(a.rest) {
		return nil, false
	}
	v = a.rest[:n:n]
	a.rest = a.rest[n:]
	return v, true
}

func (w *writer) array(element uint32, v []byte) bool {
	a, ok := open(element, v)
	if !ok {
		return false
	}
	if len(a.dims) == 0 {
		return len(a.rest) == 0 && w.string("{}")
	}
	for _, d := range a.dims {
		if d.first == 1 {
			continue
		}
		for _, d := range a.dims { // one that does not start at 1 shows all
			w.string("[")
			w.int(int64(d.first))
			w.string(":")
			w.int(int64(d.first) + int64(d.size) - 1)
			w.string("]")
		}
		w.string("=")
		break
	}
	return w.dimension(&a, 0) && len(a.rest) == 0
}

func (w *writer) dimension(a *array, depth int) bool {
	if depth == len(a.dims) {
		return w.element(a)
	}
	w.string("{")
	for i := range a.dims[depth].size {
		if i > 0 {
			w.string(",")
		}
		if !w.fits(2*maxDims) || !w.dimension(a, depth+1) {
			return false
		}
	}
	return w.string("}")
}

// element writes an element, in quotes where it would be misread without.
func (w *writer) element(a *array) bool {
	v, ok := a.next()
	if !ok {
		return false
	}
	if v == nil {
		return w.string("NULL")
	}
	start := len(w.b)
	if !w.binary(a.element, v, 1) {
		return false
	}
	text := w.b[start:]
	if !needsQuotes(text) {
		return true
	}
	escapes := 0
	for _, c := range text {
		if c == '"' || c == '\\' {
			escapes++
		}
	}
	if !w.fits(escapes + 2) {
		return false
	}
	plain := string(text)
	w.b = append(w.b[:start], '"')
	for i := range len(plain) {
		if c := plain[i]; c == '"' || c == '\\' {
			w.b = append(w.b, '\\')
		}
		w.b = append(w.b, plain[i])
	}
	w.b = append(w.b, '"')
	return true
}

func needsQuotes(text []byte) bool {
	if len(text) == 0 {
		return true
	}
	if len(text) == 4 && (text[0]|0x20) == 'n' && (text[1]|0x20) == 'u' && (text[2]|0x20) == 'l' && (text[3]|0x20) == 'l' {
		return true
	}
	for _, c := range text {
		switch c {
		case '"', '\\', '{', '}', ',', ' ', '\t', '\n', '\r', '\v', '\f':
			return true
		}
	}
	return false
}

// vector writes an int2vector or oidvector: an array of one dimension that
// starts at 0 and is printed as a list.
func (w *writer) vector(oid uint32, v []byte) bool {
	element := uint32(oidInt2)
	if oid == oidOIDVector {
		element = oidOID
	}
	a, ok := open(element, v)
	if !ok || len(a.dims) > 1 {
		return false
	}
	for i := 0; len(a.dims) == 1 && i < a.dims[0].size; i++ {
		if i > 0 {
			w.string(" ")
		}
		if v, ok := a.next(); !ok || v == nil || !w.fits(12) || !w.binary(element, v, 1) {
			return false
		}
	}
	return len(a.rest) == 0
}
