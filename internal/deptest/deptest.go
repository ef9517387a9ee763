// Package deptest holds the checks of how the repository is built: which
// package may import which, what a user of the library links, what every
// package must have. The rules are plain functions over plain data, so that
// their own tests can show them failing; the test named after the repository
// applies them to it.
package deptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path"
	"strings"
)

// Package is what the checks need of `go list -json`.
type Package struct {
	ImportPath   string
	Name         string
	Doc          string
	Dir          string
	Standard     bool
	ForTest      string
	GoFiles      []string
	CgoFiles     []string
	TestGoFiles  []string
	XTestGoFiles []string
	Imports      []string
	Deps         []string
}

const fields = "ImportPath,Name,Doc,Dir,Standard,ForTest,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports,Deps"

// Load runs `go list` in dir.
func Load(dir string, args ...string) ([]Package, error) {
	cmd := exec.Command("go", append([]string{"list", "-e", "-json=" + fields}, args...)...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, stderr.String())
	}
	var list []Package
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p Package
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return list, nil
		} else if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
}

// IsKit reports whether a package is for tests only: its name ends in "test".
func IsKit(importPath string) bool { return strings.HasSuffix(path.Base(importPath), "test") }

// within reports whether p is dir or below it.
func within(p, dir string) bool { return p == dir || strings.HasPrefix(p, dir+"/") }
