package wire

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// holdsTogether checks a body that a scanner may take: places are right, a
// rewritten body has the same structure and the new texts, and rewriting with
// the old texts changes no leaf.
func holdsTogether(t *testing.T, w model.Wire, body []byte, read func(b []byte, f func(Leaf) error) (Report, error)) {
	walk := func(b []byte) ([]Leaf, Report, error) {
		var leaves []Leaf
		r, err := read(b, func(l Leaf) error {
			checkPlace(t, b, l)
			leaves = append(leaves, l)
			return nil
		})
		return leaves, r, err
	}
	before, report, err := walk(body)
	if err != nil {
		require.ErrorIs(t, err, ErrMalformed)
		return
	}
	require.LessOrEqual(t, len(report.UnknownPaths), MaxUnknown)
	for _, text := range []string{"***", "<\"&'\\\n%+;é", ""} {
		var edits []Edit
		for _, l := range before {
			if l.Editable() && !l.Key {
				edits = append(edits, l.Edit(text))
			}
		}
		out, err := Rewrite(body, edits)
		require.NoError(t, err)
		after, again, err := walk(out)
		require.NoError(t, err, "%q", out)
		if text == "" {
			continue // in XML, text between elements is gone with its leaf
		}
		require.Equal(t, report, again)
		require.Len(t, after, len(before))
		for i, l := range after {
			was := before[i]
			require.Equal(t, fmt.Sprint(was.Path, was.Name, was.Key, was.Sensitive, was.Shape != nil), fmt.Sprint(l.Path, l.Name, l.Key, l.Sensitive, l.Shape != nil))
			switch {
			case l.Key || !was.Editable():
				require.Equal(t, was.Value, l.Value)
			case was.Shape == nil || was.Shape.Kind == model.String:
				if w != model.CBOR && (w != model.JSON11 || body[was.Start] == '"') {
					require.Equal(t, text, l.Value)
				}
			}
		}
	}
}

func fuzzWire(f *testing.F, w model.Wire, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	op := operation(sample(), sample())
	f.Fuzz(func(t *testing.T, body []byte) {
		holdsTogether(t, w, body, func(b []byte, f func(Leaf) error) (Report, error) {
			return Request(op, w, nil, nil, nil, b, f)
		})
		for _, status := range []int{200, 400} {
			holdsTogether(t, w, body, func(b []byte, f func(Leaf) error) (Report, error) {
				return Response(op, w, status, nil, b, f)
			})
		}
	})
}

func FuzzJSON(f *testing.F) {
	fuzzWire(f, model.JSON11, `{"Name":"a\u00e9\ud83d\ude00","Count":-1.5e3,"On":true,"When":1,"Data":"AAE=","Doc":{"a":[null,1]}}`,
		`{"tags":["a",null],"Labels":{"k":"v","k":1},"Next":{"Nexts":[{}]},"Hidden":{"Inner":"x"},"z":[[]]}`, `{"Name":1,"Count":"x"}`)
}

func FuzzXML(f *testing.F) {
	fuzzWire(f, model.RESTXML, `<?xml version="1.0" encoding="UTF-8"?><R xmlns="u"><Name>a&lt;<![CDATA[b]]><!-- c --></Name><Plain>1</Plain><Plain/><x y="z">t<u/></x></R>`,
		`<R><Labels><entry><key>k</key><value>v</value></entry></Labels><tags><member>a</member></tags><When>2020-01-01T00:00:00Z</When><Data/></R>`,
		`<ErrorResponse><Error><Code>c</Code></Error><RequestId/></ErrorResponse>`)
}

func FuzzQueryAnswer(f *testing.F) {
	fuzzWire(f, model.Query, `Action=Act&Name=a&tags.member.1=b&Labels.entry.1.key=k&Labels.entry.1.value=v&Nexts.member.2.Count=1&x=%2b`,
		`<ActResponse><ActResult><Name>a</Name></ActResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></ActResponse>`)
}

func FuzzEC2(f *testing.F) {
	fuzzWire(f, model.EC2, `Action=Act&Name=a&Tags.1=b&Nexts.1.Count=1`, `<ActResponse><requestId>r</requestId><Name>a</Name></ActResponse>`)
}

func FuzzCBOR(f *testing.F) {
	fuzzWire(f, model.CBOR, "\xbf\x7f\x62Na\x62me\xff\x7f\x61a\x61b\xff\x64Data\x5f\x41\x00\x41\x01\xff\x64tags\x9f\x61c\xff\xff",
		"\xa4\x64When\xc1\x18\x20\x65Ratio\xf9\x3e\x00\x66Labels\xa1\x61k\x61v\x64Next\xf6", "\xa1\x63Doc\x82\x01\xa1\x61x\xfb\x00\x00\x00\x00\x00\x00\x00\x00")
}
