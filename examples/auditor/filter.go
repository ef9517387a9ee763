package main

import (
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

// filterFlags adds the flags that pick sessions.
func filterFlags(f *flag.FlagSet, to *recorder.Filter) {
	f.StringVar(&to.Principal, "principal", "", "only sessions of this `name`, subject or issuer|subject; * and ? match")
	f.StringVar(&to.Target, "target", "", "only sessions with this target `name`; * and ? match")
	f.StringVar(&to.Verb, "verb", "", "only sessions with an operation of this `verb`, such as \"delete\"; * and ? match")
	f.Func("outcome", "only sessions with an operation that ended so: ok, error, denied, skipped, \"not sent\", unknown; a comma separates several", func(s string) error {
		for word := range strings.SplitSeq(s, ",") {
			var r protocol.Result
			if err := r.UnmarshalText([]byte(strings.TrimSpace(word))); err != nil {
				return err
			}
			to.Outcome = append(to.Outcome, r)
		}
		return nil
	})
	f.Func("from", "only sessions active at or after this `time`: 2026-11-23, 2026-11-23T09:00:00Z, or 2h for two hours ago", timeFlag(&to.From))
	f.Func("until", "only sessions active before this `time`", timeFlag(&to.Until))
}

func timeFlag(to *time.Time) func(string) error {
	return func(s string) error {
		if d, err := time.ParseDuration(s); err == nil {
			*to = time.Now().Add(-d)
			return nil
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateTime, time.DateOnly} {
			if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
				*to = t
				return nil
			}
		}
		return fmt.Errorf("%q is no time: write 2026-11-23, 2026-11-23T09:00:00Z, or 2h for two hours ago", protocol.Visible(s))
	}
}
