//go:build !linux

package recorder

import (
	"os"
	"runtime"
)

func dataSync(f *os.File) error { return f.Sync() }

// syncDir does nothing on Windows, where a directory cannot be flushed.
func syncDir(d *os.File) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	return d.Sync()
}

func allocate(f *os.File, size int64) error { return f.Truncate(size) }
