//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/internal/pgserver"
)

// build makes the command, without the race detector: the SQL parser's
// WebAssembly takes long to warm up under it.
func build(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "quickstart")
	out, err := exec.Command("go", "build", "-o", file, ".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	return file
}

// place is a directory for temporary files that the server's account can
// reach, which must be empty in the end.
func place(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "quickstart-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// nothingLeft checks that neither files nor processes are left of a run.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left)
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	require.NoError(t, err)
	for _, file := range lines {
		b, err := os.ReadFile(file)
		if err == nil { // it may have ended meanwhile
			assert.NotContains(t, string(b), dir, "a process is left: %s", file)
		}
	}
}

func command(t *testing.T, binary, dir string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), binary)
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	cmd.Dir = dir
	return cmd
}

func TestTour(t *testing.T) {
	binary := build(t)
	var text string

	t.Run("to the end", func(t *testing.T) {
		dir := place(t)
		var stdout, stderr bytes.Buffer
		cmd := command(t, binary, dir)
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		start := time.Now()
		require.NoError(t, cmd.Run(), "%s%s", &stdout, &stderr)
		assert.Less(t, time.Since(start), 30*time.Second)
		t.Logf("took %v\n%s", time.Since(start), &stdout)
		nothingLeft(t, dir)
		assert.Empty(t, stderr.String())
		text = stdout.String()
		assert.NotContains(t, text, "\x1b", "not on a terminal")
		assert.NotContains(t, text, "\r")
		for _, secret := range append(personal(), cloudKey, strings.TrimSpace(releaseNotes)) {
			assert.NotContains(t, text, secret)
		}
		inOrder(t, text,
			// what the client saw
			"reads customers ", "3 rows", "adds an order ", "INSERT 0 1", "copies orders in ", "COPY 3",
			"tries to drop customers", "waits for", "error 42501: sallyport: denied by rule", "customers are still needed",
			"tries to drop import_2019", "waits for", "DROP TABLE",
			"an SSH client and SFTP", "runs cat settings ", "name=shop, aws_key=********************", "uploads release.txt ", "64 bytes by SFTP",
			"asks for a shell", `sallyport: denied by rule "agents get exec, not shells"`, "exit status 126",
			"tries to remove backups", "waiting for reviewer", "sallyport: denied by rule", "they are the only", "exit status 126",
			"tries to remove import.log", "waiting for reviewer", "exit status 0",
			// what was recorded
			"read back from disk", "complete", "static|agent in agents, proven by scram-sha-256",
			"SELECT id, name, email, ssn, notes", "$1 = 3", `allowed   by rule "agents use the shop"`, "ok, SELECT 3; 8 values masked",
			"Ada Byron", "***************", "*******1120",
			"INSERT INTO orders", "$1 = 2, $2 = 19.90, $3 = gift wrap", "ok, INSERT 0 1",
			"COPY orders", "ok, COPY 3; 32 bytes from the agent", "kettle",
			"DROP TABLE customers", "held ", "denied    by reviewer after 0.", "customers are still needed",
			"DROP TABLE import_2019", "held ", "approved  by reviewer after 0.", "ok, DROP TABLE",
			"static|agent in agents, proven by token", "web1 at 127.0.0.1:", "to disk, before it was carried out",
			"  cat settings\n", `allowed   by rule "agents look around and upload"`, "ok, exit status 0; 1 value masked", "| name=shop\n", "| aws_key=********************\n",
			"open release.txt (write, create)", "which is ", "/release.txt\n", `allowed   by rule "agents look around and upload"`,
			fmt.Sprintf("ok, sha256:%x\n", sha256.Sum256([]byte(releaseNotes))), "64 bytes written",
			"  login shell\n", `denied    by rule "agents get exec, not shells": run commands one by one`,
			"  rm -rf backups\n", "held ", "denied    by reviewer after 0.", "they are the only ones",
			"  rm import.log\n", "held ", "approved  by reviewer after 0.", "ok, exit status 0",
			"each of the 3 rows and 2 lines that the agent saw", "the digest of the file",
			// what was proven
			"nothing is wrong", "kept elsewhere", "changed ", " of segments", "found ", "segments",
		)
	})

	t.Run("as the README shows it", func(t *testing.T) {
		readme, err := os.ReadFile("../../README.md")
		require.NoError(t, err)
		_, rest, found := strings.Cut(string(readme), "```text\n")
		require.True(t, found)
		shown, _, _ := strings.Cut(rest, "```")
		for line := range strings.Lines(shown) {
			assert.Contains(t, alike(text), alike(line), "the README shows what is not so")
		}
	})

	for _, at := range []string{"a private PostgreSQL", "uploads release.txt"} {
		t.Run("interrupted at "+at, func(t *testing.T) { interrupted(t, binary, at) })
	}
}

// interrupted ends a tour once it has said words.
func interrupted(t *testing.T, binary, words string) {
	dir := place(t)
	cmd := command(t, binary, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), words) {
	}
	start := time.Now()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	require.NoError(t, cmd.Process.Signal(os.Interrupt), "a second one changes nothing")
	_, _ = io.Copy(io.Discard, out)
	err = cmd.Wait()
	exit, ok := err.(*exec.ExitError)
	require.True(t, ok, "%v", err)
	assert.Equal(t, 130, exit.ExitCode(), "%s", &stderr)
	assert.Equal(t, "interrupted; everything was removed\n", stderr.String())
	assert.Less(t, time.Since(start), 15*time.Second)
	nothingLeft(t, dir)
}

// alike takes out what is different in each run: times, sizes and ids.
func alike(text string) string {
	text = regexp.MustCompile(`quickstart-[a-z0-9]+-`).ReplaceAllString(text, "quickstart-id-")
	return regexp.MustCompile(`[0-9]+`).ReplaceAllString(text, "0")
}

// inOrder checks that the parts are in text, one behind the other.
func inOrder(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, p := range parts {
		i := strings.Index(rest, p)
		if !assert.GreaterOrEqual(t, i, 0, "%q is missing, or not where it should be", p) {
			continue
		}
		rest = rest[i+len(p):]
	}
}

func TestWithoutPostgreSQL(t *testing.T) {
	t.Setenv("TMPDIR", place(t))
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), &stdout, &stderr, func(context.Context, pgserver.Options) (*pgserver.Server, error) {
		return nil, pgserver.ErrNotInstalled
	})
	assert.Equal(t, 1, status)
	assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	assert.Contains(t, stderr.String(), "apt-get install postgresql")
	nothingLeft(t, os.Getenv("TMPDIR"))
}

// Colours are for terminals, and only for those who want them.
func TestColours(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	defer master.Close()
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	defer terminal.Close()

	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	assert.Equal(t, "\x1b[1mx\x1b[0m", newScreen(terminal).paint(bold, "x"))
	t.Setenv("NO_COLOR", "1")
	assert.Equal(t, "x", newScreen(terminal).paint(bold, "x"))
	assert.True(t, newScreen(terminal).terminal)
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "dumb")
	assert.False(t, newScreen(terminal).terminal)
	t.Setenv("TERM", "xterm")
	assert.Equal(t, "x", newScreen(&bytes.Buffer{}).paint(bold, "x"))
}
