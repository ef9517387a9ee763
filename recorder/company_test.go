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

	"github.com/sallyport/sallyport/protocol"
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

// A session that several use at once counts for as many as are under way and
// have asked; one that one uses counts as one, whatever it has open.
func TestCompanyCountsWhoShareASession(t *testing.T) {
	at := func(d time.Duration) time.Time { return time.Unix(1000, 0).Add(d) }
	begin := func(s *sessionState, pos uint64, ids ...protocol.ExchangeID) {
		for _, id := range ids {
			s.note(&Event{Kind: KindOperation, Exchange: id}, pos)
		}
	}
	var c company
	shared := &sessionState{}
	for id := range protocol.ExchangeID(5) {
		begin(shared, uint64(id)+10, id+1)
		c.joins(shared, at(time.Duration(id)*time.Microsecond))
	}
	assert.Equal(t, 5, c.size())

	c = company{}
	pipelined := &sessionState{}
	for id := range protocol.ExchangeID(5) {
		begin(pipelined, uint64(id)+10, 10*id+1, 10*id+2, 10*id+3)
		c.joins(pipelined, at(time.Duration(id)*time.Microsecond))
		for _, ended := range []protocol.ExchangeID{10*id + 1, 10*id + 2, 10*id + 3} {
			pipelined.end(ended)
		}
	}
	assert.Equal(t, 1, c.size(), "statements that one client sends together are one")

	c = company{}
	idle := &sessionState{}
	for id := range protocol.ExchangeID(100) {
		begin(idle, uint64(id)+10, id+1)
	}
	c.joins(idle, at(0))
	assert.Equal(t, 1, c.size(), "what only stays open asks for nothing")
	for range 200 {
		c.joins(idle, at(0))
	}
	assert.Equal(t, maxCompany, c.size())
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
	for _, clients := range []int{1, 2, 8, -8} {
		t.Run(fmt.Sprint(clients), func(t *testing.T) {
			oneSession := clients < 0
			clients := max(clients, -clients)
			synctest.Test(t, func(t *testing.T) {
				disk := &slowFS{}
				j, err := OpenJournal(t.TempDir(), Options{fs: disk, CheckpointInterval: time.Hour})
				require.NoError(t, err)
				var wg sync.WaitGroup
				begun := time.Now()
				before := disk.syncs.Load()
				const each = 40
				if oneSession {
					assert.NoError(t, j.Append(context.Background(), Durable, &Event{Session: "shared", Kind: KindSessionOpened, Opened: &Opened{Gateway: "g"}}))
				}
				for i := range clients {
					wg.Go(func() {
						id := fmt.Sprintf("s%d", i)
						if oneSession {
							id = "shared"
						} else {
							assert.NoError(t, j.Append(context.Background(), Durable, &Event{Session: id, Kind: KindSessionOpened, Opened: &Opened{Gateway: "g"}}))
						}
						for n := range each {
							// The rest of a statement's way takes its time, not all the same.
							time.Sleep(time.Duration(100+(i*37+n*11)%100) * time.Microsecond)
							x := protocol.ExchangeID(1 + i*each + n)
							assert.NoError(t, j.Append(context.Background(), Durable, &Event{Session: id, Kind: KindOperation, Exchange: x, Operation: &protocol.Operation{Verb: "V"}}))
							time.Sleep(time.Duration(50+(i*13+n*7)%50) * time.Microsecond)
							assert.NoError(t, j.Append(context.Background(), Taken, &Event{Session: id, Kind: KindEnd, Exchange: x, Outcome: &protocol.Outcome{Result: protocol.OK}}))
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
