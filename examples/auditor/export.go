package main

import (
	"bufio"
	"context"
	"fmt"
	"iter"

	"github.com/sallyport/sallyport/recorder"
)

func (a *app) export(ctx context.Context, c *command, args []string) error {
	f := a.flags(c)
	var filter recorder.Filter
	filterFlags(f, &filter)
	rest, err := a.parse(f, args, 0, 1)
	if err != nil {
		return err
	}
	r, err := a.open()
	if err != nil {
		return err
	}
	var events iter.Seq2[*recorder.Event, error]
	if len(rest) == 1 {
		events = r.Events(rest[0])
	} else if events, err = a.matching(ctx, r, filter); err != nil {
		return err
	}
	n := 0
	w := bufio.NewWriterSize(a.out, 64<<10)
	err = recorder.Export(w, counted(ctx, events, &n))
	if flushed := w.Flush(); err == nil {
		err = flushed
	}
	if err == nil && n == 0 && len(rest) == 1 {
		return fmt.Errorf("there is no session %q in %s; \"auditor list\" shows what there is", rest[0], a.journal)
	}
	return err
}

// matching returns the events of the sessions that match, in journal order.
func (a *app) matching(ctx context.Context, r *recorder.Record, filter recorder.Filter) (iter.Seq2[*recorder.Event, error], error) {
	ids := make(map[string]bool)
	for s, err := range r.Sessions(filter) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		ids[s.ID] = true
	}
	return func(yield func(*recorder.Event, error) bool) {
		for e, err := range r.All(0) {
			if err == nil && !ids[e.Session] {
				continue
			}
			if !yield(e, err) {
				return
			}
		}
	}, nil
}

// counted counts events and ends with ctx.
func counted(ctx context.Context, events iter.Seq2[*recorder.Event, error], n *int) iter.Seq2[*recorder.Event, error] {
	return func(yield func(*recorder.Event, error) bool) {
		for e, err := range events {
			if err == nil {
				err = ctx.Err()
			}
			*n++
			if !yield(e, err) {
				return
			}
		}
	}
}
