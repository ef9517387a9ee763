package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
)

// The example is run as its comment says, and psql goes through it.
func TestReadOnlyGateway(t *testing.T) {
	pg := pgservertest.Run(t)
	require.NoError(t, pg.AddRole(t.Context(), "app", rand.Text(), ""))
	require.NoError(t, pg.Exec(t.Context(), "postgres", `
		CREATE TABLE people (name text, email text); INSERT INTO people VALUES ('Ada', 'ada@example.com'); ALTER TABLE people OWNER TO app`))
	token := identity.NewToken()
	binary := filepath.Join(t.TempDir(), "gateway")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)

	sockets, err := os.MkdirTemp("", "gw") // paths of sockets must be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(sockets)) })
	var log bytes.Buffer
	gateway := exec.Command(binary)
	gateway.Dir = t.TempDir()
	gateway.Env = append(os.Environ(), "TARGET="+pg.Addr(), "DATABASE=postgres", "TARGET_USER=app", "TARGET_PASSWORD="+pg.Password("app"), "AGENT_TOKEN="+token, "LISTEN="+filepath.Join(sockets, ".s.PGSQL.6432"))
	gateway.Stdout, gateway.Stderr = &log, &log
	require.NoError(t, gateway.Start())
	t.Cleanup(func() {
		require.NoError(t, gateway.Process.Signal(os.Interrupt))
		assert.NoError(t, gateway.Wait(), "it ends in order")
		assert.DirExists(t, filepath.Join(gateway.Dir, "journal"))
		assert.NotContains(t, log.String(), token)
		if t.Failed() {
			t.Log(log.String())
		}
	})
	psql := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(pg.BinDir(), "psql"), append([]string{"-X", "-At", "port=6432 user=agent dbname=postgres host=" + sockets}, args...)...)
		cmd.Env = append(os.Environ(), "PGPASSWORD="+token)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	require.Eventually(t, func() bool { return !strings.Contains(psql("-c", ""), "No such file or directory") }, time.Minute, 50*time.Millisecond)
	assert.Equal(t, "Ada|***************\n", psql("-c", "SELECT * FROM people"))
	assert.Contains(t, psql("-c", "DELETE FROM people"), "sallyport: denied")
}

// What the README shows is this code.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	code, err := os.ReadFile("main.go")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(readme), "```go\n")
	require.True(t, found, "the README shows no Go code")
	snippet, _, _ := strings.Cut(rest, "```")
	for line := range strings.Lines(snippet) {
		require.Contains(t, string(code), strings.TrimSpace(line))
	}
	var dedented strings.Builder
	for line := range strings.Lines(string(code)) {
		dedented.WriteString(strings.TrimPrefix(line, "\t"))
	}
	assert.Contains(t, dedented.String(), snippet)
	assert.GreaterOrEqual(t, strings.Count(snippet, "\n"), 8)
	assert.Less(t, strings.Count(string(code), "\n"), 60, "the example promises to be short")
}
