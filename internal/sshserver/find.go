//go:build unix

package sshserver

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNotInstalled means that there is no sshd.
var ErrNotInstalled = errors.New("no OpenSSH server found; install it (Debian and Ubuntu: apt-get install openssh-server; Fedora: dnf install openssh-server) or put sshd on PATH")

// find returns sshd's absolute path, which it needs to run itself again.
func find() (string, error) {
	dirs := append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin")
	for _, dir := range dirs {
		if path, err := exec.LookPath(filepath.Join(dir, "sshd")); err == nil && filepath.IsAbs(path) {
			return path, nil
		}
	}
	return "", ErrNotInstalled
}
