package protocol_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"select 1;\n\t-- plain":         "select 1;\n\t-- plain",
		"žluťoučký 漢字 🙂 e\u0301":        "žluťoučký 漢字 🙂 e\u0301",
		"a\\x1b":                        "a\\x1b",
		"\x1b]52;c;cm0gLXJmIC8=\a":      `\x1b]52;c;cm0gLXJmIC8=\x07`,
		"\x9b31m":                       `\x9b31m`,
		"\u009b31m":                     `\x9b31m`,
		"drop\rselect":                  `drop\x0dselect`,
		"a\x00b\x7f":                    `a\x00b\x7f`,
		"user\u202e; drop table":        `user\u202e; drop table`,
		"\u2066a\u2069":                 `\u2066a\u2069`,
		"pay\u200broll":                 `pay\u200broll`,
		"pay\u00adroll\ufeff":           `pay\xadroll\ufeff`,
		"a\u00a0b\u3000c":               `a\xa0b\u3000c`,
		"a\u2028b":                      `a\u2028b`,
		"\U000e0041\U000e007f":          `\U000e0041\U000e007f`,
		"\u3164\u115f\u2800\ufe0f":      `\u3164\u115f\u2800\ufe0f`,
		"\u17b4\u180b\U0001d159":        `\u17b4\u180b\U0001d159`,
		"\xff\xfe\xed\xa0\x80":          `\xff\xfe\xed\xa0\x80`,
		"\ufffd is itself":              "\ufffd is itself",
		strings.Repeat("a", 9) + "\x85": strings.Repeat("a", 9) + `\x85`,
	} {
		assert.Equal(t, want, protocol.Visible(in), "%q", in)
	}
}

// deceives reports whether r may do more than stand there.
func deceives(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Co, r) ||
		unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) || unicode.Is(unicode.Bidi_Control, r) ||
		unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		r != ' ' && unicode.Is(unicode.White_Space, r))
}

func TestVisibleForEveryCharacter(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if !utf8.ValidRune(r) {
			continue
		}
		v := protocol.Visible(string(r))
		if shown := v == string(r); shown && deceives(r) {
			t.Fatalf("%U is shown as it is", r)
		} else if !shown && (len(v) < 4 || v[0] != '\\') {
			t.Fatalf("%U becomes %q", r, v)
		}
	}
}

func FuzzVisible(f *testing.F) {
	f.Add("\x1b]52;c;AAAA\a\u202e")
	f.Add("\xf0\x9f\x99")
	f.Fuzz(func(t *testing.T, s string) {
		v := protocol.Visible(s)
		require.True(t, utf8.ValidString(v))
		require.Equal(t, v, protocol.Visible(v), "seeing is enough once")
		for _, r := range v {
			require.False(t, deceives(r), "%U in %q", r, v)
		}
	})
}
