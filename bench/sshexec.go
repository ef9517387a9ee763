//go:build linux

package main

import (
	"context"
	"fmt"
	"os"

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
	return repeated{"exec", b.duration, parallel, func() error { return execOnce(client) }}.measure(ctx, s, l.name, l.middle)
}

func execOnce(client *xssh.Client) error {
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	defer session.Close()
	return session.Run(emptyCommand)
}
