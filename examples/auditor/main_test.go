package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines is a renderer: payload of the test's protocol is text.
type lines struct{}

func (lines) Protocol() string { return "test" }
func (lines) Render(w io.Writer, _ string, _, payload []byte) error {
	_, err := w.Write(payload)
	return err
}

const hostile = "drop table x; -- \x1b]52;c;aGk=\x07 \u202e\xff"

// journal makes a journal with two sessions, one of which is hostile.
func journal(t *testing.T) (dir string, checkpoint []byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "journal")
	j, err := recorder.OpenJournal(dir, recorder.Options{})
	require.NoError(t, err)
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	add := func(events ...*recorder.Event) {
		for _, e := range events {
			at = at.Add(15 * time.Millisecond)
			e.Time = at
		}
		require.NoError(t, j.Append(context.Background(), recorder.Taken, events...))
	}
	session := func(id, who, target, text string, v protocol.Verdict, r protocol.Result) {
		add(&recorder.Event{Session: id, Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{
			Gateway: "gw", Protocol: "test", Target: target, Principal: identity.Principal{Issuer: "i", Subject: who}, Durability: "durable",
		}}, &recorder.Event{
			Session: id, Kind: recorder.KindOperation, Exchange: 1,
			Operation: &protocol.Operation{Verb: "query", Text: text, Effects: protocol.Read, Params: []protocol.Param{{Name: "$1", Value: "7"}, {Name: "$2", Null: true}}},
			Decision:  &protocol.Decision{Verdict: v, Rule: "r1", Reason: "because"},
		})
		if r == protocol.OK {
			add(&recorder.Event{
				Session: id, Kind: recorder.KindOutput, Exchange: 1, Part: &recorder.Part{Kind: "rows", Units: 7, Masked: 2},
				Payload: []byte("one\x1b[31m\ntwo\nthree\nfour\nfive\nsix\nseven\n"),
			})
		}
		add(&recorder.Event{Session: id, Kind: recorder.KindEnd, Exchange: 1, Outcome: &protocol.Outcome{Result: r, Code: "X1"}},
			&recorder.Event{Session: id, Kind: recorder.KindSessionClosed, Outcome: &protocol.Outcome{Result: protocol.OK}})
	}
	session("gw-1", "bot", "sales", "select 1", protocol.Allow, protocol.OK)
	session("gw-2", "bot\x1b[2J", "hr", hostile, protocol.Deny, protocol.Refused)
	require.NoError(t, j.Close())
	return dir, j.LastCheckpoint().Note
}

func audit(t *testing.T, args ...string) (code int, out, err string) {
	t.Helper()
	var o, e bytes.Buffer
	a := app{out: &o, err: &e, renderers: []protocol.Renderer{lines{}}}
	code = a.run(context.Background(), args)
	for _, s := range []string{o.String(), e.String()} {
		for _, r := range s {
			require.False(t, r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r == 0x202e, "%q holds %U", s, r)
		}
	}
	return code, o.String(), e.String()
}

func TestList(t *testing.T) {
	dir, _ := journal(t)
	code, out, _ := audit(t, "list", "-journal", dir)
	require.Equal(t, exitOK, code)
	rows := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, rows, 3)
	at := strings.Index(rows[0], "STATE")
	for _, r := range rows[1:] {
		require.Equal(t, at, strings.Index(r, "complete"), "columns are aligned:\n%s", out)
	}
	require.Contains(t, rows[2], `bot\x1b[2J`)
	for args, want := range map[string]string{
		"-target hr": "gw-2", "-principal bot": "gw-1", "-outcome denied,error": "gw-2", "-outcome ok -verb que*": "gw-1",
		"-from 2026-11-24": "", "-until 2026-11-22T10:00": "",
	} {
		code, out, _ := audit(t, append([]string{"list", "-journal", dir}, strings.Fields(args)...)...)
		require.Equal(t, exitOK, code)
		for _, id := range []string{"gw-1", "gw-2"} {
			require.Equal(t, id == want, strings.Contains(out, id), "%s: %s", args, out)
		}
	}
}

func TestShow(t *testing.T) {
	dir, _ := journal(t)
	code, out, _ := audit(t, "show", "gw-1", "-journal", dir)
	require.Equal(t, exitOK, code)
	for _, want := range []string{"principal", "bot (i|bot)", "allow (r1): because", "select 1", `$1="7"`, "$2=NULL", `one\x1b[31m`, "five", "… 2 more lines", "2 values masked", "ok  X1", "closed"} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, "six")
	_, out, _ = audit(t, "show", "gw-1", "-journal", dir, "-rows", "-1")
	require.Contains(t, out, "seven")
	_, out, _ = audit(t, "show", "gw-1", "-journal", dir, "-rows", "0")
	require.NotContains(t, out, "five")
	_, out, _ = audit(t, "show", "gw-2", "-journal", dir)
	require.Contains(t, out, `\x1b]52;c;aGk=\x07 \u202e\xff`)
	code, _, err := audit(t, "show", "nobody", "-journal", dir)
	require.Equal(t, exitProblem, code)
	require.Contains(t, err, "auditor list")
}

func TestTail(t *testing.T) {
	dir, _ := journal(t)
	code, out, _ := audit(t, "tail", "-journal", dir, "-once", "-n", "3")
	require.Equal(t, exitOK, code)
	require.Equal(t, 3, strings.Count(out, "\n"))
	_, out, _ = audit(t, "tail", "-journal", dir, "-once", "-n", "100", "-target", "sales")
	require.Contains(t, out, "gw-1")
	require.NotContains(t, out, "gw-2")

	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	done := make(chan int)
	go func() {
		a := app{out: w, err: io.Discard}
		done <- a.run(ctx, []string{"tail", "-journal", dir, "-n", "0", "-session", "later"})
	}()
	time.Sleep(20 * time.Millisecond) // so that it most likely waits at the end
	j, err := recorder.OpenJournal(dir, recorder.Options{})
	require.NoError(t, err)
	require.NoError(t, j.Append(ctx, recorder.Taken, &recorder.Event{Session: "later", Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{}}))
	line := make([]byte, 200)
	n, err := r.Read(line)
	require.NoError(t, err)
	require.Contains(t, string(line[:n]), "later")
	cancel()
	require.Equal(t, exitOK, <-done)
	require.NoError(t, j.Close())
}

func TestVerify(t *testing.T) {
	dir, checkpoint := journal(t)
	code, out, _ := audit(t, "verify", "-journal", dir)
	require.Equal(t, exitOK, code)
	require.Contains(t, out, "Everything that is signed is as it was signed.")
	require.Contains(t, out, "NOTE")

	kept := filepath.Join(t.TempDir(), "kept")
	require.NoError(t, os.WriteFile(kept, checkpoint, 0o600))
	key := filepath.Join(dir, "journal.pub")
	public, err := os.ReadFile(key)
	require.NoError(t, err)
	for _, k := range []string{key, strings.TrimSpace(string(public))} {
		code, out, _ = audit(t, "verify", "-journal", dir, "-key", k, "-checkpoint", kept)
		require.Equal(t, exitOK, code, out)
		require.Equal(t, 1, strings.Count(out, "NOTE"), out)
	}

	segments, err := filepath.Glob(filepath.Join(dir, "segments", "*"))
	require.NoError(t, err)
	data, err := os.ReadFile(segments[0])
	require.NoError(t, err)
	i := bytes.Index(data, []byte("select 1"))
	data[i] ^= 1
	require.NoError(t, os.WriteFile(segments[0], data, 0o600))
	code, out, _ = audit(t, "verify", "-journal", dir)
	require.Equal(t, exitProblem, code)
	require.Contains(t, out, "WRONG")
	require.Contains(t, out, "session gw-1 event 1")
	code, _, err2 := audit(t, "list", "-journal", dir)
	require.Equal(t, exitProblem, code)
	require.Contains(t, err2, "damaged: "+segments[0])
	code, _, err2 = audit(t, "export", "-journal", dir)
	require.Equal(t, exitProblem, code)
	require.Contains(t, err2, "checksum")
}

func TestExport(t *testing.T) {
	dir, _ := journal(t)
	for args, want := range map[string]int{"gw-2": 4, "": 9, "-target sales": 5} {
		code, out, err := audit(t, append([]string{"export", "-journal", dir}, strings.Fields(args)...)...)
		require.Equal(t, exitOK, code, err)
		rows := strings.Split(strings.TrimSpace(out), "\n")
		require.Len(t, rows, want, args)
		for _, r := range rows {
			require.True(t, json.Valid([]byte(r)), r)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Setenv("SALLYPORT_JOURNAL", "")
	for _, args := range [][]string{
		{}, {"frobnicate"}, {"list"}, {"list", "-nonsense"}, {"list", "extra", "-journal", "x"}, {"show", "-journal", "x"},
		{"list", "-journal", "x", "-outcome", "great"}, {"list", "-journal", "x", "-from", "yesterday"},
	} {
		code, out, err := audit(t, args...)
		require.Equal(t, exitUsage, code, args)
		require.Empty(t, out)
		require.NotEmpty(t, err)
	}
	for _, args := range [][]string{{"help"}, {"--help"}} {
		code, out, _ := audit(t, args...)
		require.Equal(t, exitOK, code)
		for _, c := range commands() {
			require.Contains(t, out, c.name)
		}
	}
	for _, c := range commands() {
		code, _, err := audit(t, c.name, "-h")
		require.Equal(t, exitOK, code)
		require.Contains(t, err, "-journal")
		_, _, same := audit(t, "help", c.name)
		require.Equal(t, err, same)
	}
	code, _, err := audit(t, "list", "-journal", t.TempDir())
	require.Equal(t, exitProblem, code)
	require.Contains(t, err, "is not a journal")
}

func TestColor(t *testing.T) {
	a := app{color: true}
	require.Equal(t, "\x1b[32mok\x1b[0m", a.paint(good, "ok"))
	require.Equal(t, "ok", (&app{}).paint(good, "ok"))
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	defer f.Close()
	require.False(t, wantsColor(f, func(string) string { return "" }), "a file is no terminal")
	var b bytes.Buffer
	require.NoError(t, a.table(&b, [][]cell{{{text: "A"}, {text: "B"}}, {{text: "long", color: good}, {text: "b"}}}))
	require.Equal(t, fmt.Sprintf("%s     %s\n%s  b\n", "\x1b[2mA\x1b[0m", "\x1b[2mB\x1b[0m", "\x1b[32mlong\x1b[0m"), b.String())
}
