//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/recorder"
)

// entry is one operation as the record has it.
type entry struct {
	id        protocol.ExchangeID
	at        time.Duration // since the session opened
	operation protocol.Operation
	decisions []decided
	content   []string // what went through, rendered
	sent      int64    // payload bytes from the client
	masked    int
	outcome   *protocol.Outcome
}

type decided struct {
	protocol.Decision
	at time.Duration
}

// timeline prints the agent's session from the record alone.
func (t *tour) timeline() error {
	record, err := recorder.Open(t.journal(), postgres.Renderer{})
	if err != nil {
		return err
	}
	session, err := only(record)
	if err != nil {
		return err
	}
	entries, err := read(record, session.ID)
	if err != nil {
		return err
	}

	t.out.title("What the record says, read back from disk")
	o := session.Opened
	t.out.field("session", "%s, %s", session.ID, session.State)
	t.out.field("who", "%s in %s, proven by %s", o.Principal.ID(), strings.Join(o.Principal.Groups, ", "), o.Scheme)
	t.out.field("where", "%s at %s", o.Target, o.Address)
	t.out.field("written", "%s", map[string]string{"durable": "to disk, before it was carried out"}[o.Durability])
	prepared := 0
	for _, e := range entries {
		switch {
		case e.operation.Origin == protocol.OriginGateway:
		case e.operation.Prepare:
			prepared++
		default:
			t.entry(e)
		}
	}
	t.out.line("\n  Also recorded: %d statements that the driver only prepared, %d look-ups of the\n  gateway itself in PostgreSQL's catalog.", prepared, session.Own)
	return t.compare(entries)
}

// only returns the agent's one session.
func only(record *recorder.Record) (*recorder.SessionInfo, error) {
	var found *recorder.SessionInfo
	for s, err := range record.Sessions(recorder.Filter{Principal: "agent"}) {
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, errors.New("the record has more than the agent's one session")
		}
		found = s
	}
	if found == nil || found.Opened == nil {
		return nil, errors.New("the record lacks the agent's session")
	}
	return found, nil
}

// read collects a session's operations from its events.
func read(record *recorder.Record, session string) ([]*entry, error) {
	var list []*entry
	byID := map[protocol.ExchangeID]*entry{}
	view := record.View()
	var opened time.Time
	for e, err := range record.Events(session) {
		if err != nil {
			return nil, err
		}
		if opened.IsZero() {
			opened = e.Time
		}
		var content bytes.Buffer
		if err := view.Render(&content, e); err != nil {
			return nil, fmt.Errorf("event %d: %w", e.Seq, err)
		}
		x := byID[e.Exchange]
		if x == nil {
			if e.Kind != recorder.KindOperation {
				continue // of the session as a whole
			}
			x = &entry{id: e.Exchange, at: e.Time.Sub(opened), operation: *e.Operation}
			byID[e.Exchange] = x
			list = append(list, x)
		}
		if e.Decision != nil {
			x.decisions = append(x.decisions, decided{*e.Decision, e.Time.Sub(opened)})
		}
		if e.Part != nil {
			x.masked += e.Part.Masked
		}
		if e.Kind == recorder.KindInput {
			x.sent += int64(len(e.Payload))
		}
		for line := range strings.Lines(content.String()) {
			x.content = append(x.content, protocol.Visible(strings.TrimRight(line, "\n")))
		}
		if e.Outcome != nil {
			x.outcome = e.Outcome
		}
	}
	return list, nil
}

// entry prints one operation.
func (t *tour) entry(e *entry) {
	s := t.out
	s.line("\n  %s  %s", s.paint(dim, fmt.Sprintf("+%6.3f s", e.at.Seconds())), s.paint(bold, cut(protocol.Visible(e.operation.Text), width)))
	say := func(color, what, format string, args ...any) { s.item(13, 8, color, what, format, args...) }
	var params []string
	for _, p := range e.operation.Params {
		value := p.Value
		if p.Null {
			value = "NULL"
		}
		params = append(params, fmt.Sprintf("%s = %s", p.Name, value))
	}
	if len(params) > 0 {
		say(dim, "with", "%s", strings.Join(params, ", "))
	}
	for i, d := range e.decisions {
		switch {
		case d.Verdict == protocol.Ask:
			say(yellow, "held", "by rule %q", d.Rule)
		case i > 0 && d.Verdict == protocol.Allow:
			say(green, "approved", "by %s after %.1f s: %s", d.By, (d.at - e.decisions[0].at).Seconds(), d.Reason)
		case i > 0:
			say(red, "denied", "by %s after %.1f s: %s", d.By, (d.at - e.decisions[0].at).Seconds(), d.Reason)
		case d.Verdict == protocol.Allow:
			say(green, "allowed", "by rule %q", d.Rule)
		default:
			say(red, "denied", "%s", d.Reason)
		}
	}
	if o := e.outcome; o != nil && o.Result != protocol.Refused {
		text := o.Result.String()
		if o.Text != "" {
			text += ", " + o.Text
		}
		if e.sent > 0 {
			text += fmt.Sprintf("; %d bytes from the agent", e.sent)
		}
		if e.masked > 0 {
			text += fmt.Sprintf("; %d values masked", e.masked)
		}
		say(dim, "outcome", "%s", text)
	}
	for _, line := range e.content {
		if o := e.outcome; o == nil || line != o.Text {
			s.line("             %s %s", s.paint(dim, "|"), s.paint(cyan, cut(line, width)))
		}
	}
}

// compare holds what the agent got to see against the record, and looks for
// what nobody may find in the journal's files.
func (t *tour) compare(entries []*entry) error {
	recorded := map[string]bool{}
	for _, e := range entries {
		for _, line := range e.content {
			recorded[cells(strings.Split(line, " | "))] = true
		}
	}
	for _, row := range t.saw {
		if !recorded[cells(row)] {
			return fmt.Errorf("the agent saw %q, which the record lacks", row)
		}
	}
	var size int64
	err := filepath.WalkDir(t.journal(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += int64(len(bytes.TrimRight(b, "\x00")))
		for _, secret := range append(personal(), t.token, t.server.Password(owner)) {
			if bytes.Contains(b, []byte(secret)) {
				return fmt.Errorf("%s holds what it must not", path)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.out.line("  Compared: each of the %d rows that the agent saw is in the record as it saw it. No masked\n"+
		"  value, no token and no password is anywhere in the journal's %d bytes.", len(t.saw), size)
	return nil
}

// cells joins a row's values without the blanks that align them.
func cells(row []string) string {
	trimmed := make([]string, len(row))
	for i, v := range row {
		trimmed[i] = strings.TrimSpace(v)
	}
	return strings.Join(trimmed, "\x00")
}
