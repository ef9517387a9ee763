package wire

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// benchBodies are answers of the same content in each format.
func benchBodies() map[string]struct {
	wire model.Wire
	body []byte
} {
	var j, x strings.Builder
	var c []byte
	for i := range 500 {
		name := fmt.Sprintf("instance-%06d.example.internal", i)
		text := fmt.Sprintf("The %d. of them, which was started by the scheduler and has been well since then.", i)
		fmt.Fprintf(&j, `{"Name":%q,"Count":%d,"On":true,"Next":{"Name":%q},"tags":["blue","green"],"Labels":{"owner":"team-%d"}},`, name, i, text, i)
		fmt.Fprintf(&x, `<member><Name>%s</Name><Count>%d</Count><On>true</On><Next><Name>%s</Name></Next><tags><member>blue</member><member>green</member></tags></member>`, name, i, text)
		str := func(s string) { c = append(appendCBORHead(c, cborText, uint64(len(s))), s...) }
		c = append(c, cborMap<<5|3)
		str("Name")
		str(name)
		str("Count")
		c = appendCBORHead(c, cborUint, uint64(i))
		str("Next")
		c = append(c, cborMap<<5|1)
		str("Name")
		str(text)
	}
	cbor := appendCBORHead(append([]byte{cborMap<<5 | 1, 0x65}, "Nexts"...), cborArray, 500)
	return map[string]struct {
		wire model.Wire
		body []byte
	}{
		"JSON": {model.JSON11, []byte(`{"Nexts":[` + strings.TrimSuffix(j.String(), ",") + `]}`)},
		"XML":  {model.RESTXML, []byte(`<ActResponse><Nexts>` + x.String() + `</Nexts></ActResponse>`)},
		"CBOR": {model.CBOR, append(cbor, c...)},
	}
}

func BenchmarkResponse(b *testing.B) {
	op := operation(nil, sample())
	for name, c := range benchBodies() {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(c.body)))
			b.ReportAllocs()
			leaves := 0
			for b.Loop() {
				leaves = 0
				r, err := Response(op, c.wire, 200, nil, c.body, func(Leaf) error { leaves++; return nil })
				require.NoError(b, err)
				require.Zero(b, r.Unknown)
			}
			b.ReportMetric(float64(leaves), "leaves/op")
		})
	}
}

func BenchmarkLongText(b *testing.B) {
	op := operation(nil, sample())
	body := []byte(`{"Name":"` + strings.Repeat("All work and no play. ", 50_000) + `"}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := Response(op, model.JSON11, 200, nil, body, func(Leaf) error { return nil })
		require.NoError(b, err)
	}
}
