//go:build !linux

package mask

import "time"

var clockStart = time.Now()

// threadTime is the time that went by; only Linux's clock knows the thread's own.
func threadTime() time.Duration { return time.Since(clockStart) }
