package deptest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/deptest"
)

// tests returns the names of all tests and fuzz targets of the repository by
// the directory that they are in.
func tests(t *testing.T) map[string]map[string]bool {
	t.Helper()
	found := map[string]map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		dir = filepath.ToSlash(dir)
		if found[dir] == nil {
			found[dir] = map[string]bool{}
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil {
				found[dir][f.Name.Name] = true
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, len(found), 5)
	return found
}

func document(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, "docs", name))
	require.NoError(t, err)
	return string(b)
}

var (
	testName  = regexp.MustCompile("`([a-z][a-z0-9/]*)\\.((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	bareName  = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")
	checkName = regexp.MustCompile(`"([a-z][a-z ]+)"`)
	invariant = regexp.MustCompile(`(?m)^\| (\d+) \|.*$`)
)

// The threat model names the tests that hold each invariant; all of them exist.
func TestThreatModelNamesTestsThatExist(t *testing.T) {
	text, all := document(t, "threat-model.md"), tests(t)
	run, err := source("protocol/protocoltest/run.go")
	require.NoError(t, err)
	var wrong []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		for _, m := range testName.FindAllStringSubmatch(line, -1) {
			if !all[m[1]][m[2]] {
				wrong = append(wrong, "docs/threat-model.md names "+m[1]+"."+m[2]+", which does not exist")
			}
		}
		for _, m := range checkName.FindAllStringSubmatch(line, -1) {
			if !strings.Contains(run, strconv.Quote(m[1])) {
				wrong = append(wrong, "docs/threat-model.md names the check "+strconv.Quote(m[1])+", which protocoltest does not have")
			}
		}
	}
	for i, line := range invariant.FindAllString(text, -1) {
		require.True(t, strings.HasPrefix(line, "| "+strconv.Itoa(i+1)+" |"), line)
		if len(testName.FindAllString(line, -1)) < 2 {
			wrong = append(wrong, "docs/threat-model.md: invariant "+strconv.Itoa(i+1)+" needs tests")
		}
	}
	require.Len(t, invariant.FindAllString(text, -1), 8)
	none(t, wrong)
}

func source(name string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
	return string(b), err
}

// The architecture names the test of each call sequence, and the files that a
// statement goes through.
func TestArchitectureNamesWhatExists(t *testing.T) {
	text, all := document(t, "architecture.md"), tests(t)
	var wrong []string
	sequences := 0
	for _, m := range bareName.FindAllStringSubmatch(text, -1) {
		found := false
		for _, names := range all {
			found = found || names[m[1]]
		}
		if !found {
			wrong = append(wrong, "docs/architecture.md names "+m[1]+", which does not exist")
		}
		if strings.HasPrefix(m[1], "TestSequence") {
			sequences++
		}
	}
	for name := range all["protocol"] {
		if strings.HasPrefix(name, "TestSequence") && !strings.Contains(text, "`"+name+"`") {
			wrong = append(wrong, "docs/architecture.md does not tell the sequence of "+name)
		}
	}
	require.Greater(t, sequences, 10)
	for _, m := range regexp.MustCompile("`([a-z/]+\\.go)`").FindAllStringSubmatch(text, -1) {
		if !anywhere(m[1], "", "protocol/postgres", "protocol/aws") {
			wrong = append(wrong, "docs/architecture.md names "+m[1]+", which does not exist")
		}
	}
	for _, p := range deptest.Library(module, packages(t, "./...")) {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if !strings.Contains(name, "/") && !strings.Contains(text, "`"+name+"`") {
			wrong = append(wrong, "docs/architecture.md has no floor for "+name)
		}
	}
	none(t, wrong)
}

// anywhere reports whether a file of that name is in one of the directories.
func anywhere(name string, dirs ...string) bool {
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir), filepath.FromSlash(name))); err == nil {
			return true
		}
	}
	return false
}
