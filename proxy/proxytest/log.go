package proxytest

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
)

// Log is a slog.Handler that keeps what it is told as lines of text.
type Log struct {
	slog.Handler
	lines *lines
}

type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

// NewLog returns an empty log that takes every level.
func NewLog() *Log {
	l := &lines{}
	return &Log{slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}), l}
}

// String returns all lines so far.
func (l *Log) String() string {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	return l.lines.buf.String()
}

// Contains reports whether some line holds all of words.
func (l *Log) Contains(words ...string) bool {
next:
	for line := range strings.Lines(l.String()) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return true
	}
	return false
}
