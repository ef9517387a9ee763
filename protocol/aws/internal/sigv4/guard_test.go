package sigv4_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol/aws/internal/sigv4"
)

func signatureOf(n uint64) []byte {
	s := make([]byte, 32)
	binary.BigEndian.PutUint64(s[8:], n)
	return s
}

func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &sigv4.Guard{Size: 3}
		end := time.Now().Add(15 * time.Minute)
		assert.True(t, g.First("", signatureOf(1), end))
		assert.False(t, g.First("", signatureOf(1), end))
		assert.True(t, g.First("", signatureOf(2), end.Add(time.Hour)))
		assert.False(t, g.First("", signatureOf(3), time.Now().Add(-time.Second)), "it has ended")
		assert.False(t, g.First("", nil, end))
		assert.True(t, g.First("", signatureOf(3), end))
		assert.False(t, g.First("", signatureOf(4), end), "full")

		time.Sleep(15 * time.Minute)
		assert.False(t, g.First("", signatureOf(1), end), "valid to its last moment, and remembered")
		time.Sleep(2 * time.Minute)
		assert.False(t, g.First("", signatureOf(1), end), "it has ended")
		end = time.Now().Add(15 * time.Minute)
		assert.True(t, g.First("", signatureOf(4), end), "there is room again")
		assert.True(t, g.First("", signatureOf(5), end))
		assert.False(t, g.First("", signatureOf(6), end))
	})
}

func TestGuardIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &sigv4.Guard{Size: 8}
		end := time.Now().Add(time.Hour)
		assert.True(t, g.First("a", signatureOf(1), end))
		assert.True(t, g.First("a", signatureOf(2), end.Add(time.Hour)))
		assert.False(t, g.First("a", signatureOf(3), end), "a quarter is its own")
		assert.True(t, g.First("b", signatureOf(3), end), "others have theirs")
		assert.False(t, g.First("b", signatureOf(1), end), "whoever used it")
		time.Sleep(time.Hour + time.Minute)
		end = time.Now().Add(time.Hour)
		assert.True(t, g.First("a", signatureOf(4), end), "one has ended")
		assert.False(t, g.First("a", signatureOf(5), end))
	})
}

func TestGuardConcurrent(t *testing.T) {
	var g sigv4.Guard
	var wg sync.WaitGroup
	var first atomic.Int64
	end := time.Now().Add(time.Minute)
	for range 8 {
		wg.Go(func() {
			for n := range uint64(1000) {
				if g.First("", signatureOf(n), end) {
					first.Add(1)
				}
			}
		})
	}
	wg.Wait()
	assert.EqualValues(t, 1000, first.Load())
}

func TestGuardMemory(t *testing.T) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	g := &sigv4.Guard{Size: 1 << 17}
	end := time.Now().Add(time.Hour)
	for n := range uint64(1 << 17) {
		require.True(t, g.First("", signatureOf(n), end.Add(time.Duration(n%1800)*time.Second)))
	}
	require.False(t, g.First("", signatureOf(1<<20), end))
	runtime.GC()
	runtime.ReadMemStats(&after)
	perEntry := float64(after.HeapAlloc-before.HeapAlloc) / (1 << 17)
	assert.Less(t, perEntry, 64.0, "bytes for each signature")
	runtime.KeepAlive(g)
}
