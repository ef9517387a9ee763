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

func TestContent(t *testing.T) {
	op := operation(sample(), nil)
	for w, body := range map[model.Wire]string{
		model.JSON11:  `{"Name":"a\nb","Data":"/wA=","Labels":{"k":"v"}}`,
		model.RESTXML: `<R><Name>a&#10;b</Name><Data>/wA=</Data><Labels><entry><key>k</key><value>v</value></entry></Labels></R>`,
		model.Query:   `Name=a%0Ab&Data=%2FwA%3D&Labels.entry.1.key=k&Labels.entry.1.value=v`,
		model.CBOR:    "\xa3\x64Name\x63a\nb\x64Data\x42\xff\x00\x66Labels\xa1\x61k\x61v",
	} {
		var got []string
		walk := func(f func(Leaf) error) (Report, error) { return Request(op, w, nil, nil, nil, []byte(body), f) }
		out := masked(t, []byte(body), func(l Leaf) (Edit, bool) {
			text, ok := l.Content([]byte(body))
			require.True(t, ok)
			got = append(got, text)
			return l.Edit(text), true
		}, walk)
		require.Equal(t, []string{"a\nb", "\xff\x00", "k", "v"}, got)
		before, _, err := requestLines(t, op, w, body)
		require.NoError(t, err)
		after, _, err := requestLines(t, op, w, string(out))
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	blob := structOf("In", field1("Body", scalarOf(model.Blob)))
	blob.Payload = "Body"
	walk := func(f func(Leaf) error) (Report, error) {
		return Request(operation(blob, nil), model.RESTXML, nil, nil, nil, []byte("a\xff"), f)
	}
	out := masked(t, []byte("a\xff"), func(l Leaf) (Edit, bool) {
		text, _ := l.Content([]byte("a\xff"))
		return l.Edit(text + "\xfe"), true
	}, walk)
	require.Equal(t, "a\xff\xfe", string(out))
}

func TestKeys(t *testing.T) {
	long := strings.Repeat("é", 2000)
	op := operation(sample(), nil)
	body := `{"NextBy":{"` + long + `":{"Labels":{"ssn":"1"}}},"Doc":{"a":[{"b":2}]},"x":{"y":3},"Name":"n"}`
	got := map[string][]string{}
	_, err := Request(op, model.JSON11, nil, nil, nil, []byte(body), func(l Leaf) error {
		if !l.Key {
			got[l.Value] = append([]string(nil), l.Keys...)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"1": {long, "ssn"}, "2": {"a", "b"}, "3": {"x", "y"}, "n": nil}, got)
	body = `<R><NextBy><entry><key>k</key><value><Labels><entry><key>ssn</key><value>1</value></entry></Labels></value></entry></NextBy><Name>n</Name></R>`
	got = map[string][]string{}
	_, err = Request(op, model.RESTXML, nil, nil, nil, []byte(body), func(l Leaf) error {
		if !l.Key {
			got[l.Value] = append([]string(nil), l.Keys...)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, map[string][]string{"1": {"k", "ssn"}, "n": nil}, got)
}
