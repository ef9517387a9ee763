package wire

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

func TestRewrite(t *testing.T) {
	const nasty = "*\"<&>\\\n\x00é"
	op := operation(sample(), nil)
	for _, c := range []struct {
		name       string
		wire       model.Wire
		text       string
		body, want string
	}{
		{"JSON", model.JSON11, nasty, `{ "Name" :"a", "x":"b","Count":1,"On":true,"When":12.5,"Data":"AAE=","Name":null}`,
			`{ "Name" :"*\"<&>\\\u000a\u0000é", "x":"*\"<&>\\\u000a\u0000é","Count":0,"On":false,"When":0,"Data":"KiI8Jj5cCgDDqQ==","Name":"*\"<&>\\\u000a\u0000é"}`},
		{"numbers in JSON", model.JSON11, "42", `{"Name":"a","Count":1,"Ratio":"NaN","On":false,"When":"2020-01-01T00:00:00Z"}`,
			`{"Name":"42","Count":42,"Ratio":"42","On":false,"When":"1970-01-01T00:00:00Z"}`},
		{"XML", model.RESTXML, nasty, `<R><Name>a</Name><x b="c"/><Count>1</Count><On>true</On><When>2020-01-01T00:00:00Z</When><Data>AAE=</Data></R>`,
			`<R><Name>*&#34;&#60;&#38;&#62;\&#10;` + "\ufffd" + `é</Name><x b="*&#34;&#60;&#38;&#62;\&#10;` + "\ufffd" + `é"/><Count>0</Count><On>false</On><When>1970-01-01T00:00:00Z</When><Data>KiI8Jj5cCgDDqQ==</Data></R>`},
		{"form", model.Query, "*&=", "Action=Act&Name=a&Count=1&Labels.entry.1.key=k", "Action=Act&Name=%2A%26%3D&Count=0&Labels.entry.1.key=%2A%26%3D"},
		{"CBOR", model.CBOR, "***", "\xa4\x64Name\x61a\x65Count\x01\x62On\xf5\x64Data\x41\x00", "\xa4\x64Name\x63***\x65Count\x00\x62On\xf4\x64Data\x43***"},
		{"times and floats in CBOR", model.CBOR, "-2", "\xa2\x64When\xc1\x18\x20\x65Ratio\xfa\x00\x00\x00\x00", "\xa2\x64When\xc1\x21\x65Ratio\xfb\xc0\x00\x00\x00\x00\x00\x00\x00"},
		{"string without length in CBOR", model.CBOR, strings.Repeat("x", 30), "\xa1\x64Name\x7f\x61a\xff", "\xa1\x64Name\x78\x1e" + strings.Repeat("x", 30)},
	} {
		t.Run(c.name, func(t *testing.T) {
			walk := func(f func(Leaf) error) (Report, error) { return Request(op, c.wire, nil, nil, nil, []byte(c.body), f) }
			got := masked(t, []byte(c.body), func(l Leaf) (Edit, bool) { return l.Edit(c.text), true }, walk)
			require.Equal(t, c.want, string(got))
		})
	}
}

func TestErase(t *testing.T) {
	op := operation(sample(), nil)
	for w, c := range map[model.Wire][2]string{
		model.JSON11:  {`{"Name":"a","Count":1,"Labels":{"k":"v"}}`, `{"Name":null,"Count":null,"Labels":{"":null}}`},
		model.RESTXML: {`<R><Name>a</Name><Count>1</Count></R>`, `<R><Name></Name><Count>0</Count></R>`},
		model.Query:   {`Name=a&Count=1`, `Name=&Count=0`},
		model.CBOR:    {"\xa2\x64Name\x61a\x65Count\x01", "\xa2\x64Name\xf6\x65Count\xf6"},
	} {
		walk := func(f func(Leaf) error) (Report, error) { return Request(op, w, nil, nil, nil, []byte(c[0]), f) }
		got := masked(t, []byte(c[0]), func(l Leaf) (Edit, bool) { return l.Erase(), true }, walk)
		require.Equal(t, c[1], string(got))
	}
}

func TestRewriteRefuses(t *testing.T) {
	body := []byte(`{"a":"b"}`)
	leaf := Leaf{Start: 5, End: 8, enc: encJSON}
	for _, edits := range [][]Edit{
		{{Start: 1, End: 2, Text: "made by hand"}},
		{leaf.Edit("x"), leaf.Edit("y")},
		{Leaf{Start: 5, End: 80, enc: encJSON}.Edit("x")},
		{Leaf{Start: 8, End: 5, enc: encJSON}.Edit("x")},
		{Leaf{Start: -1, End: 5, enc: encJSON}.Edit("x")},
		{Leaf{Start: 5, End: 5, enc: encJSON}.Edit("x")},
		{Leaf{Start: 5, End: 5, enc: encCBOR}.Edit("x")},
	} {
		_, err := Rewrite(body, edits)
		require.Error(t, err)
		require.Equal(t, `{"a":"b"}`, string(body))
	}
	same, err := Rewrite(body, nil)
	require.NoError(t, err)
	require.Equal(t, body, same)
	got, err := Rewrite(body, []Edit{leaf.Edit("\xff")})
	require.NoError(t, err)
	require.Equal(t, "{\"a\":\"\ufffd\"}", string(got))
}
