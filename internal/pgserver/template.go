//go:build unix

package pgserver

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// initData makes a fresh data directory at data and returns the superuser's
// password in it, which Start replaces.
func (a *account) initData(bin, base, data string, o Options) (string, error) {
	cache, err := cacheDir(bin, o)
	if err != nil {
		return a.initdb(bin, base, data, o) // no place to cache: the long way
	}
	unlock, err := lockDir(cache)
	if err != nil {
		return "", err
	}
	defer unlock()
	template, passwordFile := filepath.Join(cache, "data"), filepath.Join(cache, "password")
	if password, err := os.ReadFile(passwordFile); err == nil {
		return string(password), a.copyTree(template, data)
	}
	password, err := a.initdb(bin, base, data, o)
	if err != nil {
		return "", err
	}
	_ = os.RemoveAll(template)
	// The template belongs to us, not to the server's account. The password
	// is written last: where it is, the template is whole.
	if err := (*account)(nil).copyTree(data, template); err != nil {
		return "", fmt.Errorf("pgserver: keep a template: %w", err)
	}
	if err := os.WriteFile(passwordFile+".new", []byte(password), 0o600); err != nil {
		return "", err
	}
	return password, os.Rename(passwordFile+".new", passwordFile)
}

// cacheDir makes and returns the directory of the template for the version of
// PostgreSQL in bin.
func cacheDir(bin string, o Options) (string, error) {
	if !o.Cache {
		return "", os.ErrNotExist
	}
	out, err := exec.Command(filepath.Join(bin, "postgres"), "--version").Output()
	if err != nil {
		return "", err
	}
	root, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	key := sha256.Sum256([]byte(bin + "\n" + string(out) + "\n" + strings.Join(initdbArgs(o), " ")))
	dir := filepath.Join(root, "sallyport", "pgserver-"+hex.EncodeToString(key[:6]))
	return dir, os.MkdirAll(dir, 0o700)
}

func lockDir(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("pgserver: lock %s: %w", dir, err)
	}
	return func() { _ = f.Close() }, nil
}

func initdbArgs(o Options) []string {
	args := []string{"-U", Superuser, "-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"}
	if !o.Fsync {
		args = append(args, "--wal-segsize=1") // less to copy
	}
	return args
}

func (a *account) initdb(bin, base, data string, o Options) (string, error) {
	password := rand.Text()
	file := filepath.Join(base, "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return "", err
	}
	defer os.Remove(file)
	if err := a.own(file); err != nil {
		return "", err
	}
	if err := os.Mkdir(data, 0o700); err != nil {
		return "", err
	}
	if err := a.own(data); err != nil {
		return "", err
	}
	args := append(initdbArgs(o), "--pwfile", file, "-D", data)
	if out, err := a.command(base, filepath.Join(bin, "initdb"), args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("pgserver: initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return password, nil
}

// copyTree copies directories and regular files; a fresh data directory holds
// nothing else. What it makes belongs to the account.
func (a *account) copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		dst := filepath.Join(to, strings.TrimPrefix(path, from))
		if d.IsDir() {
			if err := os.Mkdir(dst, 0o700); err != nil {
				return err
			}
			return a.own(dst)
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
		}
		if err := copyFile(path, dst); err != nil {
			return err
		}
		return a.own(dst)
	})
}

func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if cerr := dst.Close(); err == nil {
		err = cerr
	}
	return err
}
