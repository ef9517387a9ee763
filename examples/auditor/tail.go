package main

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/recorder"
)

func (a *app) tail(ctx context.Context, c *command, args []string) error {
	f := a.flags(c)
	last := f.Uint64("n", 10, "begin `events` before the end")
	session := f.String("session", "", "only this session's `id`")
	once := f.Bool("once", false, "stop at the end instead of waiting for more")
	var filter recorder.Filter
	f.StringVar(&filter.Principal, "principal", "", "only sessions of this `name`, subject or issuer|subject; * and ? match")
	f.StringVar(&filter.Target, "target", "", "only sessions with this target `name`; * and ? match")
	if _, err := a.parse(f, args, 0, 0); err != nil {
		return err
	}
	r, err := a.open()
	if err != nil {
		return err
	}
	end, err := r.End()
	if err != nil {
		return err
	}
	picked := picker{filter: filter, session: *session, known: make(map[string]bool)}
	if err := picked.learn(ctx, r); err != nil {
		return err
	}
	events := r.Follow(ctx, end-min(end, *last))
	if *once {
		events = r.All(end - min(end, *last))
	}
	problems := false
	for e, err := range events {
		if err != nil {
			problems = true
			a.damage(err)
			continue
		}
		if !picked.wants(e) {
			continue
		}
		what, color, detail := describe(e)
		number := ""
		if e.Exchange != 0 {
			number = fmt.Sprintf("#%d", e.Exchange)
		}
		if e.Opened != nil {
			detail = clean(e.Opened.Principal.String()) + " to " + clean(e.Opened.Target)
		}
		if _, err := fmt.Fprintf(a.out, "%s %s %-5s %s %s\n", a.paint(faint, e.Time.Local().Format("15:04:05.000")), clean(e.Session), number,
			a.paint(color, fmt.Sprintf("%-9s", what)), short(detail, 160)); err != nil {
			return err
		}
	}
	if problems {
		return errFound
	}
	return nil
}

// picker says which events are of sessions that a filter asks for.
type picker struct {
	filter  recorder.Filter
	session string
	known   map[string]bool
}

func (p *picker) all() bool { return p.filter.Principal == "" && p.filter.Target == "" }

// learn looks at the sessions so far.
func (p *picker) learn(ctx context.Context, r *recorder.Record) error {
	if p.all() {
		return nil
	}
	for s, err := range r.Sessions(p.filter) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil { // what is damaged is told of when it is passed
			p.known[s.ID] = true
		}
	}
	return nil
}

func (p *picker) wants(e *recorder.Event) bool {
	if p.session != "" && e.Session != p.session {
		return false
	}
	if p.all() {
		return true
	}
	if e.Kind == recorder.KindSessionOpened && p.filter.Matches(e.Opened) {
		p.known[e.Session] = true
	}
	return p.known[e.Session]
}
