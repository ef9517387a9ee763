//go:build linux

// Bench measures what the gateway costs beside a direct connection, pgbouncer
// and a bare relay. It starts everything it needs, runs the legs in turn, round
// after round, so that a slow minute of the machine hits all of them, and
// prints absolute values and ratios.
//
// What it measures with PostgreSQL:
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
//
// With SSH, where the relay is one that ends the client's connection and makes
// its own, by the same library:
//
//   - OpenSSH's scp, by both of its protocols, and sftp move a file both ways:
//     MB/s, CPU time per GiB, and how far the memory of the process in the
//     middle grows.
//   - A command that does nothing, over one connection, one after the other
//     and several at a time: commands per second, latency, CPU time.
//   - Idle connections and idle commands: memory for each.
//
// With AWS, by TLS on all legs, where the relay is the standard library's
// reverse proxy:
//
//   - An S3 object, sent and fetched: MB/s, CPU time per GiB, and how far the
//     memory of the process in the middle grows.
//   - A small call of DynamoDB, one after the other and several at a time:
//     calls per second, latency, CPU time.
//
// And the disk: fdatasync latency where the journals are. A tmpfs is refused.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	xssh "golang.org/x/crypto/ssh"
)

type config struct {
	part     string
	duration time.Duration
	rounds   int
	few      int
	many     int
	rows     int
	file     int
	idle     int
	cipher   string
	dir      string
	json     string
	legs     string
	masks    string
	profile  string

	plain                         bool // AWS: no TLS
	skipBulk, skipTx              bool
	skipFiles, skipExec, skipIdle bool
}

// wanted reports whether a leg is to run.
func (c *config) wanted(name string) bool {
	return c.legs == "" || slices.Contains(strings.Split(c.legs, ","), name)
}

// Parts of the benchmark.
const (
	partPostgres = "postgres"
	partSSH      = "ssh"
	partAWS      = "aws"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("bench: ")
	var c config
	flag.StringVar(&c.part, "only", "", "run only this `part`, postgres, ssh or aws; empty means all")
	flag.DurationVar(&c.duration, "duration", 6*time.Second, "of one run of pgbench, of commands over SSH and of calls of AWS")
	flag.IntVar(&c.rounds, "rounds", 3, "how often every leg runs")
	flag.IntVar(&c.few, "clients", 8, "clients for CPU and latency; commands over SSH, and calls of AWS, at a time")
	flag.IntVar(&c.many, "many", 64, "clients for throughput")
	flag.IntVar(&c.rows, "rows", 1_000_000, "rows of the bulk table, a multiple of 100,000")
	flag.IntVar(&c.file, "file", 1024, "size of the file or object that is moved, in MiB")
	flag.IntVar(&c.idle, "idle", 200, "idle SSH sessions whose memory is measured")
	flag.StringVar(&c.cipher, "cipher", xssh.CipherAES128GCM, "the `cipher` of all SSH connections, by OpenSSH's name")
	flag.StringVar(&c.dir, "dir", os.TempDir(), "where databases, files and journals are made; no tmpfs")
	flag.StringVar(&c.json, "json", "", "also write the results to this `file`")
	flag.StringVar(&c.legs, "legs", "", "comma-separated legs to run; empty means all")
	flag.StringVar(&c.masks, "masks", "detectors", "what the gateway masks under pgbench: other, returned or detectors")
	flag.StringVar(&c.profile, "profile", "", "write CPU profiles of the gateways, and of the SSH relay, into this `directory`; profiling costs a little itself")
	flag.BoolVar(&c.plain, "plain", false, "AWS: plain HTTP on all legs, in place of TLS on all")
	flag.BoolVar(&c.skipBulk, "no-bulk", false, "PostgreSQL: leave out the bulk runs")
	flag.BoolVar(&c.skipTx, "no-pgbench", false, "PostgreSQL: leave out the pgbench runs")
	flag.BoolVar(&c.skipFiles, "no-files", false, "SSH, AWS: leave out files and objects")
	flag.BoolVar(&c.skipExec, "no-exec", false, "SSH, AWS: leave out commands and small calls")
	flag.BoolVar(&c.skipIdle, "no-idle", false, "SSH: leave out the idle sessions")
	flag.Parse()
	if err := c.check(); err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, c); err != nil {
		stop()
		log.Fatal(err)
	}
}

func (c *config) check() error {
	switch {
	case !slices.Contains([]string{"", partPostgres, partSSH, partAWS}, c.part):
		return fmt.Errorf("unknown -only %q; there are postgres, ssh and aws", c.part)
	case c.rounds < 1 || c.rows < 100_000 || c.rows%100_000 != 0 || c.duration < time.Second:
		return errors.New("rounds must be at least 1, rows a multiple of 100000, duration at least 1s")
	case c.few < 1 || c.many < 1 || c.file < 1 || c.idle < 1:
		return errors.New("clients, many, file and idle must be at least 1")
	}
	return nil
}

func run(ctx context.Context, c config) (err error) {
	r := &report{Started: time.Now().UTC(), Command: os.Args[1:], Machine: machine()}
	if r.Disk, err = measureDisk(c.dir); err != nil {
		return err
	}
	r.header(os.Stdout)
	for _, part := range []struct {
		name string
		run  func(context.Context, config, *report) error
	}{{partPostgres, runPostgres}, {partSSH, runSSH}, {partAWS, runAWS}} {
		if c.part != "" && c.part != part.name {
			continue
		}
		if err := part.run(ctx, c, r); err != nil {
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

func runPostgres(ctx context.Context, c config, r *report) (err error) {
	b, err := newBed(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r.Machine.PostgreSQL = b.version
	fmt.Println(b.version)
	if len(b.cold.Legs) > 0 {
		r.Sections = append(r.Sections, b.cold)
	}
	if !c.skipTx {
		if err := b.transactions(ctx, r); err != nil {
			return err
		}
	}
	if c.skipBulk {
		return nil
	}
	return b.bulk(ctx, r)
}

func runSSH(ctx context.Context, c config, r *report) (err error) {
	b, err := newSSHBed(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	r.Machine.OpenSSH, r.Machine.Cipher = b.version, c.cipher
	fmt.Printf("%s, %s on every connection\n", b.version, c.cipher)
	if !c.skipFiles {
		if err := b.files(ctx, r); err != nil {
			return err
		}
	}
	if !c.skipExec {
		if err := b.commands(ctx, r); err != nil {
			return err
		}
	}
	if c.skipIdle {
		return nil
	}
	return b.idling(ctx, r)
}

func runAWS(ctx context.Context, c config, r *report) (err error) {
	b, err := newAWSBed(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if !c.skipFiles {
		if err := b.objects(ctx, r); err != nil {
			return err
		}
	}
	if c.skipExec {
		return nil
	}
	return b.calls(ctx, r)
}
