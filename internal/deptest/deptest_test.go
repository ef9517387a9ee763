package deptest_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/deptest"
)

// The checks themselves are shown to fail.

func TestFloors(t *testing.T) {
	const m = "example.org/m"
	for name, tc := range map[string]struct {
		from, to string
		wrong    string
	}{
		"down":                      {"/proxy", "/recorder", ""},
		"down past a floor":         {"/proxy", "/internal/x", ""},
		"plugin to contract":        {"/protocol/postgres", "/protocol", ""},
		"inside a unit":             {"/protocol/postgres", "/protocol/postgres/internal/lexer", ""},
		"child to parent":           {"/identity/oidc", "/identity", ""},
		"example up":                {"/examples/quickstart", "/internal/pgserver", ""},
		"kit up":                    {"/protocol/protocoltest", "/proxy", ""},
		"other modules":             {"/mask", "example.org/more/proxy", ""},
		"up":                        {"/recorder", "/proxy", "recorder imports proxy, which is on a higher floor"},
		"contract to plugin":        {"/protocol", "/protocol/ssh", "protocol imports protocol/ssh, which is on a higher floor"},
		"leaf to leaf":              {"/mask", "/identity", "mask imports its sibling identity"},
		"plugin to plugin":          {"/protocol/mysql", "/protocol/postgres", "protocol/mysql imports its sibling protocol/postgres"},
		"plugin to recorder":        {"/protocol/mysql", "/recorder", "protocol/mysql imports its sibling recorder"},
		"example to example":        {"/examples/a", "/examples/b", "examples/a imports its sibling examples/b"},
		"plumbing up":               {"/internal/x", "/mask", "internal/x imports mask, which is on a higher floor"},
		"library to kit":            {"/proxy", "/proxy/proxytest", "proxy imports proxy/proxytest, which is for tests"},
		"example to kit":            {"/examples/a", "/proxy/proxytest", "examples/a imports proxy/proxytest, which is for tests"},
		"library to server":         {"/recorder", "/internal/pgserver", "recorder imports internal/pgserver, which is for tests, benchmarks and examples"},
		"plumbing to server":        {"/internal/x", "/internal/pgserver", "internal/x imports internal/pgserver, which is for tests, benchmarks and examples"},
		"a package on no floor":     {"/util", "fmt", "util is on no floor; give it one in internal/deptest and in docs/architecture.md"},
		"import of one on no floor": {"/proxy", "/util", "util is on no floor; give it one in internal/deptest and in docs/architecture.md"},
		"import of the root":        {"/proxy", "", "proxy imports the root package, which holds nothing"},
		"the root imports":          {"", "fmt", "the root package imports [fmt]; it may import nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			to := tc.to
			if to == "" || to[0] == '/' {
				to = m + to
			}
			got := deptest.Floors(m, []deptest.Package{{ImportPath: m + tc.from, Imports: []string{to}}})
			if tc.wrong == "" {
				require.Empty(t, got)
			} else {
				require.Equal(t, []string{tc.wrong}, got)
			}
		})
	}
}

func TestLibrary(t *testing.T) {
	var all []deptest.Package
	for _, p := range []string{"m", "m/proxy", "m/proxy/proxytest", "m/examples/a", "m/bench/relay", "m/internal/pgserver/pgservertest", "m/internal/pgserver", "m/internal/x", "other/proxy"} {
		all = append(all, deptest.Package{ImportPath: p})
	}
	var got []string
	for _, p := range deptest.Library("m", all) {
		got = append(got, p.ImportPath)
	}
	require.Equal(t, []string{"m/proxy", "m/internal/x"}, got)
}

func TestLinksAndCgo(t *testing.T) {
	p := []deptest.Package{{ImportPath: "m/proxy", Deps: []string{"fmt", "testing/fstest", "testingx", "golang.org/x/crypto/ssh/agent", "golang.org/x/crypto/hkdf"}}}
	require.Equal(t,
		[]string{"m/proxy links testing/fstest", "m/proxy links golang.org/x/crypto/ssh/agent"},
		deptest.Links(p, "testing", "golang.org/x/crypto/ssh"))
	require.Equal(t,
		[]string{"b needs cgo: [b.go]"},
		deptest.Cgo([]deptest.Package{{ImportPath: "net", Standard: true, CgoFiles: []string{"n.go"}}, {ImportPath: "a"}, {ImportPath: "b", CgoFiles: []string{"b.go"}}}))
}

func parse(t *testing.T, text string) *deptest.Source {
	t.Helper()
	s, err := deptest.ParseText(text)
	require.NoError(t, err)
	return s
}

func TestUndocumented(t *testing.T) {
	s := parse(t, `package p

// T is documented.
type T struct{}

type U struct{}

// Group.
const (
	A = 1
	B = 2
)

const (
	C = 1 // documented here
	D = 2
)

func F() {}

// G is.
func G() {}

func (t *T) M() {}

func (u[X]) M() {}

func g() {}

var V, w = 1, 2
`)
	require.Equal(t, []string{
		"example.org/p/p.go:6: U has no doc comment",
		"example.org/p/p.go:16: D has no doc comment",
		"example.org/p/p.go:19: F has no doc comment",
		"example.org/p/p.go:24: M has no doc comment",
		"example.org/p/p.go:30: V has no doc comment",
	}, s.Undocumented())
}

func TestInits(t *testing.T) {
	s := parse(t, "package p\n\ntype t struct{}\n\nfunc (t) init() {}\n\nfunc init() {}\n")
	require.Equal(t, []string{"example.org/p/p.go:7: func init; there are none in this project"}, s.Inits())
}

func TestGlobals(t *testing.T) {
	s := parse(t, `package p

var ErrX = errors.New("x")
var table = map[string]int{"a": 1}
var changed = []int{1}
var empty int
var cache sync.Map
var once = sync.OnceValue(f)
var Default = 3
var pool = &sync.Pool{}
var counted = 1
var fine int
//go:embed list.txt
var list string
var _ I = (*T)(nil)

func f() int {
	table := map[string]int{}
	table["b"] = 2
	var once int
	once = 3
	changed[0] = 2
	counted++
	elsewhere = 3
	return once
}
`)
	require.Equal(t, []string{
		"example.org/p/p.go:6: package variable empty has no value, so something sets it",
		"example.org/p/p.go:7: package variable cache has no value, so something sets it",
		"example.org/p/p.go:9: exported variable Default can be changed by anyone",
		"example.org/p/p.go:10: package variable pool is state",
		"example.org/p/p.go:22: package variable changed is changed",
		"example.org/p/p.go:23: package variable counted is changed",
	}, s.Globals("fine"))
}

func TestGlobalsAcrossFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a.go"), filepath.Join(dir, "b.go")
	require.NoError(t, os.WriteFile(a, []byte("package p\n\nvar n = 1\n"), 0o600))
	require.NoError(t, os.WriteFile(b, []byte("package p\n\nfunc f() { n = 2 }\n"), 0o600))
	s, err := deptest.Parse("m/p", a, b)
	require.NoError(t, err)
	require.Equal(t, []string{"m/p/b.go:3: package variable n is changed"}, s.Globals())
}

func TestHasExample(t *testing.T) {
	file := filepath.Join(t.TempDir(), "p_test.go")
	for text, want := range map[string]bool{"func ExampleT() {}": true, "func TestExample() {}": false} {
		require.NoError(t, os.WriteFile(file, []byte("package p\n\n"+text+"\n"), 0o600))
		got, err := deptest.HasExample(file)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
