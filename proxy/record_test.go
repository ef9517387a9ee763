package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"github.com/sallyport/sallyport/recorder"
)

// work does everything that is recorded, in a fixed order, and returns the
// first error with what was forwarded to the target until then.
func work(r *rig, s *protocol.Session) (forwarded string, err error) {
	ctx := context.Background()
	list, err := s.Begin(ctx, nil, op("read", "one"), op("read", "two"))
	if err != nil {
		return "", err
	}
	forwarded = "heads "
	r.people.Approve()
	asked, err := s.Begin(ctx, nil, op("ask", "three"))
	if err != nil {
		return forwarded, err
	}
	forwarded += "asked "
	steps := []struct {
		forwards string
		do       func() error
	}{
		{"part ", func() error { return list[0].Input(part("in")) }},
		{"done ", list[0].Seal},
		{"", func() error { return list[0].Annotate(protocol.Annotation{Kind: "shape"}) }},
		{"", func() error { return list[0].Emit(part("<1>")) }},
		{"", func() error { return list[0].Finish(part("<2>"), protocol.Outcome{Result: protocol.OK}) }},
		{"", func() error { return list[1].End(protocol.Outcome{Result: protocol.OK}) }},
		{"", func() error { return asked[0].Finish(part("<3>"), protocol.Outcome{Result: protocol.OK}) }},
		{"", func() error { return s.Note("n", "") }},
		{"", func() error { return s.Emit(part("<4>")) }},
		{"", func() error { return s.Close("done") }},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return forwarded, err
		}
		forwarded += step.forwards
	}
	return forwarded, nil
}

func TestRecordThatFailsAtEveryAppend(t *testing.T) {
	whole := policed(t)
	_, s := whole.session()
	before := whole.Record.Appends()
	_, err := work(whole, s)
	require.NoError(t, err)
	total := whole.Record.Appends() - before
	require.Equal(t, 13, total)

	wantForwarded := []string{"", "heads ", "heads ", "heads asked ", "heads asked part "}
	for n := range total {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := policed(t)
				v, s := r.session()
				r.Record.FailAfter(n)
				forwarded, err := work(r, s)
				require.ErrorIs(t, err, protocol.ErrRecord)
				var f *protocol.Failure
				require.ErrorAs(t, err, &f)
				assert.Contains(t, f.Public, "cannot record")
				want := "heads asked part done "
				if n < len(wantForwarded) {
					want = wantForwarded[n]
				}
				assert.Equal(t, want, forwarded)
				// What the client saw is what the record has.
				seen := ""
				for _, e := range r.Record.Events() {
					if e.Kind == recorder.KindOutput || e.Kind == recorder.KindEnd {
						seen += string(e.Payload)
					}
				}
				assert.Equal(t, seen, v.out.String())
				_, err = begin(s, op("read", "after"))
				require.Error(t, err)
				if n == total-1 {
					v.hang(nil) // only the session's end failed, and that the plugin knows
				}
				<-v.served // otherwise the engine closes the connection
			})
		})
	}
}

func TestRecordThatFailsWhenASessionOpens(t *testing.T) {
	r := policed(t)
	r.Record.FailAfter(0)
	v := r.connect()
	_, err := v.open(agent())
	require.ErrorIs(t, err, protocol.ErrRecord)
	assert.Equal(t, "the gateway cannot record, so it serves nobody", protocol.Public(err))
	assert.Empty(t, r.Sessions())
	require.ErrorIs(t, r.Gateway.Ready(t.Context()), proxytest.ErrFull)
}

func TestNothingStandsBehindTheEndOfASession(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	x, err := begin(s, op("read", "open"))
	require.NoError(t, err)
	require.NoError(t, s.Close("bye"))
	require.NoError(t, s.Close("again"))
	n := r.Record.Appends()
	assert.Error(t, x.Input(part("a")))
	assert.Error(t, x.Seal())
	assert.Error(t, x.Annotate(protocol.Annotation{Kind: "a"}))
	assert.Error(t, x.Emit(part("a")))
	assert.Error(t, x.Finish(part("a"), protocol.Outcome{Result: protocol.OK}))
	assert.NoError(t, x.End(protocol.Outcome{Result: protocol.OK}), "only the first end counts, and the session's came first")
	assert.Error(t, s.Note("a", "b"))
	assert.Error(t, s.Emit(part("a")))
	_, err = begin(s, op("read", "late"))
	assert.Error(t, err)
	_, err = s.Dial(context.Background(), protocol.Endpoint{})
	assert.Error(t, err)
	s.HandleControl([]byte("key"), func(context.Context) error { return nil })
	assert.Error(t, v.gate.Control(context.Background(), []byte("key")))
	assert.Equal(t, n, r.Record.Appends())
	assert.Equal(t, protocol.Unknown, r.only("open").Outcome.Result)
	assert.Empty(t, v.out.String())
}

func TestNothingStandsBehindTheEndOfAnExchange(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	x, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	require.NoError(t, x.End(protocol.Outcome{Result: protocol.OK}))
	require.NoError(t, x.End(protocol.Outcome{Result: protocol.Failed}))
	assert.ErrorContains(t, x.Input(part("a")), "after the end")
	assert.ErrorContains(t, x.Seal(), "after the end")
	assert.ErrorContains(t, x.Emit(part("a")), "after the end")
	assert.ErrorContains(t, x.Finish(part("a"), protocol.Outcome{}), "after the end")
	assert.Equal(t, protocol.OK, r.only("a").Outcome.Result)
	assert.Empty(t, v.out.String())
}

// The outcome is the truth about the target, also where the client cannot be
// told any more.
func TestOutcomeIsRecordedAlthoughTheSessionIsEnding(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	x, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	y, err := begin(s, op("read", "b"))
	require.NoError(t, err)
	require.True(t, r.End(s.ID(), "enough"))
	require.ErrorIs(t, x.Finish(part("row"), protocol.Outcome{Result: protocol.OK}), protocol.ErrEnded)
	require.NoError(t, y.End(protocol.Outcome{Result: protocol.Failed}))
	assert.Equal(t, protocol.OK, r.only("a").Outcome.Result)
	assert.Empty(t, r.only("a").Output)
	assert.Equal(t, protocol.Failed, r.only("b").Outcome.Result)
	assert.Empty(t, v.out.String())
	<-v.served
}

func TestClientThatCannotBeWrittenToEndsTheSession(t *testing.T) {
	r := policed(t)
	v := r.connect()
	s, err := v.gate.Open(v.ctx, proven(agent()), protocol.Route{Client: broken{}})
	require.NoError(t, err)
	x, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	require.ErrorContains(t, x.Emit(part("a")), "client is gone")
	_, err = begin(s, op("read", "b"))
	require.Error(t, err)
	<-v.served
}

func TestExchangesMayHaveWritersOfTheirOwn(t *testing.T) {
	r := policed(t)
	v := r.connect()
	s, err := v.gate.Open(v.ctx, proven(agent()), protocol.Route{})
	require.NoError(t, err)
	require.ErrorContains(t, s.Emit(part("a")), "nowhere")
	x, err := begin(s, op("read", "a"))
	require.NoError(t, err)
	y, err := begin(s, op("read", "b"))
	require.NoError(t, err)
	require.ErrorContains(t, y.Emit(part("a")), "nowhere")
	x.To(broken{})
	require.Error(t, x.Emit(part("a")), "its own client is gone")
	var out buffer
	y.To(&out)
	require.NoError(t, y.Finish(part("b"), protocol.Outcome{Result: protocol.OK}), "others go on")
	assert.Equal(t, "b", out.String())
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// Everything at once, for the race detector and for Record.Check.
func TestConcurrentUseKeepsTheRecordInOrder(t *testing.T) {
	r := policed(t)
	var sessions sync.WaitGroup
	for range 8 {
		v, s := r.session()
		sessions.Go(func() {
			var wg sync.WaitGroup
			for i := range 16 {
				wg.Go(func() {
					x, err := begin(s, op("read", fmt.Sprint("n", i)))
					if err != nil {
						return
					}
					var both sync.WaitGroup
					both.Go(func() {
						for x.Input(part("i")) == nil && x.Seal() == nil {
						}
					})
					both.Go(func() {
						for range 5 {
							_ = x.Emit(part("o"))
						}
						_ = x.Annotate(protocol.Annotation{Kind: "k"})
						_ = x.Finish(part("!"), protocol.Outcome{Result: protocol.OK})
					})
					both.Wait()
				})
			}
			time.Sleep(time.Millisecond)
			wg.Go(func() { _ = s.Close("in the middle") })
			wg.Wait()
			v.hang(nil)
		})
	}
	sessions.Go(func() {
		for range 20 {
			_ = r.Update(context.Background(), proxy.Change{Policy: rules()})
			_ = r.Sessions()
		}
	})
	sessions.Wait()
	require.NoError(t, r.Record.Check())
	assert.Empty(t, r.Sessions())
}

// While the record hangs nothing passes; an operator still gets the client off.
func TestRecordThatHangs(t *testing.T) {
	r := policed(t)
	v, s := r.session()
	hangs, arrived := make(chan struct{}), make(chan struct{})
	r.Record.Watch(func(_ recorder.Need, events []*recorder.Event) {
		if events[0].Kind == recorder.KindOperation {
			close(arrived)
			<-hangs
		}
	})
	result := make(chan error, 1)
	go func() {
		_, err := begin(s, op("read", "a"))
		result <- err
	}()
	<-arrived
	start := time.Now()
	require.True(t, r.End(s.ID(), "the disk hangs"))
	_, err := v.client.Read(make([]byte, 1))
	require.Error(t, err, "the connection is closed")
	assert.Less(t, time.Since(start), 5*time.Second, "on a machine that is not busy, in half a second")
	select {
	case err := <-result:
		t.Fatalf("Begin returned %v although nothing is recorded", err)
	default:
	}
	close(hangs)
	require.ErrorIs(t, <-result, protocol.ErrEnded)
	assert.Equal(t, protocol.NotSent, r.Record.Operation(t, "a").Outcome.Result)
}
