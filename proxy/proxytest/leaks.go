package proxytest

import (
	"bytes"
	"crypto/rand"
	"runtime/pprof"
	"strings"
	"time"
)

// markKey is the profiler label that a gateway's goroutines carry. Goroutines
// inherit labels from those that start them, so it tells one gateway's from
// another's, also in parallel tests.
const markKey = "sallyport-test-gateway"

func newMark() string { return rand.Text() }

// leftBehind waits until no goroutine carries the mark, and returns the stacks
// of those that still do after limit.
func leftBehind(mark string, limit time.Duration) string {
	for deadline := time.Now().Add(limit); ; time.Sleep(5 * time.Millisecond) {
		stacks := marked(mark)
		if stacks == "" || time.Now().After(deadline) {
			return stacks
		}
	}
}

func marked(mark string) string {
	var profile bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&profile, 1); err != nil {
		return err.Error()
	}
	var found []string
	for _, group := range strings.Split(profile.String(), "\n\n") {
		if strings.Contains(group, `"`+mark+`"`) {
			found = append(found, group)
		}
	}
	return strings.Join(found, "\n\n")
}
