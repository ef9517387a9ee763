package recorder_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// A journal is written, read and verified.
func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)

	j, err := recorder.OpenJournal(dir, recorder.Options{})
	if err != nil {
		panic(err)
	}
	ctx, now := context.Background(), time.Now()
	err = j.Append(ctx, recorder.Durable,
		&recorder.Event{Session: "gw-1", Time: now, Kind: recorder.KindSessionOpened, Opened: &recorder.Opened{Gateway: "gw", Target: "orders"}},
		&recorder.Event{Session: "gw-1", Time: now, Kind: recorder.KindOperation, Exchange: 1, Operation: &protocol.Operation{Verb: "select", Text: "SELECT 1"}},
		&recorder.Event{Session: "gw-1", Time: now, Kind: recorder.KindEnd, Exchange: 1, Outcome: &protocol.Outcome{Result: protocol.OK}},
		&recorder.Event{Session: "gw-1", Time: now, Kind: recorder.KindSessionClosed, Outcome: &protocol.Outcome{Result: protocol.OK}})
	if err != nil {
		panic(err)
	}
	if err := j.Close(); err != nil {
		panic(err)
	}

	r, err := recorder.Open(dir)
	if err != nil {
		panic(err)
	}
	for s, err := range r.Sessions(recorder.Filter{Target: "orders"}) {
		fmt.Println(s.ID, s.State, s.Operations, err)
	}
	for e, err := range r.Events("gw-1") {
		fmt.Println(e.Seq, e.Kind, err)
	}
	report, err := recorder.Verify(ctx, dir, recorder.VerifyOptions{})
	fmt.Println(report.OK(), report.Signed, err)
	// Output:
	// gw-1 complete 1 <nil>
	// 0 session opened <nil>
	// 1 operation <nil>
	// 2 end <nil>
	// 3 session closed <nil>
	// true 4 <nil>
}
