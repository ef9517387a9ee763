//go:build linux

// Bench measures what the gateway costs beside a direct connection, pgbouncer
// and a bare relay of bytes. It starts everything it needs, runs the legs in
// turn, round after round, so that a slow minute of the machine hits all of
// them, and prints absolute values and ratios.
//
// What it measures:
//
//   - pgbench -S, simple and prepared, at a few and at many clients:
//     throughput, p50 and p99 from pgbench's own log of transactions, and the
//     CPU time (user and system, from /proc/PID/stat) that the process in the
//     middle takes per transaction. The cost of connecting, measured by a run
//     of one transaction per client just before, is subtracted.
//   - A table of a million rows by SELECT and by COPY, read by a client that
//     looks at message headers only: MB/s, CPU time, and the memory of the
//     process in the middle: warm and idle before, peak (VmHWM) after.
//   - Starting the gateway: the first statement, which waits for the SQL
//     parser to warm up, and the memory afterwards.
//   - The disk: fdatasync latency where the journals are. A tmpfs is refused.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
)

type config struct {
	duration time.Duration
	rounds   int
	few      int
	many     int
	rows     int
	dir      string
	json     string
	only     string
	masks    string
	profile  string
	skipBulk bool
	skipTx   bool
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var c config
	flag.DurationVar(&c.duration, "duration", 6*time.Second, "of one pgbench run")
	flag.IntVar(&c.rounds, "rounds", 3, "how often every leg runs")
	flag.IntVar(&c.few, "clients", 8, "clients for CPU and latency")
	flag.IntVar(&c.many, "many", 64, "clients for throughput")
	flag.IntVar(&c.rows, "rows", 1_000_000, "rows of the bulk table, a multiple of 100,000")
	flag.StringVar(&c.dir, "dir", os.TempDir(), "where databases and journals are made; no tmpfs")
	flag.StringVar(&c.json, "json", "", "also write the results to this `file`")
	flag.StringVar(&c.only, "legs", "", "comma-separated legs to run; empty means all")
	flag.StringVar(&c.masks, "masks", "detectors", "what the gateway masks under pgbench: other, returned or detectors")
	flag.StringVar(&c.profile, "profile", "", "write the gateways' CPU profiles into this `directory`; profiling costs a little itself")
	flag.BoolVar(&c.skipBulk, "no-bulk", false, "leave out the bulk runs")
	flag.BoolVar(&c.skipTx, "no-pgbench", false, "leave out the pgbench runs")
	flag.Parse()
	if c.rounds < 1 || c.rows < 100_000 || c.rows%100_000 != 0 || c.duration < time.Second {
		log.Fatal("rounds must be at least 1, rows a multiple of 100000, duration at least 1s")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c); err != nil {
		stop()
		log.Fatal(err)
	}
}

func run(ctx context.Context, c config) (err error) {
	r := &report{Started: time.Now().UTC(), Command: os.Args[1:], Machine: machine()}
	if r.Disk, err = measureDisk(c.dir); err != nil {
		return err
	}
	b, err := newBed(ctx, c)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := b.close(); err == nil {
			err = cerr
		}
	}()
	r.Machine.PostgreSQL = b.version
	r.header(os.Stdout)
	if len(b.cold.Legs) > 0 {
		r.Sections = append(r.Sections, b.cold)
	}
	if !c.skipTx {
		if err := b.transactions(ctx, r); err != nil {
			return err
		}
	}
	if !c.skipBulk {
		if err := b.bulk(ctx, r); err != nil {
			return err
		}
	}
	r.print(os.Stdout)
	if c.json != "" {
		if err := r.writeJSON(c.json); err != nil {
			return err
		}
	}
	fmt.Printf("\nbench: ok in %.0f s\n", time.Since(r.Started).Seconds())
	return nil
}
