package protocol

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns s with everything escaped that could deceive its reader or
// command their terminal: control characters other than newline and tab,
// bidirectional and zero-width characters, other invisible format characters,
// and bytes that are not UTF-8. Backslashes stay, so the result is for reading
// and not for parsing.
func Visible(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= utf8.RuneSelf || (c < 0x20 && c != '\n' && c != '\t') || c == 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x`)
			b.WriteByte("0123456789abcdef"[s[i]>>4])
			b.WriteByte("0123456789abcdef"[s[i]&15])
		case r == '\n' || r == '\t' || Shown(r):
			b.WriteString(s[i : i+n])
		default:
			escape(&b, r)
		}
		i += n
	}
	return b.String()
}

// Shown reports whether r is drawn as itself, so that Visible leaves it as it
// is. Unicode's category Cf holds the bidirectional controls and the
// zero-width characters; variation selectors and fillers are drawn as nothing
// although they are letters or marks. Newline and tab, which Visible leaves,
// are not drawn.
func Shown(r rune) bool {
	switch {
	case r == ' ':
		return true
	case r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0, r == 0x034F, r == 0x2800:
		return false
	case r == 0x17B4, r == 0x17B5, r >= 0x180B && r <= 0x180F, r == 0x1D159:
		return false
	case r >= 0xFE00 && r <= 0xFE0F, r >= 0xE0000 && r <= 0xE0FFF:
		return false
	}
	return unicode.IsPrint(r)
}

func escape(b *strings.Builder, r rune) {
	const hex = "0123456789abcdef"
	digits, lead := 4, `\u`
	if r < 0x100 {
		digits, lead = 2, `\x`
	} else if r > 0xFFFF {
		digits, lead = 8, `\U`
	}
	b.WriteString(lead)
	for i := digits - 1; i >= 0; i-- {
		b.WriteByte(hex[r>>(4*i)&15])
	}
}
