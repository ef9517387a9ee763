package approve

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sallyport/sallyport/protocol"
)

// Terminal is an Approver that asks whoever sits at a terminal: it writes the
// question to out and reads a line from in. "y" or "yes" approves, every other
// line refuses. Its name is "terminal".
//
// One question is asked at a time, the others wait. A line that was begun for
// a question that meanwhile timed out does not answer the next one; the
// person is told and asked again.
//
// A read that is under way when a question times out is ended by a read
// deadline where in has one (pipes, sockets). Other readers, standard input
// among them, keep one goroutine waiting for a line until one comes or in is
// closed; the next question uses it up.
func Terminal(in io.Reader, out io.Writer) Approver {
	return &terminal{in: in, lines: bufio.NewReaderSize(in, maxLine), out: out, turn: make(chan struct{}, 1)}
}

const maxLine = 1 << 10

type terminal struct {
	in    io.Reader
	lines *bufio.Reader // used by the read under way alone
	out   io.Writer
	turn  chan struct{} // held by the question being asked
	late  chan line     // of a read that an earlier question left behind
}

type line struct {
	text string
	err  error
}

func (t *terminal) Name() string { return "terminal" }

func (t *terminal) Ask(ctx context.Context, q Request) (Answer, error) {
	select {
	case t.turn <- struct{}{}:
		defer func() { <-t.turn }()
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	if _, err := io.WriteString(t.out, question(bounded(q))); err != nil {
		return Answer{}, fmt.Errorf("write the question: %w", err)
	}
	for {
		reply, late, err := t.read(ctx)
		switch {
		case ctx.Err() != nil:
			io.WriteString(t.out, "\n(no longer waiting for an answer)\n")
			return Answer{}, ctx.Err()
		case err != nil:
			return Answer{}, fmt.Errorf("read the answer: %w", err)
		case late:
			if _, err := io.WriteString(t.out, "(that line may have been for the question before; please answer this one) [y/N] "); err != nil {
				return Answer{}, fmt.Errorf("write the question: %w", err)
			}
			continue
		}
		switch strings.ToLower(strings.TrimSpace(reply)) {
		case "y", "yes":
			return q.Answer(true, "terminal", ""), nil
		}
		return q.Answer(false, "terminal", ""), nil
	}
}

// read returns the next line. late says that it was begun before this question.
func (t *terminal) read(ctx context.Context) (text string, late bool, err error) {
	lines := t.late
	if late = lines != nil; !late {
		lines = make(chan line, 1)
		go func() { lines <- t.line() }()
	}
	t.late = nil
	select {
	case l := <-lines:
		return l.text, late, l.err
	case <-ctx.Done():
	}
	if d, ok := t.in.(interface{ SetReadDeadline(time.Time) error }); ok && d.SetReadDeadline(time.Unix(1, 0)) == nil {
		<-lines
		d.SetReadDeadline(time.Time{})
		t.lines.Reset(t.in) // half a line is no beginning of the next
		return "", false, ctx.Err()
	}
	t.late = lines
	return "", false, ctx.Err()
}

// line reads one line. One that is too long is no answer to anything, and
// comes back empty.
func (t *terminal) line() line {
	text, err := t.lines.ReadSlice('\n')
	l := line{text: string(text)}
	for errors.Is(err, bufio.ErrBufferFull) {
		l.text = ""
		_, err = t.lines.ReadSlice('\n')
	}
	if err != nil && (l.text == "" || !errors.Is(err, io.EOF)) {
		l.err = err
	}
	return l
}

// question is what people read. Every text in it comes from a client: all is
// escaped, texts of one line stay on it, and the lines of others are marked,
// so that none can pass for a line of ours.
func question(q Request) string {
	var b strings.Builder
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %-10s %s\n", name, oneLine(value))
		}
	}
	op := q.Operation
	b.WriteString("\nSallyport asks for approval\n")
	field("operation", q.ID)
	field("who", q.Principal.String())
	if id := q.Principal.ID(); id != q.Principal.String() {
		field("identity", id)
	}
	field("for", q.Principal.OnBehalfOf)
	field("target", q.Target)
	field("verb", op.Verb)
	field("effects", op.Effects.String())
	field("rule", q.Rule)
	field("reason", q.Reason)
	field("remark", op.Remark)
	for i := range op.Objects {
		o := &op.Objects[i]
		name := o.Kind + " " + o.Name + ": " + o.Effects.String()
		if !o.Resolved {
			name += " (name as the client wrote it)"
		}
		field("touches", name)
	}
	if op.Text != "" {
		b.WriteString("  text\n")
		for text := range strings.SplitSeq(protocol.Visible(op.Text), "\n") {
			b.WriteString("    | " + text + "\n")
		}
	}
	for i := range op.Params {
		field("parameter", param(&op.Params[i]))
	}
	if !q.Deadline.IsZero() {
		field("until", q.Deadline.Format(time.TimeOnly))
	}
	b.WriteString("Allow it? [y/N] ")
	return b.String()
}

func param(p *protocol.Param) string {
	s := p.Name
	if p.Type != "" {
		s += " (" + p.Type + ")"
	}
	switch {
	case p.Null:
		return s + " is NULL"
	case p.Masked:
		return s + " = " + p.Value + " (masked)"
	case len(p.Raw) > 0:
		return s + fmt.Sprintf(" = 0x%x", p.Raw)
	}
	return s + " = " + p.Value
}

// oneLine is [protocol.Visible] without the line breaks and tabs that it lets through.
func oneLine(s string) string {
	s = cut(s, 2*maxValue)
	return strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(protocol.Visible(s))
}
