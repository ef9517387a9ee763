//go:build unix && !linux

package pgserver

func releaseShared([]string) {}
