package wire

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

func TestCBOR(t *testing.T) {
	op := operation(sample(), nil)
	encode := func(v any) string {
		mode, err := cbor.EncOptions{Time: cbor.TimeUnix, TimeTag: cbor.EncTagRequired, Sort: cbor.SortCanonical}.EncMode()
		require.NoError(t, err)
		b, err := mode.Marshal(v)
		require.NoError(t, err)
		return string(b)
	}
	type m = map[string]any
	for _, c := range []struct {
		name, body string
		want       []string
		unknown    int
		twice      int
	}{
		{"empty", "", nil, 0, 0},
		{"empty map", encode(m{}), nil, 0, 0},
		{"text", encode(m{"Name": "aé"}), []string{"Name=aé"}, 0, 0},
		{"numbers", encode([]any{1, -2, 300, uint64(math.MaxUint64), 1.5, float32(2), -1e300, math.Inf(-1)}),
			[]string{"[0]=1 unknown", "[1]=-2 unknown", "[2]=300 unknown", "[3]=18446744073709551615 unknown", "[4]=1.5 unknown", "[5]=2 unknown", "[6]=-1e+300 unknown", "[7]=-Inf unknown"}, 1, 0},
		{"half float", "\xa1\x65Ratio\xf9\x3e\x00", []string{"Ratio=1.5"}, 0, 0},
		{"least", "\xa1\x65Count\x3b\xff\xff\xff\xff\xff\xff\xff\xff", []string{"Count=-18446744073709551616"}, 0, 0},
		{"time", encode(m{"When": time.Unix(1700000000, 0)}), []string{"When=1700000000"}, 0, 0},
		{"bytes", encode(m{"Data": []byte{0, 1}}), []string{"Data=AAE="}, 0, 0},
		{"truth and null", encode(m{"On": false, "Next": nil}), []string{"On=false", "Next null"}, 0, 0},
		{"map", encode(m{"Labels": m{"k": "v"}}), []string{`Labels["k"]=k key`, `Labels["k"]=v`}, 0, 0},
		{"list", encode(m{"tags": []string{"a", "b"}}), []string{"Tags[0]=a", "Tags[1]=b"}, 0, 0},
		{"without lengths", "\xbf\x7f\x62Na\x62me\xff\x7f\x61a\x61b\xff\x64Data\x5f\x41\x00\x41\x01\xff\x64tags\x9f\x61c\xff\xff", []string{"Name=ab", "Data=AAE=", "Tags[0]=c"}, 0, 0},
		{"sensitive", encode(m{"Hidden": m{"Inner": "x"}}), []string{"Hidden.Inner=x sensitive"}, 0, 0},
		{"unknown", encode(m{"Other": []any{m{"a": 1}}}), []string{"Other[0].a=1 unknown"}, 1, 0},
		{"twice", "\xa2\x64Name\x61a\x64Name\x61b", []string{"Name=a", "Name=b"}, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, r, err := requestLines(t, op, model.CBOR, c.body)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
			require.Equal(t, c.unknown, r.Unknown)
			require.Equal(t, c.twice, r.Duplicates)
		})
	}
}

func TestCBORRefuses(t *testing.T) {
	op := operation(sample(), nil)
	for _, body := range []string{
		"\xa1", "\xa1\x01\x01", "\xbf", "\xff", "\x1f", "\x1c", "\x9f", "\x9f\x01", "\x62a", "\x7f\x41a\xff", "\x7f\x7f\xff\xff", "\x61\xff", "\x18", "\xf8\x18", "\xe0", "\xdf\x01",
		"\xa0\xa0", "\xc1", "\x7b\x7f\xff\xff\xff\xff\xff\xff\xff", "\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01", "\xbb\x7f\xff\xff\xff\xff\xff\xff\xff",
		string(bytes.Repeat([]byte{0x81}, 1<<16)), string(bytes.Repeat([]byte{0xc1}, 1<<16)),
	} {
		_, _, err := requestLines(t, op, model.CBOR, body)
		require.ErrorIs(t, err, ErrMalformed, "%.40q", body)
	}
}
