package replay_test

import (
	"os"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
	"github.com/sallyport/sallyport/replay"
)

// The events are those of recorder.Record.Events; here they are made by hand.
func recorded(yield func(*recorder.Event, error) bool) {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	for _, e := range []*recorder.Event{
		{Kind: recorder.KindOperation, Exchange: 1, Time: at, Operation: &protocol.Operation{Verb: "exec", Text: "df -h /", Params: []protocol.Param{
			{Name: "TERM", Type: "pty", Value: "xterm"}, {Name: "columns", Type: "pty", Value: "80"}, {Name: "rows", Type: "pty", Value: "24"},
		}}},
		{Kind: recorder.KindOutput, Exchange: 1, Time: at.Add(150 * time.Millisecond), Part: &recorder.Part{Kind: "stdout"}, Payload: []byte("10%\r\x1b[1m42%\x1b[m used\r\n")},
		{Kind: recorder.KindEnd, Exchange: 1, Time: at.Add(200 * time.Millisecond), Outcome: &protocol.Outcome{Result: protocol.OK, Code: "0"}},
	} {
		if !yield(e, nil) {
			return
		}
	}
}

func ExampleAsciicast() {
	if err := replay.Asciicast(os.Stdout, recorded, replay.CastOptions{}); err != nil {
		panic(err)
	}
	// Output:
	// {"version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm"}, "timestamp": 1795424400, "command": "df -h /"}
	// [0.150000, "o", "10%\r\u001b[1m42%\u001b[m used\r\n"]
	// [0.050000, "x", "0"]
}

func ExampleTranscript() {
	if err := replay.Transcript(os.Stdout, recorded, replay.TranscriptOptions{}); err != nil {
		panic(err)
	}
	// Output:
	// [#1 exec, 2026-11-23T09:00:00Z, terminal "xterm" of 80 by 24]
	// [asked: df -h /]
	// | 42% used
	// [ended: ok 0, after 0.2 s]
}
