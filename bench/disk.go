//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// disk is what one writer sees of fdatasync, in microseconds.
type disk struct {
	Dir        string  `json:"dir"`
	FileSystem string  `json:"file_system"`
	P50        float64 `json:"fdatasync_p50_us"`
	P99        float64 `json:"fdatasync_p99_us"`
	CPU        float64 `json:"fdatasync_cpu_us"` // of the caller, with the write before it
}

// inMemory are the file systems where fdatasync means nothing.
var inMemory = map[int64]string{unix.TMPFS_MAGIC: "tmpfs", unix.RAMFS_MAGIC: "ramfs"}

// onDisk are those that are named in the report; others show as a number.
var onDisk = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlay", unix.NFS_SUPER_MAGIC: "nfs",
}

var errInMemory = errors.New("that is memory, where recording costs nothing; choose a directory on a disk with -dir")

func measureDisk(dir string) (disk, error) {
	d := disk{Dir: dir}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return d, fmt.Errorf("%s: %w", dir, err)
	}
	if name, ok := inMemory[int64(fs.Type)]; ok {
		return d, fmt.Errorf("%s is on %s: %w", dir, name, errInMemory)
	}
	d.FileSystem = onDisk[int64(fs.Type)]
	if d.FileSystem == "" {
		d.FileSystem = fmt.Sprintf("%#x", fs.Type)
	}
	f, err := os.CreateTemp(dir, "fdatasync-")
	if err != nil {
		return d, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	// Space is reserved first, as the journal does; where it can't be, so be it.
	_ = unix.Fallocate(int(f.Fd()), 0, 0, 4<<20)
	var took []float64
	const calls = 300
	before, err := ownCPU()
	if err != nil {
		return d, err
	}
	for range calls {
		if _, err := f.Write(block); err != nil {
			return d, err
		}
		start := time.Now()
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return d, err
		}
		took = append(took, float64(time.Since(start))/1e3)
	}
	after, err := ownCPU()
	if err != nil {
		return d, err
	}
	d.CPU = float64(after-before) / 1e3 / calls
	slices.Sort(took)
	d.P50, d.P99 = quantile(took, 0.50), quantile(took, 0.99)
	return d, nil
}

// ownCPU returns the CPU time that this process has taken so far.
func ownCPU() (time.Duration, error) {
	var u unix.Rusage
	err := unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), err
}
