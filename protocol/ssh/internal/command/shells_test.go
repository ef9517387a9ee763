package command

import (
	"bytes"
	"context"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// pieces are what TestShellsAgree makes lines of: what a shell's grammar turns
// on, and the names of programs that only say that they ran.
var pieces = []string{
	"c1", "c2", "c3", "c4 c1", " ", " ", " ", ";", "; ", "\n", "\n", "&&", "||", "|", "&", "!", "(", ")", "{ ", "; }", "}", "'", "'", `"`, `"`, "`", "`", `\`, "\\\n", `\'`, `\"`, "\\`", "$(", ")", "$((", "))", "((", "[[ ", " ]]", "[ ", " ]",
	"${x:-", "${x", "}", "$x", "$'", `$"`, "$[", "]", "#", " #", "<<E\n", "\nE\n", "<<'E'\n", "<<-E\n", "<<<", "<<", "if ", "; then ", "; else ", "; fi", "case c1 in ", "c1) ", ";;", " esac", "for x in ", "; do ", "; done",
	"x=", "x=c1 ", "a[", "=", "{c1,c2}", ",", "~", "*", "?", "@(", "<(", ">(", " || c3 ", " && c2 ", "time ", "eval ", "command ", "exec ", "coproc ", "function f ", "f() ", "-a ", "=~ ", "< ", "> ", "2>&1", "&> ", "|& ", ">|", "let ", "select x in ", "env ", "\t", "$IFS", "$@", "$#", "sh -c ", "$x ", "'c1'", `"c2"`, "c''3", `c\1`, "$(c1)", "`c2`", "$(<", "x=(c1)", "${x/c1/`c2`}", "in ", "{", "}{", "()", "x=(c2)", "&>f ", "&>>f ", "y=(",
}

// TestShellsAgree runs random lines in the shells that are there, with programs
// that only note that they ran: what runs must be among a line's objects, unless
// the line is everything. Nothing else can run: there is no other program in
// PATH, no name in the lines has a slash, and the working directory is a
// temporary one.
func TestShellsAgree(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	require.NoError(t, os.Mkdir(bin, 0o700))
	shells := map[string]string{}
	for _, name := range []string{"sh", "bash", "dash", "zsh", "ksh", "mksh", "busybox"} {
		if p, err := exec.LookPath(name); err == nil {
			shells[name] = p
		}
	}
	require.NotEmpty(t, shells, "a system without a shell")
	names := []string{"c1", "c2", "c3", "c4"}
	for _, name := range names {
		script := "#!" + shells["sh"] + "\necho " + name + " >>\"$LOG\"\n"
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte(script), 0o700))
	}
	seed, patience := uint64(1), shellsFor // the same lines each time, but in a soak
	if os.Getenv("SALLYPORT_SOAK") != "" {
		seed, patience = uint64(time.Now().UnixNano()), 10*time.Minute
	}
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	ran, lines, runs := 0, 0, 0
	for end := time.Now().Add(patience); time.Now().Before(end); {
		line := ""
		for range 2 + r.IntN(12) {
			line += pieces[r.IntN(len(pieces))]
		}
		l := Parse(line, false)
		if l.Effects.Has(protocol.Everything) || loops(line) {
			continue
		}
		lines++
		for name, path := range shells {
			args := []string{"-c", line}
			if name == "busybox" {
				args = append([]string{"sh"}, args...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			work := filepath.Join(dir, "work")
			require.NoError(t, os.RemoveAll(work))
			require.NoError(t, os.Mkdir(work, 0o700))
			runs++ // what runs on in the background writes to the log of its own line
			log := filepath.Join(dir, "log"+strconv.Itoa(runs))
			cmd := exec.CommandContext(ctx, path, args...)
			cmd.Dir, cmd.Env, cmd.WaitDelay = work, []string{"PATH=" + bin, "LOG=" + log, "FUNCNEST=10"}, time.Second
			_ = cmd.Run()
			cancel()
			out, _ := os.ReadFile(log)
			_ = os.Remove(log)
			for _, c := range names {
				if !bytes.Contains(out, []byte(c)) {
					continue
				}
				ran++
				found := false
				for _, o := range l.Objects {
					found = found || o.Kind == "command" && o.Name == c
				}
				assert.True(t, found, "%s runs %s in %q\n%s %s", name, c, line, l.Effects, listed(l))
			}
		}
	}
	t.Log(lines, "lines,", ran, "programs ran")
	require.NotZero(t, ran)
}

// loops reports whether a line could define a function that calls itself.
func loops(line string) bool {
	return strings.Contains(line, "()") || strings.Contains(line, "function")
}

const shellsFor = 1500 * time.Millisecond
