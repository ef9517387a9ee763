//go:build unix

package guard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/guard"
)

const script = `
seen=
while read -r next; do seen="$seen $next"; done
echo "$seen" >"$1"
`

func TestMain(m *testing.M) {
	if path := os.Getenv("GUARD_CHILD"); path != "" {
		g, err := guard.Start("guard-test", script, path)
		if err == nil {
			err = g.Watch(os.Getpid())
		}
		if err != nil {
			os.Exit(2)
		}
		_, _ = os.Stdout.WriteString("ready\n")
		select {}
	}
	os.Exit(m.Run())
}

func TestFinish(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen")
	g, err := guard.Start("guard-test", script, path)
	require.NoError(t, err)
	require.NoError(t, g.Watch(7))
	require.NoError(t, g.Watch(0))
	require.NoFileExists(t, path)
	require.NoError(t, g.Finish())
	seen, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, " 7 0\n", string(seen))
}

func TestProcessThatIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "seen")
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "GUARD_CHILD="+path)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	_, err = out.Read(make([]byte, 10))
	require.NoError(t, err)
	require.NoError(t, child.Process.Kill())
	require.Error(t, child.Wait())
	require.Eventually(t, func() bool {
		seen, _ := os.ReadFile(path)
		return len(seen) > 2
	}, 10*time.Second, 5*time.Millisecond)
}
