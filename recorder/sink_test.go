package recorder

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSinksGetCheckpoints(t *testing.T) {
	var mu sync.Mutex
	var bodies [][]byte
	fail := true
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if fail || r.Header.Get("Authorization") != "Bearer x" || r.Method != http.MethodPost {
			fail = false
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		bodies = append(bodies, b)
	}))
	defer srv.Close()
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "checkpoint")
	j := open(t, dir, Options{CheckpointInterval: time.Hour, Sinks: []CheckpointSink{
		FileSink{Path: file},
		HTTPSink{URL: srv.URL, Header: http.Header{"Authorization": {"Bearer x"}}, Client: srv.Client()},
	}})
	require.NoError(t, j.Append(context.Background(), Durable, opened("s")))
	c, err := j.Checkpoint()
	require.NoError(t, err)
	require.Eventually(t, func() bool { return j.SinkStatus()[1].Err != nil }, 5*time.Second, time.Millisecond)
	require.ErrorContains(t, j.SinkStatus()[1].Err, "503")
	require.NoError(t, j.Ready(), "a sink that is away does not stop the journal")
	require.NoError(t, j.Append(context.Background(), Durable, closed("s")))
	require.NoError(t, j.Close(), "Close waits for the second try")
	last := j.LastCheckpoint()
	kept, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, last.Note, kept)
	mu.Lock()
	defer mu.Unlock()
	require.GreaterOrEqual(t, len(bodies), 2)
	require.Equal(t, c.Note, bodies[0])
	require.Equal(t, last.Note, bodies[len(bodies)-1])
	require.Empty(t, verify(t, dir, VerifyOptions{Checkpoint: kept}).Findings)
	for _, s := range j.SinkStatus() {
		require.Zero(t, s.Waiting)
		require.False(t, s.Sent.IsZero())
		require.NoError(t, s.Err)
	}
	srv.Client().CloseIdleConnections()
}

type sinkFunc func(ctx context.Context, c Checkpoint) error

func (f sinkFunc) Send(ctx context.Context, c Checkpoint) error { return f(ctx, c) }

func TestSlowSinkBacksOffAndKeepsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		var got []uint64
		start := time.Now()
		var up atomic.Bool
		s := startSender(sinkFunc(func(_ context.Context, c Checkpoint) error {
			if !up.Load() {
				tries = append(tries, time.Since(start))
				return errors.New("away")
			}
			got = append(got, c.Size)
			return nil
		}), quiet())
		for i := range uint64(3 * sinkQueue) {
			s.offer(Checkpoint{Size: i})
		}
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}, tries)
		require.Equal(t, sinkQueue, s.state().Waiting)
		require.Equal(t, 2*sinkQueue, s.state().Dropped)
		up.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Len(t, got, sinkQueue)
		require.Equal(t, uint64(3*sinkQueue-1), got[len(got)-1])
		s.close()
	})
}

func TestCloseDoesNotWaitForeverForASink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startSender(sinkFunc(func(ctx context.Context, _ Checkpoint) error {
			<-ctx.Done()
			return ctx.Err()
		}), quiet())
		s.offer(Checkpoint{})
		start := time.Now()
		s.close()
		require.Equal(t, sinkDrain, time.Since(start))
	})
}
