package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
	"github.com/stretchr/testify/require"
)

// terminals makes a journal with a session that has two shells, and one that
// has none.
func terminals(t *testing.T) (dir string) {
	dir = filepath.Join(t.TempDir(), "journal")
	j, err := recorder.OpenJournal(dir, recorder.Options{})
	require.NoError(t, err)
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	add := func(session string, e *recorder.Event) {
		at = at.Add(100 * time.Millisecond)
		e.Session, e.Time = session, at
		require.NoError(t, j.Append(context.Background(), recorder.Taken, e))
	}
	for _, id := range []string{"shells", "none"} {
		add(id, &recorder.Event{Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{Protocol: "ssh", Target: "web1\x1b[2J", Principal: identity.Principal{Subject: "ann"}}})
	}
	for x, text := range []string{"", "\x1b[31mfirst\x1b[m \u202e\r\n", "second\r\n"} {
		if text == "" {
			continue
		}
		id := protocol.ExchangeID(x)
		add("shells", &recorder.Event{Kind: recorder.KindOperation, Exchange: id, Operation: &protocol.Operation{Verb: "shell"}})
		add("shells", &recorder.Event{Kind: recorder.KindOutput, Exchange: id, Part: &recorder.Part{Kind: "stdout"}, Payload: []byte(text)})
		add("shells", &recorder.Event{Kind: recorder.KindEnd, Exchange: id, Outcome: &protocol.Outcome{Result: protocol.OK}})
	}
	require.NoError(t, j.Close())
	return dir
}

func TestReplay(t *testing.T) {
	dir := terminals(t)
	code, out, _ := audit(t, "replay", "-journal", dir, "shells")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "| first \\u202e\n[ended: ok, after 0.2 s]\n")
	code, out, _ = audit(t, "replay", "-journal", dir, "shells", "#2", "--format", "text")
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "| second\n")

	file := filepath.Join(t.TempDir(), "shell.cast")
	for format, want := range map[string]string{"cast2": `{"version": 2, "width": 80,`, "cast3": `{"version": 3, "term": {"cols": 80,`} {
		code, out, _ := audit(t, "replay", "-journal", dir, "shells", "-format", format, "-o", file)
		require.Equal(t, exitOK, code)
		require.Empty(t, out)
		cast, err := os.ReadFile(file)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(cast), want), "%s", cast)
		require.Contains(t, string(cast), `"title": "ann on web1\\x1b[2J"`)
		require.Contains(t, string(cast), `[0.100000, "o", "\u001b[31mfirst\u001b[m \u202e\r\n"]`)

		code, _, problem := audit(t, "replay", "-journal", dir, "shells", "-format", format, "-o", file)
		require.Equal(t, exitProblem, code, "a file that is there is not overwritten")
		require.Contains(t, problem, "exists")
		require.NoError(t, os.Remove(file))
	}

	for args, want := range map[string]string{
		"nobody": `no session "nobody"`, "none": "nothing else with a terminal", "shells 7": "no exchange 7",
	} {
		code, _, problem := audit(t, append([]string{"replay", "-journal", dir, "-o", file}, strings.Fields(args)...)...)
		require.Equal(t, exitProblem, code)
		require.Contains(t, problem, want)
		require.NoFileExists(t, file)
	}
	for _, args := range []string{"", "shells x", "shells 0", "shells -format gif", "shells 1 2"} {
		code, _, _ := audit(t, append([]string{"replay", "-journal", dir}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, args)
	}
}
