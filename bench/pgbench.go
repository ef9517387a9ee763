//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load is one way of running pgbench.
type load struct {
	Name    string
	Mode    string // pgbench's -M
	Clients int
}

// txRun is what one run of pgbench gave.
type txRun struct {
	TPS, P50, P99 float64 // latencies in microseconds
	CPU           float64 // microseconds per transaction of the process in the middle
}

// transactions runs every load through every leg, round by round.
func (b *bed) transactions(ctx context.Context, r *report) error {
	loads := []load{
		{fmt.Sprintf("pgbench -S, simple, %d clients", b.few), "simple", b.few},
		{fmt.Sprintf("pgbench -S, prepared, %d clients", b.few), "prepared", b.few},
		{fmt.Sprintf("pgbench -S, simple, %d clients", b.many), "simple", b.many},
	}
	for _, l := range loads {
		s := &section{Title: l.Name, Reference: "relay"}
		for round := range b.rounds {
			for _, leg := range b.txLegs() {
				run, err := b.pgbench(ctx, leg, l)
				if err != nil {
					return fmt.Errorf("%s through %s: %w", l.Name, leg.name, err)
				}
				s.add(leg.name, "tx/s", run.TPS)
				s.add(leg.name, "p50 µs", run.P50)
				s.add(leg.name, "p99 µs", run.P99)
				if leg.middle != nil {
					s.add(leg.name, "CPU µs/tx", run.CPU)
				}
				fmt.Fprintf(os.Stderr, "round %d/%d  %-34s %-22s %7.0f tx/s  %6s µs CPU/tx\n", round+1, b.rounds, l.Name, leg.name, run.TPS, s.last(leg.name, "CPU µs/tx"))
			}
		}
		r.Sections = append(r.Sections, s)
	}
	return nil
}

func (b *bed) pgbench(ctx context.Context, leg *leg, l load) (txRun, error) {
	var run txRun
	connect, _, err := b.onePgbench(ctx, leg, l, "-t", "1")
	if err != nil {
		return run, err
	}
	used, out, err := b.onePgbench(ctx, leg, l, "-T", strconv.Itoa(int(b.duration.Seconds())), "--log", "--sampling-rate", "0.2", "--log-prefix", filepath.Join(b.work, "tx"))
	if err != nil {
		return run, err
	}
	count, tps, err := parsePgbench(out)
	if err != nil {
		return run, err
	}
	run.TPS = tps
	run.CPU = float64(used-connect) / 1e3 / count
	run.P50, run.P99, err = b.latencies()
	return run, err
}

// onePgbench runs pgbench once and returns the CPU time that the process in
// the middle took for it.
func (b *bed) onePgbench(ctx context.Context, leg *leg, l load, args ...string) (time.Duration, string, error) {
	host, port := leg.hostPort()
	args = append([]string{"-n", "-S", "-M", l.Mode, "-c", strconv.Itoa(l.Clients), "-j", "2", "-h", host, "-p", port, "-U", leg.user}, args...)
	cmd := exec.CommandContext(ctx, filepath.Join(b.server.BinDir(), "pgbench"), append(args, benchDatabase)...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+leg.password, "PGSSLMODE=disable", "PGGSSENCMODE=disable", "LC_ALL=C")
	before, err := leg.cpu()
	if err != nil {
		return 0, "", err
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, "", fmt.Errorf("pgbench: %w: %s", err, out)
	}
	after, err := leg.cpu()
	return after - before, string(out), err
}

var (
	processed = regexp.MustCompile(`number of transactions actually processed: (\d+)`)
	failed    = regexp.MustCompile(`number of failed transactions: (\d+)`)
	rate      = regexp.MustCompile(`tps = ([0-9.]+) \(without initial connection time\)`)
)

func parsePgbench(out string) (count, tps float64, err error) {
	n, t := processed.FindStringSubmatch(out), rate.FindStringSubmatch(out)
	if n != nil && n[1] == "0" {
		return 0, 0, errors.New("no transaction was processed: pgbench's time includes connecting, so give it more by -duration")
	}
	if n == nil || t == nil {
		return 0, 0, fmt.Errorf("unexpected output of pgbench: %s", out)
	}
	if f := failed.FindStringSubmatch(out); f != nil && f[1] != "0" {
		return 0, 0, fmt.Errorf("%s transactions failed", f[1])
	}
	count, err1 := strconv.ParseFloat(n[1], 64)
	tps, err2 := strconv.ParseFloat(t[1], 64)
	return count, tps, errors.Join(err1, err2)
}

// latencies reads and removes the logs of one run, a file per thread.
func (b *bed) latencies() (p50, p99 float64, err error) {
	files, err := filepath.Glob(filepath.Join(b.work, "tx.*"))
	if err != nil {
		return 0, 0, err
	}
	var all []float64
	for _, name := range files {
		if all, err = readLog(name, all); err != nil {
			return 0, 0, err
		}
		if err := os.Remove(name); err != nil {
			return 0, 0, err
		}
	}
	if len(all) == 0 {
		return 0, 0, errors.New("pgbench logged no transaction")
	}
	slices.Sort(all)
	return quantile(all, 0.50), quantile(all, 0.99), nil
}

// readLog appends the third field of every line: the latency in microseconds.
func readLog(name string, all []float64) ([]float64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 3 {
			continue // the last line of a log may be cut
		}
		us, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return nil, err
		}
		all = append(all, us)
	}
	return all, lines.Err()
}
