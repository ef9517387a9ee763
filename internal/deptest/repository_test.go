package deptest_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/deptest"
)

const (
	module = "github.com/sallyport/sallyport"
	root   = "../.."
)

// otherWires are what a user of PostgreSQL alone must not link.
var otherWires = []string{
	"golang.org/x/crypto/ssh",
	"github.com/go-mysql-org/go-mysql", "github.com/pingcap", "vitess.io/vitess",
	"github.com/aws",
	module + "/protocol/ssh", module + "/protocol/mysql", module + "/protocol/aws",
	module + "/identity/sshkeys", module + "/identity/awskeys",
}

// besideAWS are what a user of AWS alone must not link.
var besideAWS = []string{
	"golang.org/x/crypto/ssh", "github.com/pkg/sftp", "mvdan.cc/sh",
	"github.com/jackc", "github.com/wasilibs", "github.com/tetratelabs/wazero", "github.com/pganalyze",
	"github.com/go-mysql-org/go-mysql", "github.com/pingcap", "vitess.io/vitess",
	module + "/protocol/postgres", module + "/protocol/ssh", module + "/protocol/mysql", module + "/identity/sshkeys",
}

// forTests are what no user of the library must link.
var forTests = []string{
	"testing", "net/http/httptest",
	"github.com/stretchr/testify", "go.uber.org/goleak",
	"github.com/zitadel/oidc", "github.com/lib/pq",
	"github.com/aws/aws-sdk-go-v2", "github.com/minio/minio-go", "github.com/fxamacker/cbor",
	module + "/protocol/aws/internal/sigv4/strict",
	module + "/internal/pgserver", module + "/internal/sshserver",
}

// withoutExample are public packages that have no Example, with the reason.
var withoutExample = map[string]string{}

// globals are package variables that may change, by package, with the reason.
var globals = map[string]map[string]string{}

func packages(t *testing.T, args ...string) []deptest.Package {
	t.Helper()
	list, err := deptest.Load(root, args...)
	require.NoError(t, err)
	return list
}

// none fails with one line for each thing that is wrong.
func none(t *testing.T, wrong []string) {
	t.Helper()
	slices.Sort(wrong)
	wrong = slices.Compact(wrong)
	require.Empty(t, wrong, "\n%s\n", strings.Join(wrong, "\n"))
}

func paths(dir string, names ...[]string) []string {
	var list []string
	for _, n := range slices.Concat(names...) {
		list = append(list, filepath.Join(dir, n))
	}
	return list
}

func public(p deptest.Package) bool {
	return p.Name != "main" && !strings.Contains(p.ImportPath, "/internal/")
}

func TestRepositoryFloors(t *testing.T) {
	none(t, deptest.Floors(module, packages(t, "./...")))
}

func TestRepositoryLinks(t *testing.T) {
	all := packages(t, "./...")
	library := deptest.Library(module, all)
	require.Greater(t, len(library), 5)
	none(t, deptest.Links(library, forTests...))
	postgres := packages(t, "./proxy", "./protocol/postgres")
	require.Len(t, postgres, 2)
	for _, p := range postgres {
		require.NotEmpty(t, p.Deps, p.ImportPath)
	}
	none(t, deptest.Links(postgres, otherWires...))
	aws := packages(t, "./proxy", "./protocol/aws", "./identity/awskeys")
	require.Len(t, aws, 3)
	for _, p := range aws {
		require.NotEmpty(t, p.Deps, p.ImportPath)
	}
	none(t, deptest.Links(aws, besideAWS...))
}

func TestRepositoryNeedsNoCgo(t *testing.T) {
	var names []string
	for _, p := range deptest.Library(module, packages(t, "./...")) {
		names = append(names, p.ImportPath)
	}
	none(t, deptest.Cgo(packages(t, append([]string{"-deps"}, names...)...)))
}

func TestRepositorySource(t *testing.T) {
	for _, p := range packages(t, "./...") {
		s, err := deptest.Parse(p.ImportPath, paths(p.Dir, p.GoFiles)...)
		require.NoError(t, err)
		var wrong []string
		if p.Doc == "" {
			wrong = append(wrong, p.ImportPath+" has no package comment")
		}
		wrong = append(wrong, s.Inits()...)
		var allowed []string
		for name := range globals[p.ImportPath] {
			allowed = append(allowed, name)
		}
		wrong = append(wrong, s.Globals(allowed...)...)
		if p.Name != "main" {
			wrong = append(wrong, s.Undocumented()...)
		}
		if public(p) && p.ImportPath != module {
			has, err := deptest.HasExample(paths(p.Dir, p.TestGoFiles, p.XTestGoFiles)...)
			require.NoError(t, err)
			if _, excused := withoutExample[p.ImportPath]; has == excused {
				wrong = append(wrong, p.ImportPath+" needs an Example, or a line in withoutExample; not both")
			}
		}
		t.Run(strings.TrimPrefix(p.ImportPath, module+"/"), func(t *testing.T) { none(t, wrong) })
	}
}
