package recorder

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/protocol"
	"github.com/stretchr/testify/require"
)

// randomize fills v with random values, so that a field that someone adds and
// the encoder does not know fails the test.
func randomize(r *rand.Rand, v reflect.Value) {
	switch x := v.Addr().Interface().(type) {
	case *time.Time:
		*x = time.Unix(r.Int64N(1<<33), r.Int64N(1e9)).UTC()
		return
	case *protocol.Effects:
		*x = protocol.Effects(r.IntN(int(protocol.Everything) + 1))
		return
	case *protocol.Verdict:
		*x = protocol.Verdict(r.IntN(3))
		return
	case *protocol.Origin:
		*x = protocol.Origin(r.IntN(3))
		return
	case *protocol.Result:
		*x = protocol.Result(r.IntN(6))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(randomString(r))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64() >> r.IntN(60))
	case reflect.Uint64:
		v.SetUint(r.Uint64() >> r.IntN(60))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		randomize(r, v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			randomize(r, v.Field(i))
		}
	case reflect.Slice:
		if n := r.IntN(4); n > 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				randomize(r, v.Index(i))
			}
		}
	case reflect.Map:
		if n := r.IntN(4); n > 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				v.SetMapIndex(reflect.ValueOf(randomString(r)), reflect.ValueOf(randomString(r)))
			}
		}
	case reflect.Uint8:
		v.SetUint(uint64(r.IntN(256)))
	default:
		panic("a kind that randomize does not know: " + v.Kind().String())
	}
}

func randomString(r *rand.Rand) string {
	var b []byte
	for range r.IntN(12) {
		switch r.IntN(6) {
		case 0:
			b = append(b, byte(r.IntN(256)))
		case 1:
			b = utf8.AppendRune(b, rune(r.IntN(0x110000)))
		case 2:
			b = append(b, []string{`"`, `\`, "\n", `\udc80`, "\u2028", "\x00", "\U0010FFBF", "\xed\xa0\x80"}[r.IntN(8)]...)
		default:
			b = append(b, byte(' '+r.IntN(95)))
		}
	}
	return string(b)
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	rounds := 1000
	if soak() {
		rounds = 1e6
	}
	r := rand.New(rand.NewPCG(1, 2))
	enc := newEncoder()
	for range rounds {
		e := new(Event)
		randomize(r, reflect.ValueOf(e).Elem())
		e.Session = "s-1"
		e.Operation.Key = nil // not recorded
		for i := range e.Operation.Params {
			if len(e.Operation.Params[i].Raw) == 0 {
				e.Operation.Params[i].Raw = nil
			}
		}
		if len(e.Payload) == 0 {
			e.Payload = nil
		}
		header := enc.event(nil, e)
		require.True(t, json.Valid(header), "%s", header)
		require.True(t, utf8.Valid(header), "%q", header)
		got, err := decodeEvent(&record{typ: typeEvent, header: header, payload: e.Payload})
		require.NoError(t, err)
		require.Equal(t, e, got, "%s", header)
		require.Equal(t, e, e.Clone())
	}
}

func TestEncoderAgreesWithEncodingJSON(t *testing.T) {
	// Where all strings are plain, the field names are those of the types' tags.
	r := rand.New(rand.NewPCG(3, 4))
	enc := newEncoder()
	for range 300 {
		e := new(Event)
		randomize(r, reflect.ValueOf(e).Elem())
		var plain func(v reflect.Value)
		plain = func(v reflect.Value) {
			switch v.Kind() {
			case reflect.String:
				v.SetString(strings.Map(func(r rune) rune { return 'a' + r%26 }, v.String()))
			case reflect.Pointer:
				plain(v.Elem())
			case reflect.Struct:
				if v.Type() != reflect.TypeFor[time.Time]() {
					for i := range v.NumField() {
						plain(v.Field(i))
					}
				}
			case reflect.Slice:
				for i := range v.Len() {
					plain(v.Index(i))
				}
			case reflect.Map:
				v.Set(reflect.Zero(v.Type()))
			}
		}
		plain(reflect.ValueOf(e).Elem())
		want, err := json.Marshal(eventHeader{
			e.Session, e.Seq, e.Pos, e.Time, e.Kind, e.Exchange, e.Opened, e.Operation, e.OpKey, e.Decision, e.Part, e.Note, e.Outcome,
		})
		require.NoError(t, err)
		require.JSONEq(t, string(want), string(enc.event(nil, e)))
	}
}

func TestTimesThatJSONCannotHold(t *testing.T) {
	for _, at := range []time.Time{time.Unix(math.MaxInt64/2, 0), time.Unix(math.MinInt64/2, 0), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		b := appendTime(nil, at)
		var back time.Time
		require.NoError(t, json.Unmarshal(b, &back), "%s", b)
	}
}

func FuzzString(f *testing.F) {
	for _, s := range []string{"", "select 1", "\xff\xfe", "\U0010FF80x", `\udc80`, "\u202e", "a\x00b\"\\"} {
		f.Add(s)
	}
	enc := newEncoder()
	f.Fuzz(func(t *testing.T, s string) {
		e := &Event{Session: "s", Kind: KindNote, Note: &Note{Text: s}}
		got, err := decodeEvent(&record{typ: typeEvent, header: enc.event(nil, e)})
		require.NoError(t, err)
		require.Equal(t, s, got.Note.Text)
	})
}
