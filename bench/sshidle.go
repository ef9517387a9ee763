//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"
)

// idleCommand waits for its input.
const idleCommand = "cat"

// footprint is what a process in the middle has in use, in KiB.
type footprint struct{ used, rss, goroutines float64 }

func (m *middle) footprint() (footprint, error) {
	inUse, err := m.inUse()
	if err != nil {
		return footprint{}, err
	}
	rss, _, err := memory(m.pid)
	return footprint{float64(inUse.Heap+inUse.Stacks) / 1024, rss * 1024, float64(inUse.Goroutines)}, err
}

// atRest returns the footprint once goroutines neither begin nor end for a
// while: a client is logged in before its connection to the target is there.
func (m *middle) atRest() (footprint, error) {
	last, err := m.footprint()
	for same := 0; same < 5 && err == nil; same++ {
		time.Sleep(100 * time.Millisecond)
		var now footprint
		if now, err = m.footprint(); now.goroutines != last.goroutines {
			same = 0
		}
		last = now
	}
	return last, err
}

// idling measures what a process in the middle keeps for sessions in which
// nothing happens. Each leg gets a fresh process, and the relay's buffers are
// so small that what it has is the library's own.
func (b *sshBed) idling(ctx context.Context, r *report) error {
	sections := []*section{
		{Title: fmt.Sprintf("Memory for each of %d idle connections", b.idle)},
		{Title: fmt.Sprintf("Memory for each of %d connections with an idle command", b.idle)},
		{Title: "Memory that stays for each, when all of them have left"},
	}
	for round := range b.rounds {
		for _, name := range []string{relayLeg, "durable-detectors"} {
			if !b.wanted(name) {
				continue
			}
			if err := b.idleOnce(ctx, name, sections); err != nil {
				return fmt.Errorf("%d idle sessions through %s: %w", b.idle, name, err)
			}
			fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %s KiB, with a command %s KiB\n", round+1, b.rounds,
				fmt.Sprintf("%d idle sessions", b.idle), name, sections[0].last(name, usedKiB), sections[1].last(name, usedKiB))
		}
	}
	for _, s := range sections[:2] {
		s.beyond(relayLeg, usedKiB)
	}
	r.Sections = append(r.Sections, sections...)
	return nil
}

const usedKiB = "heap+stacks KiB"

func (b *sshBed) idleOnce(ctx context.Context, name string, sections []*section) (err error) {
	var small []string
	if name == relayLeg {
		small = []string{"-buffer", "512"}
	}
	m, err := b.startSSH(ctx, name, "", small...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.stop()) }()
	l := b.through(m, name, false)

	// What is there once is there before the count begins.
	first, err := b.dial(l)
	if err != nil {
		return err
	}
	if err := errors.Join(execOnce(first), first.Close()); err != nil {
		return err
	}
	before, err := m.atRest()
	if err != nil {
		return err
	}
	add := func(s *section) error {
		now, err := m.atRest()
		n := float64(b.idle)
		s.add(name, usedKiB, (now.used-before.used)/n)
		s.add(name, "RSS KiB", (now.rss-before.rss)/n)
		s.add(name, "goroutines", (now.goroutines-before.goroutines)/n)
		return err
	}

	clients := make([]*xssh.Client, b.idle)
	defer func() {
		for _, c := range clients {
			if c != nil {
				c.Close()
			}
		}
	}()
	err = each(ctx, clients, func(c **xssh.Client) error {
		var err error
		*c, err = b.dial(l)
		return err
	})
	if err != nil {
		return err
	}
	if err := add(sections[0]); err != nil {
		return err
	}
	if err := each(ctx, clients, func(c **xssh.Client) error { return startIdle(*c) }); err != nil {
		return err
	}
	if err := add(sections[1]); err != nil {
		return err
	}
	for _, c := range clients {
		c.Close()
	}
	if err := settled(m, before); err != nil {
		return err
	}
	return add(sections[2])
}

// each does something with all clients, a few at a time.
func each(ctx context.Context, clients []*xssh.Client, do func(**xssh.Client) error) error {
	next := make(chan int)
	errs := make([]error, 8)
	var wg sync.WaitGroup
	for i := range errs {
		wg.Go(func() {
			for at := range next {
				if errs[i] == nil {
					if errs[i] = ctx.Err(); errs[i] == nil {
						errs[i] = do(&clients[at])
					}
				}
			}
		})
	}
	for i := range clients {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// startIdle starts a command and returns once it has said something.
func startIdle(c *xssh.Client) error {
	session, err := c.NewSession()
	if err != nil {
		return err
	}
	in, err1 := session.StdinPipe()
	out, err2 := session.StdoutPipe()
	if err := errors.Join(err1, err2, session.Start(idleCommand)); err != nil {
		return err
	}
	if _, err := io.WriteString(in, "x"); err != nil {
		return err
	}
	_, err = io.ReadFull(out, make([]byte, 1))
	return err
}

// settled waits until the sessions that were closed have gone.
func settled(m *middle, before footprint) error {
	for until := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		now, err := m.footprint()
		if err != nil {
			return err
		}
		if now.goroutines <= before.goroutines {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%.0f goroutines run where %.0f ran before the sessions", now.goroutines, before.goroutines)
		}
	}
}
