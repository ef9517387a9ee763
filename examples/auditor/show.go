package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

func (a *app) show(ctx context.Context, c *command, args []string) error {
	f := a.flags(c)
	rows := f.Int("rows", 5, "how many `lines` of each payload to show; 0 for none, -1 for all")
	full := f.Bool("full", false, "show texts whole, not only their first 200 characters")
	rest, err := a.parse(f, args, 1, 1)
	if err != nil {
		return err
	}
	r, err := a.open()
	if err != nil {
		return err
	}
	t := timeline{app: a, view: r.View(), rows: *rows, width: 200}
	if *full {
		t.width = 0
	}
	problems, events := 0, 0
	for e, err := range r.Events(rest[0]) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			problems++
			a.damage(err)
			continue
		}
		events++
		if err := t.print(e); err != nil {
			return err
		}
	}
	if events == 0 && problems == 0 {
		return fmt.Errorf("there is no session %q in %s; \"auditor list\" shows what there is", rest[0], a.journal)
	}
	if !t.closed && events > 0 {
		state := "the record ends here: the session was cut short"
		if r.Live() {
			state = "the session is live"
		}
		fmt.Fprintln(a.out, a.paint(unsure, state))
	}
	if problems > 0 {
		return errFound
	}
	return nil
}

// timeline prints the events of one session.
type timeline struct {
	*app
	view    *recorder.View
	rows    int
	width   int
	start   time.Time
	started bool
	closed  bool
}

func (t *timeline) print(e *recorder.Event) error {
	if !t.started {
		t.start, t.started = e.Time, true
	}
	if e.Opened != nil {
		t.header(e)
	}
	at := e.Time.Sub(t.start)
	number := ""
	if e.Exchange != 0 {
		number = fmt.Sprintf("#%d", e.Exchange)
	}
	what, color, detail := describe(e)
	if _, err := fmt.Fprintf(t.out, "%s %-5s %s %s\n", t.paint(faint, fmt.Sprintf("%+10.3fs", at.Seconds())), number,
		t.paint(color, fmt.Sprintf("%-9s", what)), short(detail, t.width)); err != nil {
		return err
	}
	t.closed = t.closed || e.Kind == recorder.KindSessionClosed
	return t.payload(e)
}

// describe puts an event into a word and a line.
func describe(e *recorder.Event) (what, color, detail string) {
	switch {
	case e.Kind == recorder.KindSessionOpened:
		return "opened", strong, ""
	case e.Kind == recorder.KindOperation && e.Operation != nil:
		return operation(e)
	case e.Kind == recorder.KindDecision && e.Decision != nil:
		return "decision", verdictColor(e.Decision), decision(e.Decision)
	case (e.Kind == recorder.KindEnd || e.Kind == recorder.KindSessionClosed) && e.Outcome != nil:
		what = "end"
		if e.Kind == recorder.KindSessionClosed {
			what = "closed"
		}
		return what, outcomeColor(e.Outcome.Result), outcome(e.Outcome)
	case e.Kind == recorder.KindInput && e.Part != nil:
		return "input", plain, part(e)
	case e.Kind == recorder.KindOutput && e.Part != nil:
		return "output", plain, part(e)
	case e.Note != nil:
		line := clean(e.Note.Kind)
		if e.Note.Text != "" {
			line += ": " + clean(e.Note.Text)
		}
		if n := len(e.Note.Objects); n > 0 {
			line += " (" + objects(e.Note.Objects) + ")"
		}
		if e.Kind == recorder.KindNote || e.Kind == recorder.KindAnnotation {
			return "note", faint, line
		}
		return clean(string(e.Kind)), unsure, line
	}
	return clean(string(e.Kind)), strong, ""
}

func operation(e *recorder.Event) (what, color, detail string) {
	o := e.Operation
	what, color = "asks", plain
	if o.Origin != protocol.OriginClient {
		what = "by " + o.Origin.String()
	}
	detail = clean(o.Verb) + "  " + clean(o.Text)
	for i := range o.Params {
		p := &o.Params[i]
		value := fmt.Sprintf("%q", clean(p.Value))
		switch {
		case p.Null:
			value = "NULL"
		case len(p.Raw) > 0:
			value = fmt.Sprintf("%d bytes", len(p.Raw))
		}
		detail += fmt.Sprintf("  %s=%s", clean(p.Name), value)
	}
	detail += "  [" + o.Effects.String() + "]"
	if e.Decision != nil {
		color = verdictColor(e.Decision)
		detail = decision(e.Decision) + "  " + detail
	}
	return what, color, detail
}

func decision(d *protocol.Decision) string {
	s := d.Verdict.String()
	if d.Observed {
		s = "would " + s
	}
	if d.Rule != "" {
		s += " (" + clean(d.Rule) + ")"
	}
	if d.By != "" {
		s += " by " + clean(d.By)
	}
	if d.Reason != "" {
		s += ": " + clean(d.Reason)
	}
	return s
}

func outcome(o *protocol.Outcome) string {
	s := o.Result.String()
	for _, more := range []string{o.Code, o.Text} {
		if more != "" {
			s += "  " + clean(more)
		}
	}
	if o.Units > 0 {
		s += fmt.Sprintf("  (%d)", o.Units)
	}
	return s
}

func part(e *recorder.Event) string {
	p := e.Part
	s := clean(p.Kind)
	if p.Withheld {
		s += fmt.Sprintf("  %d bytes, content not recorded", p.Length)
		if p.Digest != "" { // else a note tells that of the whole
			s += ", digest " + clean(p.Digest)
		}
		return s
	}
	s += fmt.Sprintf("  %d bytes", len(e.Payload))
	if p.Units > 0 {
		s += fmt.Sprintf(", %d units", p.Units)
	}
	if p.Masked > 0 {
		s += fmt.Sprintf(", %d values masked", p.Masked)
	}
	return s
}

func objects(list []protocol.Object) string {
	var names []string
	for _, o := range list {
		names = append(names, clean(o.Name))
	}
	return strings.Join(names, ", ")
}

func verdictColor(d *protocol.Decision) string {
	switch {
	case d.Verdict == protocol.Allow:
		return good
	case d.Verdict == protocol.Ask || d.Observed:
		return unsure
	}
	return bad
}

func outcomeColor(r protocol.Result) string {
	switch r {
	case protocol.OK:
		return good
	case protocol.Refused, protocol.Failed:
		return bad
	}
	return unsure
}

// header prints who and where.
func (t *timeline) header(e *recorder.Event) {
	o := e.Opened
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t.out, "%s %s\n", t.paint(faint, fmt.Sprintf("%-10s", name)), clean(value))
		}
	}
	line("session", e.Session)
	line("started", e.Time.Local().Format(time.RFC3339Nano))
	who := o.Principal.String()
	if o.Principal.Issuer != "" {
		who += " (" + o.Principal.ID() + ")"
	}
	if o.Principal.OnBehalfOf != "" {
		who += " for " + o.Principal.OnBehalfOf
	}
	line("principal", who)
	line("groups", strings.Join(o.Principal.Groups, ", "))
	line("proof", strings.TrimSpace(o.Scheme+" "+o.Credential))
	line("target", strings.TrimSpace(o.Target+" "+o.Address))
	line("protocol", o.Protocol)
	line("client", o.Remote)
	line("gateway", o.Gateway)
	line("recorded", o.Durability)
	if o.Observe {
		line("mode", "observe: nothing was held back")
	}
	fmt.Fprintln(t.out)
}

// payload prints what a renderer makes of a part, bounded.
func (t *timeline) payload(e *recorder.Event) error {
	var b limited
	b.left = 1 << 20
	err := t.view.Render(&b, e)
	if t.rows == 0 {
		return nil
	}
	if err != nil && b.Len() == 0 {
		if len(t.renderers) == 0 {
			return nil // nothing could be shown of any part
		}
		_, err := fmt.Fprintf(t.out, "%23s%s\n", "", t.paint(faint, clean(err.Error())))
		return err
	}
	lines := strings.Split(strings.TrimRight(b.String(), "\n"), "\n")
	for i, l := range lines {
		if l == "" && len(lines) == 1 {
			break
		}
		if t.rows > 0 && i == t.rows {
			l = fmt.Sprintf("… %d more lines; -rows -1 shows all", len(lines)-i)
		}
		if _, err := fmt.Fprintf(t.out, "%23s%s\n", "", short(clean(l), t.width)); err != nil {
			return err
		}
		if t.rows > 0 && i == t.rows {
			break
		}
	}
	return nil
}

// limited keeps the first bytes written to it.
type limited struct {
	bytes.Buffer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left < len(b) {
		return 0, io.ErrShortWrite
	}
	l.left -= len(b)
	return l.Buffer.Write(b)
}
