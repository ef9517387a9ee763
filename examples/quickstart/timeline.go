//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/protocol/ssh"
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

// timeline prints the agent's sessions from the record alone.
func (t *tour) timeline() error {
	record, err := recorder.Open(t.journal(), postgres.Renderer{}, ssh.Renderer{})
	if err != nil {
		return err
	}
	t.out.title("What the record says, read back from disk")
	shop, err := t.session(record, "shop")
	if err != nil {
		return err
	}
	t.out.line("")
	host, err := t.session(record, hostName)
	if err != nil {
		return err
	}
	return t.compare(shop, host)
}

// session prints the agent's one session on a target, and returns what it did.
func (t *tour) session(record *recorder.Record, target string) ([]*entry, error) {
	session, err := only(record, target)
	if err != nil {
		return nil, err
	}
	entries, err := read(record, session.ID)
	if err != nil {
		return nil, err
	}
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
	if prepared > 0 {
		t.out.line("\n  Also recorded: %d statements that the driver only prepared, %d look-ups of the\n  gateway itself in PostgreSQL's catalog.", prepared, session.Own)
	} else {
		t.out.line("\n  Also recorded: what the gateway itself asked of the host, to learn what paths mean.")
	}
	return entries, nil
}

// only returns the agent's one session on a target.
func only(record *recorder.Record, target string) (*recorder.SessionInfo, error) {
	var found *recorder.SessionInfo
	for s, err := range record.Sessions(recorder.Filter{Principal: "agent", Target: target}) {
		if err != nil {
			return nil, err
		}
		if found != nil {
			return nil, errors.New("the record has more than the agent's one session on " + target)
		}
		found = s
	}
	if found == nil || found.Opened == nil {
		return nil, errors.New("the record lacks the agent's session on " + target)
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
		if strings.HasPrefix(x.operation.Verb, "sftp.") {
			content.Reset() // packets; what moved stands in the outcome
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
		if p.Type == "path" { // it is in the text; what it means stands among the objects
			continue
		}
		value := p.Value
		if p.Null {
			value = "NULL"
		}
		params = append(params, fmt.Sprintf("%s = %s", p.Name, value))
	}
	if len(params) > 0 {
		say(dim, "with", "%s", strings.Join(params, ", "))
	}
	for _, o := range e.operation.Objects {
		if o.Kind == "path" && o.Resolved {
			say(dim, "which is", "%s", o.Name)
		}
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
		case d.Rule != "":
			say(red, "denied", "by rule %q: %s", d.Rule, d.Reason)
		default:
			say(red, "denied", "%s", d.Reason)
		}
	}
	if o := e.outcome; o != nil && o.Result != protocol.Refused {
		text := o.Result.String()
		switch {
		case o.Text != "":
			text += ", " + o.Text
		case o.Code != "":
			text += ", exit status " + o.Code
		}
		if e.sent > 0 {
			text += fmt.Sprintf("; %d bytes from the agent", e.sent)
		}
		if e.masked > 0 {
			text += fmt.Sprintf("; %d values masked", e.masked)
			if e.masked == 1 {
				text = strings.Replace(text, "1 values", "1 value", 1)
			}
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
func (t *tour) compare(shop, host []*entry) error {
	recorded := map[string]bool{}
	for _, e := range slices.Concat(shop, host) {
		for _, line := range e.content {
			recorded[cells(strings.Split(line, " | "))] = true
		}
	}
	for _, row := range t.saw {
		if !recorded[cells(row)] {
			return fmt.Errorf("the agent saw %q, which the record lacks", row)
		}
	}
	for _, line := range t.visit.saw {
		if !recorded[cells([]string{line})] {
			return fmt.Errorf("the agent saw %q, which the record lacks", line)
		}
	}
	if !slices.ContainsFunc(host, func(e *entry) bool {
		return e.operation.Verb == "sftp.write" && e.outcome != nil && strings.Contains(e.outcome.Text, t.visit.uploaded)
	}) {
		return errors.New("the record lacks the digest of what the agent uploaded")
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
		for _, secret := range append(personal(), cloudKey, releaseNotes, t.token, t.server.Password(owner)) {
			if bytes.Contains(b, []byte(secret)) {
				return fmt.Errorf("%s holds what it must not", path)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.out.line("  Compared: each of the %d rows and %d lines that the agent saw is in the record as it saw it, and\n"+
		"  the digest of the file that it uploaded. No masked value, no content of the file, no token and no\n"+
		"  password is anywhere in the journal's %d bytes.", len(t.saw), len(t.visit.saw), size)
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
