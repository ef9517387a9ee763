package child

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAsked(t *testing.T) {
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	ready := make(chan string)
	go func() {
		line, _ := bufio.NewReader(answers).ReadString('\n')
		ready <- line
	}()
	ctx := listening(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 7}, in, out)
	require.Equal(t, "ready 127.0.0.1:7\n", <-ready)

	held := make([]byte, 8<<20)
	_, err := io.WriteString(ask, "something else\n"+AskMemory+"\n")
	require.NoError(t, err)
	line, err := bufio.NewReader(answers).ReadString('\n')
	require.NoError(t, err)
	m, err := ParseMemory(line)
	require.NoError(t, err)
	require.Greater(t, m.Heap, int64(len(held)))
	require.Positive(t, m.Stacks)
	require.Positive(t, m.Goroutines)
	runtime.KeepAlive(held)

	require.NoError(t, ctx.Err())
	require.NoError(t, ask.Close())
	<-ctx.Done()
}

func TestParseMemory(t *testing.T) {
	m := Memory{Heap: 1, Stacks: 2, Goroutines: 3}
	got, err := ParseMemory(m.String())
	require.NoError(t, err)
	require.Equal(t, m, got)
	for _, bad := range []string{"", "heap x", "ready 127.0.0.1:7"} {
		_, err := ParseMemory(bad)
		require.Error(t, err)
	}
}

func TestProfile(t *testing.T) {
	stop, err := Profile("")
	require.NoError(t, err)
	stop()
	name := filepath.Join(t.TempDir(), "cpu")
	stop, err = Profile(name)
	require.NoError(t, err)
	stop()
	written, err := os.Stat(name)
	require.NoError(t, err)
	require.Positive(t, written.Size())
	_, err = Profile(filepath.Join(name, "below"))
	require.Error(t, err)
}
