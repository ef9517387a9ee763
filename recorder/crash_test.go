//go:build linux

package recorder

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const childEnv = "SALLYPORT_TEST_CHILD"

// runChild does not return in a child.
func runChild() {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
	}
}

// child is what the test binary does when it is started as a child: it
// appends to the journal in dir from several goroutines and says on standard
// output what was acknowledged, until it fails or is killed.
func child(dir string) {
	opts := Options{Logger: quiet(), SegmentSize: 16 << 10, CheckpointInterval: 20 * time.Millisecond}
	if limit, err := strconv.ParseUint(os.Getenv(childEnv+"_FSIZE"), 10, 64); err == nil {
		signal.Ignore(unix.SIGXFSZ)
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	j, err := OpenJournal(dir, opts)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fill(j, fmt.Sprint(os.Getpid()), func(id string, events uint64) {
		fmt.Printf("%s %d\n", id, events) // one write(2): a pipe keeps it whole
	})
	os.Exit(0)
}

// fill appends until the journal fails.
func fill(j *Journal, prefix string, ack func(id string, events uint64)) {
	var wg sync.WaitGroup
	for s := range 4 {
		wg.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%s-%d-%d", prefix, s, n)
				list := []*Event{opened(id)}
				for x := range protocol.ExchangeID(10) {
					list = append(list, operation(id, x+1, "select 1"), output(id, x+1, strings.Repeat("z", rand.IntN(3000))), ended(id, x+1))
				}
				list = append(list, closed(id))
				for _, e := range list {
					need := Taken
					if e.Kind == KindOperation {
						need = Durable
					}
					if j.Append(context.Background(), need, e) != nil {
						return
					}
					ack(id, e.Seq+1)
				}
			}
		})
	}
	wg.Wait()
}

func startChild(t *testing.T, dir string, env ...string) (*exec.Cmd, io.Reader) {
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(append(os.Environ(), childEnv+"="+dir), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, out
}

// read takes in what a child acknowledges until it ends; begun is called with
// the first.
func (a *acked) read(t *testing.T, r io.Reader, begun func()) {
	lines := bufio.NewScanner(r)
	for n := 0; lines.Scan(); n++ {
		if n == 0 && begun != nil {
			begun()
		}
		id, n, ok := strings.Cut(lines.Text(), " ")
		events, err := strconv.ParseUint(n, 10, 64)
		require.True(t, ok && err == nil, lines.Text())
		a.next[id] = max(a.next[id], events)
	}
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	rounds := 4
	if soak() {
		rounds = 100
	}
	dir := t.TempDir()
	a := &acked{next: make(map[string]uint64)}
	for range rounds {
		cmd, out := startChild(t, dir)
		a.read(t, out, func() {
			time.AfterFunc(rand.N(150*time.Millisecond), func() { _ = cmd.Process.Kill() })
		})
		require.Error(t, cmd.Wait())
		a.holds(t, dir, "killed")
	}
	require.NotEmpty(t, a.next)
}

func TestLimitedFileSize(t *testing.T) {
	dir := t.TempDir()
	a := &acked{next: make(map[string]uint64)}
	cmd, out := startChild(t, dir, childEnv+"_FSIZE=20000")
	a.read(t, out, nil)
	require.NoError(t, cmd.Wait(), "the child is to see the journal fail")
	a.holds(t, dir, "limited file size")
	require.NotEmpty(t, a.next)
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=400k"); err != nil {
		t.Logf("no small file system can be mounted here (%v): TestLimitedFileSize stands in", err)
		return
	}
	defer func() { require.NoError(t, syscall.Unmount(dir, 0)) }()
	opts := Options{Logger: quiet(), SegmentSize: 64 << 10, CheckpointInterval: 20 * time.Millisecond}
	a := &acked{next: make(map[string]uint64)}
	j, err := OpenJournal(dir+"/j", opts)
	require.NoError(t, err)
	fill(j, "s", func(id string, events uint64) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.next[id] = events
	})
	require.ErrorIs(t, j.Ready(), syscall.ENOSPC)
	require.ErrorContains(t, j.Ready(), dir)
	require.Error(t, j.Close())
	_, err = OpenJournal(dir+"/j", opts)
	require.ErrorIs(t, err, syscall.ENOSPC, "a full disk is no place to begin")
	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"))
	a.holdsIn(t, dir+"/j", "full disk", opts)
	require.NotEmpty(t, a.next)
}
