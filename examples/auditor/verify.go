package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

func (a *app) verify(ctx context.Context, c *command, args []string) error {
	f := a.flags(c)
	key := f.String("key", "", "the journal's public `key`, or a file that holds it; without, the one beside the journal is used")
	checkpoint := f.String("checkpoint", "", "`file` with a signed checkpoint that was kept elsewhere")
	if _, err := a.parse(f, args, 0, 0); err != nil {
		return err
	}
	var opts recorder.VerifyOptions
	var err error
	if opts.Key, err = keyOrFile(*key); err != nil {
		return err
	}
	if *checkpoint != "" {
		if opts.Checkpoint, err = smallFile(*checkpoint); err != nil {
			return err
		}
	}
	r, err := recorder.Verify(ctx, a.journal, opts)
	if err != nil {
		return err
	}
	return a.report(r)
}

func (a *app) report(r *recorder.Report) error {
	w := a.out
	line := func(name, value string) {
		fmt.Fprintf(w, "%s %s\n", a.paint(faint, fmt.Sprintf("%-12s", name)), value)
	}
	line("journal", clean(a.journal))
	line("read", fmt.Sprintf("%s of %s in %s", plural(r.Events, "event"), plural(r.Sessions, "session"), plural(r.Segments, "segment")))
	signed := fmt.Sprintf("%s by %s over %s", plural(r.Signed, "event"), plural(r.Checkpoints, "checkpoint"), plural(r.Heads, "session head"))
	if r.Newest.Note != nil {
		signed += ", the newest of " + r.Newest.Time.Local().Format("2006-01-02 15:04:05")
	}
	line("signed", signed)
	line("signed as", clean(r.Newest.Origin))
	if r.Open > 0 {
		line("open", plural(r.Open, "session")+" without an end")
	}
	fmt.Fprintln(w)
	for _, f := range r.Findings {
		fmt.Fprintf(w, "%s  %s\n", a.paint(bad, "WRONG"), protocol.Visible(f.String()))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "%s  and %d more\n", a.paint(bad, "WRONG"), r.More)
	}
	for _, l := range r.Limits {
		fmt.Fprintf(w, "%s   %s\n", a.paint(unsure, "NOTE"), wrap(protocol.Visible(l), 90, "       "))
	}
	if !r.OK() {
		fmt.Fprintf(w, "\n%s\n", a.paint(bad, fmt.Sprintf("The journal is not as it was signed: %d findings.", len(r.Findings)+r.More)))
		return errFound
	}
	_, err := fmt.Fprintf(w, "\n%s\n", a.paint(good, "Everything that is signed is as it was signed."))
	return err
}

// wrap breaks s into lines of about n characters.
func wrap(s string, n int, indent string) string {
	var b strings.Builder
	col := 0
	for i, word := range strings.Fields(s) {
		if i > 0 && col+1+len(word) > n {
			b.WriteString("\n" + indent)
			col = 0
		} else if i > 0 {
			b.WriteByte(' ')
			col++
		}
		b.WriteString(word)
		col += len(word)
	}
	return b.String()
}

// keyOrFile returns a public key that is given in a file or as itself.
func keyOrFile(s string) (string, error) {
	if _, err := os.Stat(s); s == "" || err != nil && strings.Count(s, "+") >= 2 {
		return s, nil
	}
	b, err := smallFile(s)
	return strings.TrimSpace(string(b)), err
}

func smallFile(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.Size() > 64<<10 {
		return nil, fmt.Errorf("%s is too large to be a key or a checkpoint", name)
	}
	return os.ReadFile(name)
}
