package replay

import (
	"bufio"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
)

// escape writes s as the inside of a JSON string, as \u where a character is
// not one that is seen. Bytes that are no UTF-8 become U+FFFD. The error is
// the first one of w, which keeps it.
func escape(w *bufio.Writer, s string) error {
	const hex = "0123456789abcdef"
	unit := func(u uint16) {
		w.WriteString(`\u`)
		for shift := 12; shift >= 0; shift -= 4 {
			w.WriteByte(hex[u>>shift&15])
		}
	}
	from := 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		plain := r != '"' && r != '\\' && protocol.Shown(r)
		if plain && (r != utf8.RuneError || n > 1) {
			i += n
			continue
		}
		w.WriteString(s[from:i])
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteByte(byte(r))
		case r == '\n':
			w.WriteString(`\n`)
		case r == '\r':
			w.WriteString(`\r`)
		case r == '\t':
			w.WriteString(`\t`)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			unit(uint16(hi))
			unit(uint16(lo))
		default:
			unit(uint16(r))
		}
		i += n
		from = i
	}
	_, err := w.WriteString(s[from:])
	return err
}
