package recorder

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

const lockName = "lock"

// lockDir takes the lock that keeps a second gateway out. The operating
// system frees it when the process ends, however it ends.
func lockDir(dir string) (*os.File, error) {
	name := filepath.Join(dir, lockName)
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = tryLock(f, true)
	for range 5 { // a reader holds it for a moment to see whether someone writes
		if err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
		err = tryLock(f, true)
	}
	if err != nil {
		holder := make([]byte, 64)
		n, _ := f.ReadAt(holder, 0)
		f.Close()
		return nil, fmt.Errorf("%w: %s (held by process %q): stop the other gateway or give this one a directory of its own",
			ErrLocked, dir, trimLine(holder[:n]))
	}
	// For people only; the lock itself is what counts.
	if err := f.Truncate(0); err == nil {
		fmt.Fprintf(f, "%d\n", os.Getpid())
	}
	return f, nil
}

func trimLine(b []byte) string {
	for i, c := range b {
		if c < '0' || c > '9' {
			return string(b[:i])
		}
	}
	return string(b)
}

// inUse reports whether a gateway has the directory open for writing.
func inUse(dir string) bool {
	f, err := os.Open(filepath.Join(dir, lockName))
	if err != nil {
		return false
	}
	defer f.Close()
	return tryLock(f, false) != nil
}
