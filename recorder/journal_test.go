package recorder

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	runChild()
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func open(t testing.TB, dir string, opts Options) *Journal {
	t.Helper()
	if opts.Logger == nil {
		opts.Logger = quiet()
	}
	if opts.fs == nil {
		opts.fs = quickFS{}
	}
	if opts.SegmentSize == 0 {
		opts.SegmentSize = 1 << 20
	}
	j, err := OpenJournal(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func opened(session string) *Event {
	return &Event{Session: session, Time: time.Now(), Kind: KindSessionOpened, Opened: &Opened{
		Gateway: "gw", Protocol: "postgres", Target: "db", Principal: identity.Principal{Issuer: "test", Subject: "agent"},
	}}
}

func operation(session string, x protocol.ExchangeID, text string) *Event {
	return &Event{
		Session: session, Time: time.Now(), Kind: KindOperation, Exchange: x,
		Operation: &protocol.Operation{Verb: "select", Text: text, Effects: protocol.Read},
		OpKey:     "00ff", Decision: &protocol.Decision{Verdict: protocol.Allow, Rule: "all"},
	}
}

func output(session string, x protocol.ExchangeID, payload string) *Event {
	return &Event{Session: session, Time: time.Now(), Kind: KindOutput, Exchange: x, Part: &Part{Kind: "rows", Units: 1}, Payload: []byte(payload)}
}

func ended(session string, x protocol.ExchangeID) *Event {
	return &Event{Session: session, Time: time.Now(), Kind: KindEnd, Exchange: x, Outcome: &protocol.Outcome{Result: protocol.OK, Code: "SELECT 1"}}
}

func closed(session string) *Event {
	return &Event{Session: session, Time: time.Now(), Kind: KindSessionClosed, Outcome: &protocol.Outcome{Result: protocol.OK}}
}

func TestJournalTakesEventsOfManySessions(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{SegmentSize: minSegmentSize})
	ctx := context.Background()
	var wg sync.WaitGroup
	for s := range 8 {
		wg.Go(func() {
			id := fmt.Sprintf("s%d", s)
			require.NoError(t, j.Append(ctx, Durable, opened(id)))
			for x := range protocol.ExchangeID(40) {
				need := Taken
				if x%4 == 0 {
					need = Durable
				}
				op := operation(id, x+1, "select 1")
				require.NoError(t, j.Append(ctx, need, op, output(id, x+1, "row")))
				require.Equal(t, uint64(x)*3+1, op.Seq)
				require.NoError(t, j.Append(ctx, Taken, ended(id, x+1)))
			}
			require.NoError(t, j.Append(ctx, Durable, closed(id)))
		})
	}
	wg.Wait()
	require.NoError(t, j.Close())
	require.ErrorIs(t, j.Append(ctx, Taken, opened("x")), ErrClosed)

	j = open(t, dir, Options{SegmentSize: minSegmentSize})
	require.Equal(t, uint64(8*(40*3+2)), j.pos)
	require.Empty(t, j.Recovery())
	require.NotNil(t, j.LastCheckpoint().Note)
	require.Equal(t, j.pos, j.LastCheckpoint().Events)
}

func TestSecondGatewayIsRefused(t *testing.T) {
	dir := t.TempDir()
	open(t, dir, Options{})
	_, err := OpenJournal(dir, Options{})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, dir)
}

func TestOpenSessionsEndAsAbandoned(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, Options{})
	ctx := context.Background()
	require.NoError(t, j.Append(ctx, Durable, opened("a"), operation("a", 1, "x")))
	require.NoError(t, j.Close())
	j = open(t, dir, Options{})
	require.Equal(t, []string{"a"}, j.Recovery().Abandoned)
	require.Equal(t, uint64(4), j.pos)
	require.NoError(t, j.Close())
	j = open(t, dir, Options{})
	require.Empty(t, j.Recovery())
}

// tempDir is a directory in memory where there is such a place: most tests
// make many small files and do not care for the disk.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "journal")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// What was added together is there together, or not at all.
func TestTornBatchesAreCutWhole(t *testing.T) {
	ctx := context.Background()
	for _, cut := range []int64{1, 40, 200, 500, 700} {
		dir := tempDir(t)
		j := open(t, dir, Options{CheckpointInterval: time.Hour})
		require.NoError(t, j.Append(ctx, Durable, opened("s")))
		before := j.tail.offset
		require.NoError(t, j.Append(ctx, Durable, operation("s", 1, "a"), output("s", 1, strings.Repeat("x", 300)), ended("s", 1)))
		at := j.tail.offset - cut
		crash(j)
		require.Greater(t, at, before)
		name := segmentName(dir, 1)
		require.NoError(t, os.Truncate(name, at))
		require.NoError(t, os.Truncate(name, 1<<20)) // zeros again

		j = open(t, dir, Options{})
		require.Len(t, j.Recovery().Torn, 1)
		require.NoError(t, j.Close())
		var kinds []Kind
		for e, err := range read(t, dir).Events("s") {
			require.NoError(t, err)
			kinds = append(kinds, e.Kind)
		}
		require.Equal(t, []Kind{KindSessionOpened, KindSessionClosed}, kinds, "cut %d", cut)
		info := sessions(t, read(t, dir), Filter{})["recovery-2"]
		require.NotNil(t, info, "the cut is in the record")
		require.Equal(t, uint64(3), info.Events)
		require.Empty(t, verify(t, dir, VerifyOptions{}).Findings)
		aside, err := os.ReadFile(fmt.Sprintf("%s/segments/000000000001-%d.torn", dir, before))
		require.NoError(t, err)
		require.InDelta(t, at-before, len(aside), 2, "up to its zeros at the end")
	}
}

// Less than the newest checkpoint says is no place to go on from.
func TestJournalThatLostSignedEventsIsRefused(t *testing.T) {
	dir := tempDir(t)
	sample(t, dir)
	numbers, err := listSegments(dir)
	require.NoError(t, err)
	name := segmentName(dir, numbers[len(numbers)-1])
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(name, info.Size()-1))
	_, err = OpenJournal(dir, Options{Logger: quiet()})
	require.ErrorIs(t, err, ErrDamaged)
	require.ErrorContains(t, err, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, keyName)))
	_, err = OpenJournal(dir, Options{Logger: quiet()})
	require.ErrorContains(t, err, "signing key")
}
