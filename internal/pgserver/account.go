//go:build unix

package pgserver

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is who the server runs as; nil is this process's own user.
// PostgreSQL refuses to run as root.
type account struct{ uid, gid int }

func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err1 == nil && err2 == nil && uid != 0 {
			return &account{uid, gid}, nil
		}
	}
	return nil, errors.New("pgserver: PostgreSQL does not run as root, and there is neither a user postgres nor nobody to run it as")
}

// own gives path to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, a.uid, a.gid)
}

// command prepares a program to run as the account, with an environment that
// takes nothing from ours that could change what PostgreSQL does.
func (a *account) command(dir, program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + filepath.Dir(program) + ":/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"}
	// A session of its own: an interrupt from the terminal reaches this
	// process, which stops the server in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a != nil {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return cmd
}

// reachable reports whether everyone may pass through path and its parents.
func reachable(path string) bool {
	for {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(path)
		if parent == path {
			return true
		}
		path = parent
	}
}

// makeDir makes the directory that holds all of a server. Socket paths are
// limited to about 100 bytes, so a deep directory for temporary files is no use.
func (a *account) makeDir(parent string) (string, error) {
	if parent != "" {
		abs, err := filepath.Abs(parent)
		if err != nil {
			return "", err
		}
		if a != nil && !reachable(abs) {
			return "", fmt.Errorf("pgserver: the user that PostgreSQL runs as (uid %d) cannot reach %s", a.uid, abs)
		}
		parent = abs
	} else {
		parent = os.TempDir()
		if len(parent) > 60 || (a != nil && !reachable(parent)) {
			parent = "/tmp"
		}
	}
	dir, err := os.MkdirTemp(parent, "sallyport-pg-")
	if err != nil {
		return "", err
	}
	if a != nil { // others pass through; what is inside is closed
		if err := os.Chmod(dir, 0o711); err != nil {
			return "", err
		}
	}
	return dir, nil
}
