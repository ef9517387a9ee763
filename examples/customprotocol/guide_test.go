package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The guide shows what is here: each of its blocks of Go stands in one of the
// files, and each file that it links to is there.
func TestGuideShowsThisCode(t *testing.T) {
	guide, err := os.ReadFile("../../docs/writing-a-protocol.md")
	require.NoError(t, err)
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var code strings.Builder
	for _, name := range files {
		if name == "guide_test.go" {
			continue
		}
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		code.Write(b)
	}
	blocks := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllSubmatch(guide, -1)
	require.Greater(t, len(blocks), 8)
	for _, block := range blocks {
		assert.Contains(t, code.String(), string(block[1]))
	}
	links := regexp.MustCompile(`\]\((\.\./[^)]+)\)`).FindAllSubmatch(guide, -1)
	require.NotEmpty(t, links)
	for _, link := range links {
		_, err := os.Stat(filepath.Join("../../docs", string(link[1])))
		assert.NoError(t, err)
	}
}
