package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
	"github.com/sallyport/sallyport/replay"
)

func (a *app) replay(ctx context.Context, c *command, args []string) error {
	f := a.flags(c)
	format := f.String("format", "text", "`what` to write: text, cast3 or cast2 (asciicast, for the asciinema player)")
	output := f.String("o", "", "`file` to write, which must not exist yet; standard output if empty")
	rest, err := a.parse(f, args, 1, 2)
	if err != nil {
		return err
	}
	var id protocol.ExchangeID
	if len(rest) == 2 {
		n, err := strconv.ParseUint(strings.TrimPrefix(rest[1], "#"), 10, 64)
		if err != nil || n == 0 {
			return a.misused(f, fmt.Sprintf("%q is no exchange: \"auditor show\" has their numbers", rest[1]))
		}
		id = protocol.ExchangeID(n)
	}
	r, err := a.open()
	if err != nil {
		return err
	}
	n := 0
	events := counted(ctx, r.Events(rest[0]), &n)
	var write func(w io.Writer) error
	switch *format {
	case "text":
		write = func(w io.Writer) error {
			return replay.Transcript(w, events, replay.TranscriptOptions{Exchange: id})
		}
	case "cast2", "cast3":
		write = func(w io.Writer) error {
			version := int((*format)[4] - '0')
			return replay.Asciicast(w, events, replay.CastOptions{Exchange: id, Version: version, Title: title(r, rest[0])})
		}
	default:
		return a.misused(f, fmt.Sprintf("there is no format %q", *format))
	}
	err = toFile(a.out, *output, write)
	switch {
	case n == 0 && (err == nil || errors.Is(err, replay.ErrNothing)):
		return fmt.Errorf("there is no session %q in %s; \"auditor list\" shows what there is", rest[0], a.journal)
	case errors.Is(err, replay.ErrNothing) && id == 0:
		return fmt.Errorf("session %q has no shell, no command and nothing else with a terminal; name an exchange, \"auditor show\" has their numbers", rest[0])
	case errors.Is(err, replay.ErrNothing):
		return fmt.Errorf("session %q has no exchange %d; \"auditor show\" has their numbers", rest[0], id)
	}
	return err
}

// title says whose session it is.
func title(r *recorder.Record, session string) string {
	for e, err := range r.Events(session) {
		if err != nil || e.Opened == nil {
			break
		}
		return clean(e.Opened.Principal.String() + " on " + e.Opened.Target)
	}
	return session
}

// toFile has write write to a new file, or to out where no file is named.
// A file in which nothing was written does not stay.
func toFile(out io.Writer, name string, write func(io.Writer) error) error {
	if name == "" {
		return write(out)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if info, statErr := os.Stat(name); err != nil && statErr == nil && info.Size() == 0 {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
