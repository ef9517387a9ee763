package wire

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

func TestJSON(t *testing.T) {
	op := operation(sample(), nil)
	for _, c := range []struct {
		name, body string
		want       []string
		unknown    int
		twice      int
	}{
		{"empty", "", nil, 0, 0},
		{"empty object", " {} ", nil, 0, 0},
		{"scalars", `{"Name":"a\u00e9\n","Count":12,"Ratio":-1.5e3,"On":true,"When":1.5,"Data":"AAE="}`,
			[]string{"Name=aé\n", "Count=12", "Ratio=-1.5e3", "On=true", "When=1.5", "Data=AAE="}, 0, 0},
		{"null", `{"Name":null,"Next":null}`, []string{"Name null", "Next null"}, 0, 0},
		{"sensitive", `{"Secret":"x","Hidden":{"Inner":"y","Other":1},"secret":"z"}`,
			[]string{"Secret=x sensitive", "Hidden.Inner=y sensitive", "Hidden.Other=1 sensitive unknown", "secret=z sensitive unknown"}, 2, 0},
		{"list", `{"tags":["a",null,"b"],"Nexts":[{"Name":"n"},{}]}`, []string{"Tags[0]=a", "Tags[1] null", "Tags[2]=b", "Nexts[0].Name=n"}, 0, 0},
		{"map", `{"Labels":{"a b":"1"},"NextBy":{"k":{"Count":1}}}`,
			[]string{`Labels["a b"]=a b key`, `Labels["a b"]=1`, `NextBy["k"]=k key`, `NextBy["k"].Count=1`}, 0, 0},
		{"document", `{"Doc":{"x":[1,{"y":"z"}]}}`, []string{"Doc.x[0]=1", "Doc.x[1].y=z"}, 0, 0},
		{"unknown", `{"Other":{"a":[1,"2"]},"Name ":"x","Tags":["model's name"]}`,
			[]string{"Other.a[0]=1 unknown", "Other.a[1]=2 unknown", `["Name "]=x unknown`, "Tags[0]=model's name unknown"}, 3, 0},
		{"other kinds", `{"Next":"x","tags":{"a":1},"Name":["y"],"Labels":3}`,
			[]string{"Next=x unknown", "Tags.a=1 unknown", "Name[0]=y unknown", "Labels=3 unknown"}, 4, 0},
		{"names twice", `{"Name":"a","N\u0061me":"b","Labels":{"x":"1","x":"2"},"Doc":{"q":1,"q":2}}`,
			[]string{"Name=a", "Name=b", `Labels["x"]=x key`, `Labels["x"]=1`, `Labels["x"]=x key`, `Labels["x"]=2`, "Doc.q=1", "Doc.q=2"}, 0, 3},
		{"half a pair", `{"Name":"a\ud83d","Secret":"\ud83d\ude00"}`, []string{"Name=a\ufffd", "Secret=😀 sensitive"}, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, r, err := requestLines(t, op, model.JSON11, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.unknown, r.Unknown)
			require.Equal(t, c.twice, r.Duplicates)
			require.Len(t, r.UnknownPaths, c.unknown+c.twice)
			require.False(t, r.Truncated)
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	op := operation(sample(), nil)
	for _, body := range []string{
		`{`, `}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{,}`, `[1,]`, `{"a":1}x`, `{"a":1}{}`, `{a:1}`, `{'a':1}`, `{"a":01}`, `{"a":1.}`, `{"a":.5}`,
		`{"a":+1}`, `{"a":1e}`, `{"a":-}`, `{"a":NaN}`, `{"a":True}`, `{"a":nul}`, `{"a":"` + "\x01" + `"}`, `{"a":"` + "\xff" + `"}`, `{"a":"\x"}`,
		`{"a":"\u12"}`, `{"a":"\`, `{"a":"`, "\ufeff{}", `{"a":1 "b":2}`, `[1 2]`, `/**/{}`, "\xff", `{"a":"\ud83d\u"}`,
		strings.Repeat(`{"Next":`, MaxDepth+2) + "1" + strings.Repeat("}", MaxDepth+2),
		strings.Repeat(`[`, 1<<20),
	} {
		_, _, err := requestLines(t, op, model.JSON10, body)
		require.ErrorIs(t, err, ErrMalformed, "%.80q", body)
		require.Less(t, len(err.Error()), 200)
	}
}

func TestEnough(t *testing.T) {
	op := operation(sample(), nil)
	n := 0
	r, err := Request(op, model.JSON11, nil, nil, nil, []byte(`{"Name":"a","Count":1,"Other":{}}`), func(Leaf) error {
		n++
		return ErrEnough
	})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.True(t, r.Truncated)
	require.Equal(t, 1, r.Unknown, "what follows is still counted")
	_, err = Request(op, model.JSON11, nil, nil, nil, []byte(`{"Name":"a","Count":1,`), func(Leaf) error { return ErrEnough })
	require.ErrorIs(t, err, ErrMalformed, "what follows is still checked")
}

func TestBounds(t *testing.T) {
	op := operation(sample(), nil)
	long := strings.Repeat("é", MaxValue)
	for _, w := range []model.Wire{model.JSON11, model.RESTXML, model.Query} {
		body := map[model.Wire]string{
			model.JSON11: `{"Name":"` + long + `"}`, model.RESTXML: "<a><Name>" + long + "</Name></a>", model.Query: "Name=" + long,
		}[w]
		var got []Leaf
		_, err := Request(op, w, nil, nil, nil, []byte(body), func(l Leaf) error { got = append(got, l); return nil })
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.True(t, got[0].Clipped)
		require.Len(t, got[0].Value, MaxValue)
		text, ok := got[0].Text([]byte(body))
		require.True(t, ok)
		require.Equal(t, long, text)
	}
	deep := strings.Repeat(`{"`+strings.Repeat("x", 200)+`":`, 20) + "1" + strings.Repeat("}", 20)
	got, _, err := requestLines(t, op, model.JSON11, deep)
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(strings.TrimSuffix(got[0], "=1 unknown"), "..."))
	require.Less(t, len(got[0]), MaxPath+20)
	_, r, err := requestLines(t, op, model.JSON11, "["+strings.Repeat(`{"q":1},`, 100)+"1]")
	require.NoError(t, err)
	require.Len(t, r.UnknownPaths, 1, "what is inside of the unknown counts once")
}

func TestNoParameters(t *testing.T) {
	op := operation(nil, nil)
	for _, c := range []struct {
		wire model.Wire
		body string
	}{{model.JSON11, `{"a":1}`}, {model.RESTXML, "<R><a>1</a></R>"}, {model.Query, "a=1"}, {model.EC2, "a=1"}, {model.CBOR, "\xa1\x61a\x01"}} {
		got, r, err := requestLines(t, op, c.wire, c.body)
		require.NoError(t, err)
		require.Equal(t, []string{"a=1 unknown"}, got)
		require.Equal(t, 1, r.Unknown, "what a call without parameters has is unknown")
	}
	_, r, err := responseLines(t, op, model.EC2, 200, nil, "<ActResponse><requestId>i</requestId><return>true</return></ActResponse>")
	require.NoError(t, err)
	require.Zero(t, r.Unknown)
}
