package recorder

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// countFS counts what is done to segments, and holds syncs while told to.
type countFS struct {
	quickFS
	writes, syncs atomic.Int64
	mu            sync.Mutex
	gate          chan struct{} // nil while syncs are not held
	syncErr       error
}

func (c *countFS) hold() (release func(err error)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	gate := make(chan struct{})
	c.gate = gate
	return func(err error) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gate, c.syncErr = nil, err
		close(gate)
	}
}

func (c *countFS) Create(name string) (file, error) {
	f, err := c.quickFS.Create(name)
	if err != nil || !strings.HasSuffix(name, segmentSuffix) {
		return f, err
	}
	return &countFile{f, c}, nil
}

type countFile struct {
	file
	fs *countFS
}

func (f *countFile) WriteAt(b []byte, off int64) (int, error) {
	f.fs.writes.Add(1)
	return f.file.WriteAt(b, off)
}

func (f *countFile) Sync() error {
	f.fs.syncs.Add(1)
	f.fs.mu.Lock()
	gate := f.fs.gate
	f.fs.mu.Unlock()
	if gate != nil {
		<-gate
		f.fs.mu.Lock()
		defer f.fs.mu.Unlock()
		return f.fs.syncErr
	}
	return nil
}

// grouped starts a durable Append whose sync is held, then n more.
func grouped(t *testing.T, n int) (j *Journal, c *countFS, release func(error), results chan error) {
	c = &countFS{}
	j = open(t, tempDir(t), Options{fs: c, CheckpointInterval: time.Hour, SyncInterval: time.Hour})
	ctx := context.Background()
	for i := range n + 1 {
		require.NoError(t, j.Append(ctx, Taken, opened(fmt.Sprint("s", i))))
	}
	require.NoError(t, j.Append(ctx, Durable, operation("s0", 1, "warm")))
	release = c.hold()
	c.writes.Store(0)
	c.syncs.Store(0)
	results = make(chan error, n+1)
	for i := range n + 1 {
		go func() { results <- j.Append(ctx, Durable, operation(fmt.Sprint("s", i), 1, "x")) }()
		synctest.Wait()
	}
	return j, c, release, results
}

func TestGroupCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, c, release, results := grouped(t, 20)
		require.Equal(t, int64(1), c.writes.Load(), "the others wait for the next group")
		require.Equal(t, int64(1), c.syncs.Load())
		require.Empty(t, results)

		// Who needs no disk does not wait for one, and takes along what waits.
		require.NoError(t, j.Append(context.Background(), Taken, output("s1", 1, "x")))
		require.Equal(t, int64(2), c.writes.Load())
		require.Empty(t, results)

		release(nil)
		for range 21 {
			require.NoError(t, <-results)
		}
		require.Equal(t, int64(2), c.writes.Load())
		require.Equal(t, int64(2), c.syncs.Load(), "one sync for twenty")
		require.NoError(t, j.Close())
	})
}

func TestFailedSyncIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j, c, release, results := grouped(t, 20)
		broken := errors.New("disk gone")
		release(broken)
		for range 21 {
			require.ErrorIs(t, <-results, broken)
		}
		c.syncErr = nil
		require.ErrorIs(t, j.Append(context.Background(), Taken, output("s1", 1, "x")), broken)
		require.ErrorIs(t, j.Ready(), broken)
		_, err := j.Checkpoint()
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, j.Close(), broken)
	})
}

func TestBufferedSyncsInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &countFS{}
		j := open(t, tempDir(t), Options{fs: c, Buffered: true, CheckpointInterval: time.Hour, SyncInterval: 30 * time.Millisecond, SyncBytes: 10_000})
		require.Equal(t, "buffered", j.Durability())
		ctx := context.Background()
		c.syncs.Store(0)
		require.NoError(t, j.Append(ctx, Durable, opened("s")))
		require.Zero(t, c.syncs.Load())
		time.Sleep(29 * time.Millisecond)
		synctest.Wait()
		require.Zero(t, c.syncs.Load())
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, int64(1), c.syncs.Load(), "the window in time")
		time.Sleep(time.Minute)
		require.Equal(t, int64(1), c.syncs.Load(), "nothing to do, nothing done")
		require.NoError(t, j.Append(ctx, Durable, output("s", 1, strings.Repeat("x", 9000))))
		require.Equal(t, int64(1), c.syncs.Load())
		require.NoError(t, j.Append(ctx, Taken, output("s", 1, strings.Repeat("x", 9000))))
		require.Equal(t, int64(2), c.syncs.Load(), "the window in bytes")
		require.NoError(t, j.Close())
	})
}

func TestCheckpointsComeInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := open(t, tempDir(t), Options{})
		ctx := context.Background()
		size := func() uint64 { synctest.Wait(); return j.LastCheckpoint().Size }
		require.NoError(t, j.Append(ctx, Durable, opened("a"), opened("b")))
		time.Sleep(defaultCheckpointInterval - time.Millisecond)
		require.Zero(t, size())
		time.Sleep(2 * time.Millisecond)
		require.Equal(t, uint64(2), size(), "a head for each")
		time.Sleep(time.Minute)
		require.Equal(t, uint64(2), size(), "nothing changed")
		require.NoError(t, j.Append(ctx, Durable, operation("a", 1, "x")))
		time.Sleep(2 * defaultCheckpointInterval)
		require.Equal(t, uint64(3), size(), "a head for the one that changed")
		require.NoError(t, j.Append(ctx, Durable, closed("a")))
		time.Sleep(time.Millisecond)
		require.Equal(t, uint64(4), size(), "the end of a session makes one at once")
		require.NoError(t, j.Append(ctx, Durable, closed("b")))
		time.Sleep(time.Millisecond)
		require.Equal(t, uint64(4), size(), "but not too often")
		time.Sleep(checkpointSpacing)
		require.Equal(t, uint64(5), size())
		require.Empty(t, j.sessions)
		require.NoError(t, j.Close())
	})
}

func TestRefusedEventsChangeNothing(t *testing.T) {
	j := open(t, tempDir(t), Options{})
	ctx := context.Background()
	require.NoError(t, j.Append(ctx, Taken, opened("s")))
	large := operation("s", 1, strings.Repeat("\x01", MaxRecord/5))
	for _, events := range [][]*Event{{large}, {opened("bad id")}, {opened(strings.Repeat("x", 129))}, {closed("s"), ended("s", 1)}} {
		require.ErrorIs(t, j.Append(ctx, Taken, events...), ErrEvent)
	}
	require.NoError(t, j.Append(ctx, Durable, closed("s")))
	require.Equal(t, uint64(2), j.pos)
}
