package wire

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// Shapes made by hand, for what no service has in one place.

func scalarOf(k model.Kind) *model.Shape { return &model.Shape{Kind: k} }

func secretOf(k model.Kind) *model.Shape { return &model.Shape{Kind: k, Sensitive: true} }

func structOf(name string, members ...model.Member) *model.Shape {
	return &model.Shape{Name: name, Kind: model.Structure, Members: members}
}

func field1(name string, s *model.Shape) model.Member {
	return model.Member{Name: name, WireName: name, Shape: s}
}

func named(name, wire string, s *model.Shape) model.Member {
	return model.Member{Name: name, WireName: wire, Shape: s}
}

func listOf(wire string, s *model.Shape) *model.Shape {
	return &model.Shape{Kind: model.List, Value: &model.Member{WireName: wire, Shape: s}}
}

func mapOf(s *model.Shape) *model.Shape {
	return &model.Shape{Kind: model.Map, Key: &model.Member{WireName: "key", Shape: scalarOf(model.String)}, Value: &model.Member{WireName: "value", Shape: s}}
}

func flat(s *model.Shape) *model.Shape {
	s.Flattened = true
	return s
}

// sample has one of everything that bodies can hold, and holds itself.
func sample() *model.Shape {
	s := structOf("Sample",
		field1("Name", scalarOf(model.String)),
		field1("Count", scalarOf(model.Integer)),
		field1("Ratio", scalarOf(model.Float)),
		field1("On", scalarOf(model.Boolean)),
		field1("When", scalarOf(model.Timestamp)),
		field1("Data", scalarOf(model.Blob)),
		field1("Secret", secretOf(model.String)),
		named("Tags", "tags", listOf("member", scalarOf(model.String))),
		field1("Plain", flat(listOf("", scalarOf(model.String)))),
		field1("Labels", mapOf(scalarOf(model.String))),
		field1("Doc", scalarOf(model.Document)),
	)
	hidden := structOf("Hidden", field1("Inner", scalarOf(model.String)))
	hidden.Sensitive = true
	s.Members = append(s.Members, field1("Hidden", hidden), field1("Next", s), field1("Nexts", listOf("member", s)), field1("NextBy", mapOf(s)))
	return s
}

func operation(in, out *model.Shape) *model.Operation {
	return &model.Operation{Name: "Act", Method: "POST", URI: "/", Input: in, Output: out, Service: &model.Service{Name: "sample"}}
}

// lines is what a walk hands out, one line a leaf: path = value, with what is
// special about it behind.
func lines(t testing.TB, body []byte, walk func(f func(Leaf) error) (Report, error)) ([]string, Report, error) {
	t.Helper()
	var out []string
	r, err := walk(func(l Leaf) error {
		checkPlace(t, body, l)
		line := l.Path + "=" + l.Value
		if l.Null {
			line = l.Path + " null"
		}
		if l.Key {
			line += " key"
		}
		if l.Sensitive {
			line += " sensitive"
		}
		if l.Shape == nil {
			line += " unknown"
		}
		out = append(out, line)
		return nil
	})
	return out, r, err
}

// checkPlace holds that what stands in a leaf's place reads as its value.
func checkPlace(t testing.TB, body []byte, l Leaf) {
	t.Helper()
	require.LessOrEqual(t, len(l.Path), MaxPath+3)
	require.LessOrEqual(t, len(l.Value), MaxValue)
	if !l.Editable() {
		require.Zero(t, l.Start+l.End)
		return
	}
	require.True(t, l.Start >= 0 && l.Start <= l.End && l.End <= len(body), "%+v", l)
	if l.Null {
		return
	}
	text, ok := l.Text(body)
	require.True(t, ok, "%+v", l)
	if l.Clipped {
		require.Equal(t, l.Value[:MaxValue/2], text[:MaxValue/2])
	} else {
		require.Equal(t, l.Value, text, "%+v", l)
	}
}

func requestLines(t testing.TB, op *model.Operation, w model.Wire, body string) ([]string, Report, error) {
	return lines(t, []byte(body), func(f func(Leaf) error) (Report, error) {
		return Request(op, w, nil, nil, nil, []byte(body), f)
	})
}

func responseLines(t testing.TB, op *model.Operation, w model.Wire, status int, header http.Header, body string) ([]string, Report, error) {
	return lines(t, []byte(body), func(f func(Leaf) error) (Report, error) {
		return Response(op, w, status, header, []byte(body), f)
	})
}

func query(t testing.TB, s string) url.Values {
	v, err := url.ParseQuery(s)
	require.NoError(t, err)
	return v
}

// masked rewrites every editable leaf's text.
func masked(t testing.TB, body []byte, text func(Leaf) (Edit, bool), walk func(f func(Leaf) error) (Report, error)) []byte {
	t.Helper()
	var edits []Edit
	_, err := walk(func(l Leaf) error {
		if e, ok := text(l); ok && l.Editable() {
			edits = append(edits, e)
		}
		return nil
	})
	require.NoError(t, err)
	out, err := Rewrite(body, edits)
	require.NoError(t, err, fmt.Sprintf("%q", body))
	return out
}
