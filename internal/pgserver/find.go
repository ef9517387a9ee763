//go:build unix

package pgserver

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// ErrNotInstalled means that there are no PostgreSQL server binaries.
var ErrNotInstalled = errors.New("no PostgreSQL server binaries found; install them (Debian and Ubuntu: apt-get install postgresql; Fedora: dnf install postgresql-server; macOS: brew install postgresql) or put initdb and postgres on PATH")

// Find returns the directory that holds initdb and postgres: the one that is on
// PATH, else the newest of the places where packages install them. The error
// is [ErrNotInstalled].
func Find() (string, error) {
	return find(os.Getenv("PATH"), "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin")
}

func find(path string, patterns ...string) (string, error) {
	for _, dir := range filepath.SplitList(path) {
		if filepath.IsAbs(dir) && holdsServer(dir) {
			// Links on PATH lead to where the other programs are.
			if real, err := filepath.EvalSymlinks(filepath.Join(dir, "postgres")); err == nil && holdsServer(filepath.Dir(real)) {
				dir = filepath.Dir(real)
			}
			return dir, nil
		}
	}
	for _, pattern := range patterns {
		dirs, _ := filepath.Glob(pattern)
		slices.SortFunc(dirs, func(a, b string) int { return version(b) - version(a) })
		for _, dir := range dirs {
			if holdsServer(dir) {
				return dir, nil
			}
		}
	}
	return "", ErrNotInstalled
}

func holdsServer(dir string) bool {
	for _, name := range []string{"initdb", "postgres"} {
		if _, err := exec.LookPath(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

// version returns the last number in the directory above bin.
func version(dir string) int {
	name := filepath.Base(filepath.Dir(dir))
	end := len(name)
	for end > 0 && (name[end-1] < '0' || name[end-1] > '9') {
		end--
	}
	start := end
	for start > 0 && name[start-1] >= '0' && name[start-1] <= '9' {
		start--
	}
	n, _ := strconv.Atoi(name[start:end])
	return n
}
