package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/recorder"
)

func (a *app) list(ctx context.Context, c *command, args []string) error {
	f := a.flags(c)
	var filter recorder.Filter
	filterFlags(f, &filter)
	if _, err := a.parse(f, args, 0, 0); err != nil {
		return err
	}
	r, err := a.open()
	if err != nil {
		return err
	}
	var found []*recorder.SessionInfo
	problems := 0
	for s, err := range r.Sessions(filter) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			problems++
			a.damage(err)
			continue
		}
		found = append(found, s)
	}
	slices.SortStableFunc(found, func(x, y *recorder.SessionInfo) int { return x.First.Compare(y.First) })
	rows := [][]cell{{
		{text: "SESSION"}, {text: "STATE"}, {text: "STARTED"}, {text: "LASTED", right: true}, {text: "PRINCIPAL"}, {text: "TARGET"},
		{text: "OPS", right: true}, {text: "DENIED", right: true}, {text: "FAILED", right: true}, {text: "UNKNOWN", right: true}, {text: "EVENTS", right: true},
	}}
	for _, s := range found {
		var who, target string
		if s.Opened != nil {
			who, target = s.Opened.Principal.String(), s.Opened.Target
			if who == "" {
				who = s.Opened.Gateway
			}
		}
		rows = append(rows, []cell{
			{text: s.ID}, {text: string(s.State), color: stateColor(s.State)}, {text: s.First.Local().Format("2006-01-02 15:04:05")},
			{text: lasted(s.Last.Sub(s.First)), right: true}, {text: short(clean(who), 32)}, {text: short(clean(target), 24)},
			number(s.Operations, plain), number(s.Results[protocol.Refused], bad), number(s.Results[protocol.Failed], unsure),
			number(s.Results[protocol.Unknown], unsure), number(s.Events, plain),
		})
	}
	if len(found) == 0 {
		fmt.Fprintln(a.err, "no session matches")
	} else if err := a.table(a.out, rows); err != nil {
		return err
	}
	if problems > 0 {
		return errFound
	}
	return nil
}

func number(n uint64, color string) cell {
	if n == 0 {
		color = faint
	}
	return cell{text: strconv.FormatUint(n, 10), color: color, right: true}
}

func stateColor(s recorder.State) string {
	switch s {
	case recorder.Complete:
		return good
	case recorder.Live:
		return strong
	}
	return unsure
}

// damage tells of a place that could not be read.
func (a *app) damage(err error) {
	fmt.Fprintf(a.err, "%s %s\n", a.paint(bad, "damaged:"), protocol.Visible(err.Error()))
}
