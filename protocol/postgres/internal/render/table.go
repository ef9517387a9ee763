package render

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

const (
	separator = " | "
	// maxWidth is how far a column is padded; longer cells stick out.
	maxWidth = 40
	// measured is how many rows decide on the widths.
	measured = 200
	// maxCell is how long a cell may be, where four times the value that was
	// sent is not more: a few bytes can stand for very many digits.
	maxCell = 4096
	// maxHex is how many bytes of a value are shown in hex.
	maxHex = 256
)

// describe takes a RowDescription for the rows to come.
func (r *renderer) describe(body []byte) error {
	columns, err := wire.ParseRowDescription(nil, body)
	if err != nil {
		return err
	}
	r.columns, r.known, r.widths, r.headed = columns, true, nil, false
	return nil
}

// measure finds the widths of the columns from the rows at the front of b.
func (r *renderer) measure(b []byte) {
	r.widths = make([]int, len(r.columns))
	for i, c := range r.columns {
		r.widths[i] = min(utf8.RuneCount(c.Name), maxWidth)
	}
	for n := 0; n < measured && len(b) > 0; n++ {
		typ, body, rest, err := split(b)
		if err != nil || body == nil || typ != wire.TypeDataRow || r.decode(body) != nil {
			return
		}
		for i, cell := range r.cells {
			if i == len(r.widths) {
				r.widths = append(r.widths, 0)
			}
			r.widths[i] = max(r.widths[i], min(utf8.RuneCount(cell), maxWidth))
		}
		b = rest
	}
}

// head writes the names of the columns, once.
func (r *renderer) head() {
	if r.headed || len(r.columns) == 0 {
		return
	}
	r.headed = true
	names := make([][]byte, len(r.columns))
	for i, c := range r.columns {
		names[i] = []byte(inline(c.Name))
	}
	r.cellLine(names)
}

// row writes a DataRow.
func (r *renderer) row(body []byte) error {
	r.head()
	if err := r.decode(body); err != nil {
		return err
	}
	r.cellLine(r.cells)
	return nil
}

func (r *renderer) cellLine(cells [][]byte) {
	for i, cell := range cells {
		if i > 0 {
			_, _ = r.out.WriteString(separator)
		}
		_, _ = r.out.Write(cell)
		if i < len(cells)-1 && i < len(r.widths) {
			_, _ = r.out.WriteString(strings.Repeat(" ", max(0, r.widths[i]-utf8.RuneCount(cell))))
		}
	}
	_ = r.out.WriteByte('\n')
}

// decode turns a row into cells of text, which hold until the next call.
func (r *renderer) decode(body []byte) error {
	fields, err := wire.ParseDataRow(body)
	if err != nil {
		return err
	}
	if r.known && fields.Len() != len(r.columns) {
		return fmt.Errorf("a row has %d fields where its shape has %d", fields.Len(), len(r.columns))
	}
	n := 0
	for v, ok := fields.Next(); ok; v, ok = fields.Next() {
		if n == len(r.cells) {
			r.cells = append(r.cells, nil)
		}
		r.cells[n] = r.cell(r.cells[n][:0], n, v)
		n++
	}
	r.cells = r.cells[:n]
	return fields.Err()
}

// cell appends the text of column i's value v.
func (r *renderer) cell(dst []byte, i int, v []byte) []byte {
	if v == nil {
		return append(dst, "NULL"...)
	}
	ok := utf8.Valid(v)
	if r.known {
		dst, ok = pgvalue.Text(dst, r.columns[i].Type, r.columns[i].Format, v)
		ok = ok && utf8.Valid(dst)
	} else if ok {
		dst = append(dst, v...)
	}
	if !ok {
		return hexed(dst[:0], v)
	}
	if most := max(maxCell, 4*len(v)); len(dst) > most {
		whole := len(dst)
		dst = fmt.Appendf(dst[:most:most], "… (%d bytes)", whole)
	}
	if bytes.ContainsAny(dst, "\n\r\t") {
		dst = append(dst[:0], inline(dst)...)
	}
	return dst
}

func hexed(dst, v []byte) []byte {
	dst = hex.AppendEncode(append(dst, `\x`...), v[:min(len(v), maxHex)])
	if len(v) > maxHex {
		dst = fmt.Appendf(dst, "… (%d bytes)", len(v))
	}
	return dst
}

var breaks = strings.NewReplacer("\n", `\n`, "\r", `\r`, "\t", `\t`)

// inline keeps text on its line and in its column.
func inline(b []byte) string { return breaks.Replace(string(b)) }

// data writes COPY data: text as it is, other bytes in hex.
func (r *renderer) data(b []byte) {
	if len(b) == 0 {
		return
	}
	if !utf8.Valid(b) || bytes.IndexByte(b, 0) >= 0 {
		r.line("%s", hexed(nil, b))
		return
	}
	_, _ = r.out.Write(b)
	if b[len(b)-1] != '\n' {
		_ = r.out.WriteByte('\n')
	}
}
