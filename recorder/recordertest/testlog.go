package recordertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// TestLog checks a [recorder.Log]. open returns a fresh, empty log and a
// function that reads back what it holds, in order; it is called once for each
// part of the test. open sees to closing the log, such as by t.Cleanup.
func TestLog(t *testing.T, open func(t *testing.T) (log recorder.Log, read func() []*recorder.Event)) {
	t.Run("numbers", func(t *testing.T) { testNumbers(t, open) })
	t.Run("keeps nothing of the caller's", func(t *testing.T) { testBorrowed(t, open) })
	t.Run("refuses what cannot be recorded and goes on", func(t *testing.T) { testRefuses(t, open) })
	t.Run("ended context", func(t *testing.T) { testContext(t, open) })
	t.Run("concurrent sessions", func(t *testing.T) { testConcurrent(t, open) })
}

type opener = func(t *testing.T) (recorder.Log, func() []*recorder.Event)

func event(session string, kind recorder.Kind) *recorder.Event {
	e := &recorder.Event{Session: session, Kind: kind, Time: time.Unix(1700000000, 123456789).UTC()}
	switch kind {
	case recorder.KindSessionOpened:
		e.Opened = &recorder.Opened{Gateway: "test", Protocol: "test", Target: "target"}
	case recorder.KindOperation:
		e.Exchange = 1
		e.Operation = &protocol.Operation{Verb: "select", Text: "select \x00\xff\u202e 'é'", Effects: protocol.Read}
		e.Decision = &protocol.Decision{Verdict: protocol.Allow}
	case recorder.KindOutput:
		e.Exchange, e.Part = 1, &recorder.Part{Kind: "rows", Units: 1}
		e.Payload = []byte("\x00\xffpayload")
	case recorder.KindSessionClosed:
		e.Outcome = &protocol.Outcome{Result: protocol.OK}
	}
	return e
}

func testNumbers(t *testing.T, open opener) {
	log, read := open(t)
	must(t, log.Ready())
	if d := log.Durability(); d != "durable" && d != "buffered" {
		t.Errorf("Durability is %q; it is to be durable or buffered", d)
	}
	ctx := context.Background()
	must(t, log.Append(ctx, recorder.Taken))
	must(t, log.Append(ctx, recorder.Durable, event("a", recorder.KindSessionOpened)))
	must(t, log.Append(ctx, recorder.Durable, event("b", recorder.KindSessionOpened), event("b", recorder.KindOperation)))
	last := []*recorder.Event{event("a", recorder.KindOperation), event("a", recorder.KindOutput), event("a", recorder.KindSessionClosed)}
	must(t, log.Append(ctx, recorder.Taken, last...))
	for i, e := range last {
		if e.Seq != uint64(i+1) || e.Pos != uint64(i)+last[0].Pos {
			t.Errorf("event %d got seq %d and pos %d", i, e.Seq, e.Pos)
		}
	}
	got := read()
	want := []string{"a 0", "b 0", "b 1", "a 1", "a 2", "a 3"}
	var have []string
	for i, e := range got {
		have = append(have, fmt.Sprint(e.Session, " ", e.Seq))
		if e.Pos != got[0].Pos+uint64(i) {
			t.Errorf("event %d is at position %d, after %d", i, e.Pos, got[0].Pos)
		}
	}
	if !slices.Equal(have, want) {
		t.Fatalf("read back %v, want %v", have, want)
	}
	if e := got[3]; e.Operation == nil || e.Operation.Text != last[0].Operation.Text || !e.Time.Equal(last[0].Time) {
		t.Errorf("the operation came back changed: %+v", e.Operation)
	}
	if string(got[4].Payload) != string(last[1].Payload) {
		t.Errorf("the payload came back as %q", got[4].Payload)
	}
}

func testBorrowed(t *testing.T, open opener) {
	log, read := open(t)
	e := event("a", recorder.KindOutput)
	must(t, log.Append(context.Background(), recorder.Durable, event("a", recorder.KindSessionOpened), e))
	want := string(e.Payload)
	clear(e.Payload)
	e.Part.Kind = "changed"
	got := read()
	if len(got) != 2 || string(got[1].Payload) != want || got[1].Part.Kind != "rows" {
		t.Error("changing an event after Append returned changed the log")
	}
}

func testRefuses(t *testing.T, open opener) {
	log, read := open(t)
	ctx := context.Background()
	must(t, log.Append(ctx, recorder.Durable, event("a", recorder.KindSessionOpened)))
	for name, events := range map[string][]*recorder.Event{
		"an event of no session":          {event("", recorder.KindSessionOpened)},
		"an event of an unknown session":  {event("x", recorder.KindOperation)},
		"a session opened twice":          {event("a", recorder.KindSessionOpened)},
		"a batch whose last event is bad": {event("a", recorder.KindOperation), event("x", recorder.KindOperation)},
		"an event behind the last one":    {event("a", recorder.KindSessionClosed), event("a", recorder.KindOperation)},
		"an event that is too large":      {{Session: "a", Kind: recorder.KindOutput, Payload: make([]byte, recorder.MaxRecord+1)}},
	} {
		if err := log.Append(ctx, recorder.Taken, events...); err == nil {
			t.Errorf("%s was taken", name)
		} else if !errors.Is(err, recorder.ErrEvent) {
			t.Errorf("%s: the error %q does not wrap ErrEvent", name, err)
		}
	}
	must(t, log.Append(ctx, recorder.Durable, event("a", recorder.KindSessionClosed)))
	if n := len(read()); n != 2 {
		t.Errorf("%d events in the log, want the two good ones", n)
	}
}

func testContext(t *testing.T, open opener) {
	log, read := open(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := log.Append(ctx, recorder.Durable, event("a", recorder.KindSessionOpened)); err == nil {
		t.Error("Append with an ended context returned nil")
	}
	must(t, log.Append(context.Background(), recorder.Durable, event("a", recorder.KindSessionOpened)))
	if n := len(read()); n != 1 {
		t.Errorf("%d events in the log, want 1", n)
	}
}

func testConcurrent(t *testing.T, open opener) {
	log, read := open(t)
	ctx := context.Background()
	const sessions, each = 8, 50
	var wg sync.WaitGroup
	for s := range sessions {
		wg.Go(func() {
			id := fmt.Sprint("s", s)
			if err := log.Append(ctx, recorder.Durable, event(id, recorder.KindSessionOpened)); err != nil {
				t.Error(err)
			}
			for i := range each {
				need := recorder.Taken
				if i%10 == 0 {
					need = recorder.Durable
				}
				e := event(id, recorder.KindOutput)
				if err := log.Append(ctx, need, e); err != nil {
					t.Error(err)
				}
				if e.Seq != uint64(i+1) {
					t.Errorf("event %d of %s got seq %d", i+1, id, e.Seq)
				}
			}
		})
	}
	wg.Wait()
	next := make(map[string]uint64)
	got := read()
	for i, e := range got {
		if e.Seq != next[e.Session] || e.Pos != got[0].Pos+uint64(i) {
			t.Fatalf("event %d of %s at position %d is out of order", e.Seq, e.Session, e.Pos)
		}
		next[e.Session]++
	}
	if len(got) != sessions*(each+1) {
		t.Errorf("%d events in the log, want %d", len(got), sessions*(each+1))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
