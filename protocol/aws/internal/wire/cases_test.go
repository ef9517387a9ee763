package wire

import (
	"bufio"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/protocol/aws/internal/model"
	"github.com/stretchr/testify/require"
)

// sent is a request or an answer that botocore made, and what it holds by
// botocore's word; testdata/cases.py writes them.
type sent struct {
	Service, Op, Wire string
	Answer            bool
	Labels, Headers   map[string]string
	Query             string
	Body              []byte
	Leaves            []string
}

var wires = map[string]model.Wire{
	"json1.0": model.JSON10, "json1.1": model.JSON11, "query": model.Query, "ec2": model.EC2,
	"rest-json": model.RESTJSON, "rest-xml": model.RESTXML, "smithy-rpc-v2-cbor": model.CBOR,
}

func eachCase(t testing.TB, f func(sent)) {
	t.Helper()
	file, err := os.Open("testdata/cases.jsonl.gz")
	require.NoError(t, err)
	defer file.Close()
	z, err := gzip.NewReader(file)
	require.NoError(t, err)
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c sent
		require.NoError(t, json.Unmarshal(lines.Bytes(), &c))
		f(c)
	}
	require.NoError(t, lines.Err())
}

func (c sent) walk(t testing.TB, op *model.Operation, body []byte, f func(Leaf) error) (Report, error) {
	header := http.Header{}
	for name, value := range c.Headers {
		header.Set(name, value)
	}
	w := wires[c.Wire]
	require.NotZero(t, w, c.Wire)
	if c.Answer {
		return Response(op, w, 200, header, body, f)
	}
	return Request(op, w, c.Labels, query(t, c.Query), header, body, f)
}

// line is a leaf as cases.py writes it.
func (l Leaf) line() string {
	switch {
	case l.Key:
		return l.Path + " key=" + l.Value
	case l.Null:
		return l.Path + " null"
	case l.Shape == nil:
		return l.Path + "=" + l.Value
	case l.Shape.Kind == model.Timestamp:
		return l.Path + " time"
	case l.Shape.Kind == model.Blob && l.enc == encRaw:
		return l.Path + " blob=" + base64.StdEncoding.EncodeToString([]byte(l.Value))
	case l.Shape.Kind == model.Blob:
		return l.Path + " blob=" + l.Value
	case l.Shape.Kind == model.Float:
		if f, err := strconv.ParseFloat(l.Value, 64); err == nil {
			return l.Path + " number=" + strconv.FormatFloat(f, 'f', 1, 64)
		}
	}
	return l.Path + "=" + l.Value
}

func (c sent) operation(t testing.TB) *model.Operation {
	table, err := model.Default()
	require.NoError(t, err)
	service, err := table.Service(c.Service)
	require.NoError(t, err)
	op := service.Operation(c.Op)
	require.NotNil(t, op, "%s %s", c.Service, c.Op)
	return op
}

// TestCases holds the scanners against botocore, over all services.
func TestCases(t *testing.T) {
	seen, wrong := map[string]int{}, 0
	eachCase(t, func(c sent) {
		op := c.operation(t)
		var got []string
		r, err := c.walk(t, op, c.Body, func(l Leaf) error {
			checkPlace(t, c.Body, l)
			if c.Answer && l.Shape == nil && strings.HasPrefix(l.Path, "ResponseMetadata") {
				return nil
			}
			got = append(got, l.line())
			return nil
		})
		slices.Sort(got)
		slices.Sort(c.Leaves)
		seen[c.Wire]++
		if err != nil || r.Unknown+r.Duplicates != 0 || !slices.Equal(got, c.Leaves) {
			wrong++
			if wrong <= 10 {
				t.Errorf("%s %s %s answer=%v: %v %+v\nlacks: %.300q\nhas: %.300q\nbody: %.300s", c.Service, c.Op, c.Wire, c.Answer, err, r, minus(c.Leaves, got), minus(got, c.Leaves), c.Body)
			}
		}
	})
	require.Zero(t, wrong, "of %v", seen)
	for name := range wires {
		require.Greater(t, seen[name], 10, name)
	}
}

func minus(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}
