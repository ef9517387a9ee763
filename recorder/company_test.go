package recorder

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCompanyCountsSessionsOfTheseDays(t *testing.T) {
	var c company
	at := func(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }
	a, b := &sessionState{}, &sessionState{}
	c.joins(a, at(0))
	c.joins(a, at(time.Millisecond))
	assert.Equal(t, 1, c.size(), "one session is one, however often it asks")
	c.joins(b, at(2*time.Millisecond))
	assert.Equal(t, 2, c.size())
	c.joins(a, at(epochLength))
	assert.Equal(t, 2, c.size(), "the epoch before counts")
	c.joins(a, at(2*epochLength))
	assert.Equal(t, 1, c.size(), "and none before that")
	c.joins(b, at(time.Hour))
	assert.Equal(t, 1, c.size())
}

// slowFS takes a while to sync, on synctest's clock.
type slowFS struct{ countFS }

func (s *slowFS) Create(name string) (file, error) {
	f, err := s.countFS.Create(name)
	return slowFile{f}, err
}

type slowFile struct{ file }

func (s slowFile) Sync() error {
	time.Sleep(300 * time.Microsecond)
	return s.file.Sync()
}

// Clients that each wait for their own sync share syncs; who is alone does not
// wait for anybody.
func TestSyncsAreShared(t *testing.T) {
	for _, clients := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(clients), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := &slowFS{}
				j, err := OpenJournal(t.TempDir(), Options{fs: disk, CheckpointInterval: time.Hour})
				require.NoError(t, err)
				var wg sync.WaitGroup
				begun := time.Now()
				before := disk.syncs.Load()
				const each = 40
				for i := range clients {
					wg.Go(func() {
						id := fmt.Sprintf("s%d", i)
						assert.NoError(t, j.Append(context.Background(), Durable, &Event{Session: id, Kind: KindSessionOpened, Opened: &Opened{Gateway: "g"}}))
						for n := range each {
							// The rest of a statement's way takes its time, not all the same.
							time.Sleep(time.Duration(100+(i*37+n*11)%100) * time.Microsecond)
							assert.NoError(t, j.Append(context.Background(), Durable, &Event{Session: id, Kind: KindNote, Note: &Note{Kind: "n"}}))
						}
					})
				}
				wg.Wait()
				took, syncs := time.Since(begun), int(disk.syncs.Load()-before)
				t.Logf("%d syncs for %d events in %v", syncs, clients*(each+1), took)
				if clients == 1 {
					assert.Less(t, took, (each+1)*600*time.Microsecond, "nobody to wait for")
				} else if clients > 2 {
					assert.Less(t, syncs, clients*(each+1)/4)
				}
				require.NoError(t, j.Close())
			})
		})
	}
}
