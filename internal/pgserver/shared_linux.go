package pgserver

import (
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// releaseShared waits until the children of a server that is gone have left
// its System V segment, then removes the segment, which a killed server could
// not. lines are those of postmaster.pid; the seventh holds key and id.
func releaseShared(lines []string) {
	if len(lines) < 7 {
		return
	}
	fields := strings.Fields(lines[6])
	if len(fields) != 2 {
		return
	}
	id, err := strconv.Atoi(fields[1])
	if err != nil {
		return
	}
	for range 500 {
		var d unix.SysvShmDesc
		if _, err := unix.SysvShmCtl(id, unix.IPC_STAT, &d); err != nil {
			return // removed in order
		}
		if d.Nattch == 0 {
			_, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil)
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}
