//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/internal/pgserver"
)

const (
	benchDatabase = "bench"
	benchRole     = "bench"
)

// leg is one way from the client to the server.
type leg struct {
	name           string
	addr           string
	user, password string
	middle         *middle // nil for the direct way
	tx, bulk       bool    // what runs through it
}

func (l *leg) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(l.addr)
	return host, port
}

func (l *leg) cpu() (time.Duration, error) {
	if l.middle == nil {
		return 0, nil
	}
	return cpu(l.middle.pid)
}

// bed is everything that runs for PostgreSQL: the server and the legs.
type bed struct {
	config
	work    string // removed in the end
	server  *pgserver.Server
	version string
	legs    []*leg
	cold    *section // what starting the gateways gave
}

func newBed(ctx context.Context, c config) (_ *bed, err error) {
	b := &bed{config: c}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	if b.work, err = os.MkdirTemp(c.dir, "sallyport-bench-"); err != nil {
		return nil, err
	}
	b.server, err = pgserver.Start(ctx, pgserver.Options{Fsync: true, Dir: c.dir, Conf: map[string]string{
		"shared_buffers": "512MB", "max_connections": strconv.Itoa(c.many*2 + 50), "autovacuum": "off",
	}})
	if err != nil {
		return nil, err
	}
	if err := b.fill(ctx); err != nil {
		return nil, err
	}
	for _, start := range []func(context.Context) error{b.direct, b.pgbouncer, b.relays, b.gateways} {
		if err := start(ctx); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// fill makes pgbench's tables, and one more that rules can name.
func (b *bed) fill(ctx context.Context) error {
	if err := b.server.AddRole(ctx, benchRole, rand.Text(), ""); err != nil {
		return err
	}
	if err := b.server.Exec(ctx, "postgres", "CREATE DATABASE "+benchDatabase+" OWNER "+benchRole); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.server.BinDir(), "pgbench"), "-i", "-q", "-s", strconv.Itoa(b.rows/100_000),
		"-h", b.server.Host(), "-p", strconv.Itoa(b.server.Port()), "-U", benchRole, benchDatabase)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+b.server.Password(benchRole), "PGSSLMODE=disable")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench -i: %w: %s", err, out)
	}
	err := b.server.Exec(ctx, benchDatabase, "SET ROLE "+benchRole+"; CREATE TABLE customers (id int, name text, ssn text); RESET ROLE; CHECKPOINT")
	if err != nil {
		return err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(b.server.BinDir(), "postgres"), "--version").Output()
	b.version = strings.TrimSpace(string(out))
	return err
}

func (b *bed) add(l *leg) {
	if b.wanted(l.name) {
		b.legs = append(b.legs, l)
	}
}

func (b *bed) txLegs() []*leg   { return pick(b.legs, func(l *leg) bool { return l.tx }) }
func (b *bed) bulkLegs() []*leg { return pick(b.legs, func(l *leg) bool { return l.bulk }) }

func pick(legs []*leg, want func(*leg) bool) []*leg {
	return slices.DeleteFunc(slices.Clone(legs), func(l *leg) bool { return !want(l) })
}

func (b *bed) close() error {
	var errs []error
	for _, l := range b.legs {
		if l.middle != nil {
			errs = append(errs, l.middle.stop())
		}
	}
	if b.server != nil {
		errs = append(errs, b.server.Stop())
	}
	if b.work != "" {
		errs = append(errs, os.RemoveAll(b.work))
	}
	return errors.Join(errs...)
}
