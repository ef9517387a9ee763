package recordertest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sallyport/sallyport/recorder"
	"github.com/sallyport/sallyport/recorder/recordertest"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryIsALog(t *testing.T) {
	recordertest.TestLog(t, func(*testing.T) (recorder.Log, func() []*recorder.Event) {
		m := recordertest.NewMemory()
		return m, m.Events
	})
}

func TestJournalIsALog(t *testing.T) {
	for _, opts := range []recorder.Options{{}, {Buffered: true}, {SegmentSize: 8 << 10}} {
		recordertest.TestLog(t, func(t *testing.T) (recorder.Log, func() []*recorder.Event) {
			j, err := recorder.OpenJournal(t.TempDir(), opts)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, j.Close()) })
			return j, func() []*recorder.Event {
				r, err := recorder.Open(j.Dir())
				require.NoError(t, err)
				var list []*recorder.Event
				for e, err := range r.All(0) {
					require.NoError(t, err)
					list = append(list, e.Clone())
				}
				return list
			}
		})
	}
}

func opening(id string) *recorder.Event {
	return &recorder.Event{Session: id, Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{Gateway: "g"}}
}

func TestMemoryFailsForGood(t *testing.T) {
	m := recordertest.NewMemory()
	m.FailAfter(1, nil)
	ctx := context.Background()
	require.NoError(t, m.Append(ctx, recorder.Taken, opening("a")))
	require.ErrorIs(t, m.Append(ctx, recorder.Taken, opening("b")), recordertest.ErrInjected)
	require.ErrorIs(t, m.Append(ctx, recorder.Taken, opening("c")), recordertest.ErrInjected)
	require.Error(t, m.Ready())
	require.Len(t, m.Events(), 1)
}

func TestMemoryHolds(t *testing.T) {
	m := recordertest.NewMemory()
	release := m.Hold()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, m.Append(ctx, recorder.Taken, opening("a")), context.DeadlineExceeded)
	done := make(chan error)
	go func() { done <- m.Append(context.Background(), recorder.Taken, opening("b")) }()
	release()
	release()
	require.NoError(t, <-done)
	e, err := m.WaitFor(context.Background(), func(e *recorder.Event) bool { return e.Session == "b" })
	require.NoError(t, err)
	require.Equal(t, uint64(0), e.Pos)
}

func ExampleMemory() {
	m := recordertest.NewMemory()
	m.FailAfter(1, errors.New("disk full"))
	ctx := context.Background()
	fmt.Println(m.Append(ctx, recorder.Durable, &recorder.Event{Session: "s", Kind: recorder.KindSessionOpened}))
	fmt.Println(m.Append(ctx, recorder.Durable, &recorder.Event{Session: "s", Kind: recorder.KindSessionClosed}))
	fmt.Println(recordertest.Kinds(m.Events()))
	// Output:
	// <nil>
	// the log in memory has failed: disk full
	// [session opened]
}
