package render_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/postgres/internal/render"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

var shape = wire.AppendRowDescription(nil, []wire.Column{
	{Name: []byte("id"), Type: 23, Size: 4, Format: 1},
	{Name: []byte("name"), Type: 25, Size: -1},
	{Name: []byte("at"), Type: 1082, Size: 4, Format: 1},
})

func row(id byte, name []byte, date []byte) []byte {
	return wire.AppendDataRow(nil, [][]byte{{0, 0, 0, id}, name, date})
}

func Example() {
	payload := row(1, []byte("Ada"), []byte{0, 0, 0x22, 0x88})
	payload = append(payload, row(200, nil, nil)...)
	payload = wire.AppendCommandComplete(payload, "SELECT 2")
	if err := render.Render(os.Stdout, "result", shape, payload); err != nil {
		fmt.Println(err)
	}
	// Output:
	// id  | name | at
	// 1   | Ada  | 2024-03-15
	// 200 | NULL | NULL
	// SELECT 2
}

func text(t *testing.T, kind string, shape []byte, messages ...[]byte) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, render.Render(&out, kind, shape, bytes.Join(messages, nil)))
	return out.String()
}

func TestMessages(t *testing.T) {
	one := wire.AppendRowDescription(nil, []wire.Column{{Name: []byte("a\nb"), Type: 25}})
	two := wire.AppendRowDescription(nil, []wire.Column{{Name: []byte("n"), Type: 99_999, Format: 1}})
	value := func(s string) []byte { return wire.AppendDataRow(nil, [][]byte{[]byte(s)}) }
	done := func(tag string) []byte { return wire.AppendCommandComplete(nil, tag) }
	assert.Equal(t, "a\\nb\nx\\ty\\n\nSELECT 1\nn\n\\x0102\nSELECT 1\na\\nb\nSELECT 0\n", text(t, "result", nil,
		one, value("x\ty\n"), done("SELECT 1"), two, value("\x01\x02"), done("SELECT 1"), one, done("SELECT 0")))
	assert.Equal(t, "x | NULL | \\xff\n", text(t, "result", nil, wire.AppendDataRow(nil, [][]byte{[]byte("x"), nil, {0xff}})))

	assert.Equal(t, "ERROR 42P01: relation \"x\"\n    is not there\n  DETAIL: d\n  HINT: h\nNOTICE: waiting\n", text(t, "result", nil,
		wire.AppendError(nil, wire.Message{Severity: "ERROR", Code: "42P01", Text: "relation \"x\"\nis not there", Detail: "d", Hint: "h"}),
		wire.AppendNotice(nil, wire.Message{Severity: "NOTICE", Code: "00000", Text: "waiting"})))

	copyData := func(s string) []byte { return append([]byte{'d', 0, 0, 0, byte(4 + len(s))}, s...) }
	assert.Equal(t, "copy out, text format, 2 columns\n1\ta\n2\tb\n\\x00ff\nlast\nCOPY 3\n", text(t, "copy", nil,
		[]byte{'H', 0, 0, 0, 11, 0, 0, 2, 0, 0, 0, 0}, copyData("1\ta\n"), copyData("2\tb\n"), copyData("\x00\xff"), copyData("last"), copyData(""),
		wire.AppendEmpty(nil, 'c'), done("COPY 3")))
	assert.Equal(t, "copy given up: why\n", text(t, "copy", nil, wire.AppendCopyFail(nil, "why")))

	assert.Equal(t, "NOTIFY c: p (from process 7)\nTimeZone = UTC\nparameters: int4, type 99999\n(empty query)\n(suspended, more rows may follow)\n", text(t, "session", nil,
		[]byte{'A', 0, 0, 0, 12, 0, 0, 0, 7, 'c', 0, 'p', 0}, wire.AppendParameterStatus(nil, "TimeZone", "UTC"),
		[]byte{'t', 0, 0, 0, 14, 0, 2, 0, 0, 0, 23, 0, 1, 0x86, 0x9f}, wire.AppendEmpty(nil, 'I'), wire.AppendEmpty(nil, 's')))

	silent := text(t, "greeting", nil, wire.AppendAuthenticationOK(nil), wire.AppendBackendKeyData(nil, 7, []byte("canary")),
		wire.AppendReadyForQuery(nil, 'I'), wire.AppendEmpty(nil, '1'), wire.AppendEmpty(nil, '2'), wire.AppendEmpty(nil, 'n'))
	assert.Empty(t, silent)
}

// A later part of a result that holds its end alone has no rows to name.
func TestEndAlone(t *testing.T) {
	assert.Equal(t, "SELECT 9\n", text(t, "result", shape, wire.AppendCommandComplete(nil, "SELECT 9")))
}

func TestCutMessages(t *testing.T) {
	whole := append(row(1, []byte("x"), nil), row(2, []byte(strings.Repeat("y", 100)), nil)...)
	assert.Equal(t, "id | name | at\n1  | x    | NULL\n… a message of 123 bytes, of which 103 are here\n", text(t, "result", shape, whole[:len(whole)-20]))
	assert.Equal(t, "… a message is cut after 2 bytes\n", text(t, "result", nil, whole[:2]))
	assert.Equal(t, "the begin\n… a message of 1001 bytes, of which 14 are here\n", text(t, "copy", nil, append([]byte{'d', 0, 0, 3, 0xe8}, "the begin"...)))
	assert.Equal(t, "and the rest\n", text(t, render.KindPiece, nil, []byte("and the rest")))
}

func TestRefuses(t *testing.T) {
	for name, c := range map[string]struct{ shape, payload []byte }{
		"unknown type":       {nil, []byte{'?', 0, 0, 0, 4}},
		"impossible length":  {nil, []byte{'D', 0, 0, 0, 3}},
		"other row":          {shape, wire.AppendDataRow(nil, [][]byte{nil})},
		"shape of other":     {wire.AppendEmpty(nil, 'S'), nil},
		"shape cut":          {shape[:len(shape)-1], nil},
		"shape and more":     {append(bytes.Clone(shape), 0), nil},
		"shape of one byte":  {[]byte("T"), nil},
		"row left over":      {nil, []byte{'D', 0, 0, 0, 7, 0, 0, 1}},
		"value outside":      {nil, []byte{'D', 0, 0, 0, 10, 0, 1, 0, 0, 0, 9}},
		"tag without end":    {nil, []byte{'C', 0, 0, 0, 5, 'x'}},
		"error without end":  {nil, []byte{'E', 0, 0, 0, 6, 'M', 'x'}},
		"notification short": {nil, []byte{'A', 0, 0, 0, 5, 1}},
	} {
		var out bytes.Buffer
		assert.Error(t, render.Render(&out, "result", c.shape, c.payload), name)
	}
	failing := errors.New("no room")
	assert.ErrorIs(t, render.Render(writerFunc(func([]byte) (int, error) { return 0, failing }), "result", shape, row(1, nil, nil)), failing)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A few bytes that stand for 130,000 digits don't fill the reader's disk.
func TestCellsAreBounded(t *testing.T) {
	numeric := wire.AppendRowDescription(nil, []wire.Column{{Name: []byte("n"), Type: 1700, Format: 1}})
	r := wire.AppendDataRow(nil, [][]byte{{0, 1, 0x7f, 0xff, 0, 0, 0x3f, 0xff, 0, 1}})
	out := text(t, "result", numeric, bytes.Repeat(r, 100))
	assert.Less(t, len(out), 100*(4096+50))
	assert.Contains(t, out, "… (147453 bytes)")
}

func FuzzRender(f *testing.F) {
	f.Add(shape, append(row(1, []byte("x"), nil), wire.AppendCommandComplete(nil, "SELECT 1")...))
	f.Add([]byte(nil), wire.AppendError(nil, wire.Message{Severity: "ERROR", Code: "42P01", Text: "x"}))
	f.Add([]byte(nil), append(bytes.Clone(shape), row(1, nil, nil)...))
	f.Add([]byte(nil), []byte{'d', 0, 0, 0, 6, 'x', '\n'})
	f.Add([]byte(nil), []byte{'A', 0, 0, 0, 12, 0, 0, 0, 7, 'c', 0, 'p', 0})
	f.Fuzz(func(t *testing.T, shape, payload []byte) {
		var out bytes.Buffer
		_ = render.Render(&out, "result", shape, payload)
		require.Less(t, out.Len(), 10_000+(len(shape)+len(payload))*(maxGrowth))
	})
}

// maxGrowth: a NULL of four bytes pads to a column, a numeric of ten to a cell.
const maxGrowth = 400
