//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
)

// bulk moves the whole table through every leg, by SELECT and by COPY.
func (b *bed) bulk(ctx context.Context, r *report) error {
	for _, how := range []struct{ title, sql string }{
		{fmt.Sprintf("SELECT of %d rows", b.rows), "SELECT * FROM pgbench_accounts"},
		{fmt.Sprintf("COPY of %d rows", b.rows), "COPY pgbench_accounts TO STDOUT"},
	} {
		s := &section{Title: how.title, Reference: "relay"}
		for round := range b.rounds {
			for _, leg := range b.bulkLegs() {
				if err := b.oneBulk(ctx, s, leg, how.sql); err != nil {
					return fmt.Errorf("%s through %s: %w", how.title, leg.name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %s MB/s\n", round+1, b.rounds, how.title, leg.name, s.last(leg.name, "MB/s"))
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return nil
}

func (b *bed) oneBulk(ctx context.Context, s *section, leg *leg, sql string) error {
	conn, err := leg.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// A short statement first: what a connection costs is measured elsewhere.
	if _, err := stream(conn, "SELECT 1"); err != nil {
		return err
	}
	var idle float64
	if leg.middle != nil {
		if idle, _, err = memory(leg.middle.pid); err != nil {
			return err
		}
		if err := resetPeak(leg.middle.pid); err != nil {
			return err
		}
	}
	before, err := leg.cpu()
	if err != nil {
		return err
	}
	got, err := stream(conn, sql)
	if errors.Is(err, errRefused) {
		text, _, _ := strings.Cut(err.Error(), " (operation ") // each has an id of its own
		s.remark(leg.name, text)
		return nil
	}
	if err != nil {
		return err
	}
	if got.rows != int64(b.rows) {
		return fmt.Errorf("%d rows came instead of %d", got.rows, b.rows)
	}
	after, err := leg.cpu()
	if err != nil {
		return err
	}
	s.add(leg.name, "MB/s", float64(got.bytes)/1e6/got.took.Seconds())
	s.add(leg.name, "first byte ms", float64(got.first)/float64(time.Millisecond))
	if leg.middle == nil {
		return nil
	}
	_, peak, err := memory(leg.middle.pid)
	s.add(leg.name, "CPU ms", float64(after-before)/1e6)
	s.add(leg.name, "MB/CPU s", float64(got.bytes)/1e6/max(after-before, 10*time.Millisecond).Seconds())
	s.add(leg.name, "idle MB", idle)
	s.add(leg.name, "peak MB", peak)
	s.add(leg.name, "growth MB", max(peak-idle, 0))
	return err
}
