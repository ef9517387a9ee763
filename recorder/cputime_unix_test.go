//go:build unix

package recorder

import "golang.org/x/sys/unix"

// cpuTime returns what the process has used, in nanoseconds.
func cpuTime() int64 {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return r.Utime.Nano() + r.Stime.Nano()
}
