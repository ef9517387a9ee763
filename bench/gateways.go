//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/sallyport/sallyport/identity"
)

// gateways starts one gateway for each way of recording and masking, each
// with a journal of its own, one after the other: the first statement through
// each is measured while its SQL parser is still cold.
func (b *bed) gateways(ctx context.Context) error {
	b.cold = &section{Title: "Cold start"}
	for _, mode := range []string{"durable", "buffered"} {
		for _, masks := range []string{"other", "returned", "detectors"} {
			name := mode + "-" + masks
			if !b.wanted(name) {
				continue
			}
			l, err := b.gateway(ctx, name, mode, masks)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			l.tx, l.bulk = masks == b.masks, true
		}
	}
	return nil
}

func (b *bed) gateway(ctx context.Context, name, mode, masks string) (*leg, error) {
	program, err := build(ctx, b.work, "gateway")
	if err != nil {
		return nil, err
	}
	const agent = "agent"
	token := identity.NewToken()
	cmd := exec.Command(program, "-target", b.server.Addr(), "-user", benchRole, "-database", benchDatabase, "-agent", agent,
		"-journal", filepath.Join(b.work, "journal-"+name), "-masks", masks, fmt.Sprintf("-buffered=%t", mode == "buffered"))
	if b.profile != "" {
		cmd.Args = append(cmd.Args, "-profile", filepath.Join(b.profile, name+".prof"))
	}
	cmd.Env = append(os.Environ(), "BENCH_TOKEN="+token, "BENCH_PASSWORD="+b.server.Password(benchRole))
	cmd.Stderr = os.Stderr
	start := time.Now()
	m, err := startMiddle(cmd)
	if err != nil {
		return nil, err
	}
	l := &leg{name: name, addr: m.addr(), user: agent, password: token, middle: m}
	b.add(l)
	b.cold.add(name, "listening ms", ms(time.Since(start)))
	fmt.Fprintf(os.Stderr, "started %s in %s\n", name, time.Since(start).Round(time.Millisecond))
	for _, figure := range []string{"first statement ms", "second statement ms"} {
		start := time.Now()
		if err := l.answers(ctx, start.Add(time.Minute)); err != nil {
			return nil, err
		}
		b.cold.add(name, figure, ms(time.Since(start)))
	}
	rss, peak, err := memory(m.pid)
	b.cold.add(name, "RSS MB", rss)
	b.cold.add(name, "peak MB", peak)
	return l, err
}

// answers runs one statement on a new connection. While the SQL parser warms up
// for longer than a statement waits for it, which happens on a busy machine,
// the statement counts as not understood and is refused: it is tried again.
func (l *leg) answers(ctx context.Context, until time.Time) error {
	conn, err := l.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		_, err = stream(conn, "SELECT abalance FROM pgbench_accounts WHERE aid = 1")
		if !errors.Is(err, errRefused) || time.Now().After(until) {
			return err
		}
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
