//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"
)

// emptyCommand is what is run to measure what running costs.
const emptyCommand = "true"

// commands runs a command that does nothing, over one connection.
func (b *sshBed) commands(ctx context.Context, r *report) error {
	for _, parallel := range []int{1, b.few} {
		s := &section{Title: fmt.Sprintf("exec of %q over one connection, %d at a time", emptyCommand, parallel), Reference: relayLeg}
		for round := range b.rounds {
			for _, l := range b.legs {
				if err := b.exec(ctx, s, l, parallel); err != nil {
					return fmt.Errorf("%s through %s: %w", s.Title, l.name, err)
				}
				fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %s exec/s  %s ms CPU/exec\n", round+1, b.rounds, fmt.Sprintf("exec, %d at a time", parallel), l.name, s.last(l.name, "exec/s"), s.last(l.name, "CPU ms/exec"))
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return nil
}

func (b *sshBed) exec(ctx context.Context, s *section, l *sshLeg, parallel int) error {
	client, err := b.dial(l)
	if err != nil {
		return err
	}
	defer client.Close()
	// A few first: what a connection costs is not measured here.
	if _, err := repeat(ctx, client, parallel, 200*time.Millisecond); err != nil {
		return err
	}
	before, err := l.cpu()
	if err != nil {
		return err
	}
	start := time.Now()
	took, err := repeat(ctx, client, parallel, b.duration)
	if err != nil {
		return err
	}
	all := time.Since(start)
	after, err := l.cpu()
	if err != nil {
		return err
	}
	slices.Sort(took)
	s.add(l.name, "exec/s", float64(len(took))/all.Seconds())
	s.add(l.name, "p50 ms", quantile(took, 0.50))
	s.add(l.name, "p99 ms", quantile(took, 0.99))
	if l.middle != nil {
		s.add(l.name, "CPU ms/exec", ms(after-before)/float64(len(took)))
	}
	return nil
}

// repeat runs commands for a time and returns how many milliseconds each took.
func repeat(ctx context.Context, client *xssh.Client, parallel int, during time.Duration) ([]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, during)
	defer cancel()
	var mu sync.Mutex
	var all []float64
	var failed error
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			var took []float64
			var err error
			for err == nil && ctx.Err() == nil {
				start := time.Now()
				if err = execOnce(client); err == nil {
					took = append(took, ms(time.Since(start)))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			if err != nil {
				failed = err
			}
		})
	}
	wg.Wait()
	return all, failed
}

func execOnce(client *xssh.Client) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Run(emptyCommand)
}
