// Gateway is the Sallyport that the benchmarks measure: a static token, rules
// that allow reading and deny or ask about the rest, masks as -masks says, and
// a journal on disk.
//
// It takes its secrets from the environment (BENCH_TOKEN, the agent's token;
// BENCH_PASSWORD, the target's), prints "ready ADDRESS" once it listens, which
// is before its SQL parser is warm, and ends with its standard input.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime/pprof"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

type settings struct {
	target, user, database, agent, journal, masks, profile string
	buffered                                               bool
}

func main() {
	var s settings
	flag.StringVar(&s.target, "target", "", "`host:port` of the server")
	flag.StringVar(&s.user, "user", "", "role on the server")
	flag.StringVar(&s.database, "database", "", "database on the server")
	flag.StringVar(&s.agent, "agent", "agent", "name that clients come with")
	flag.StringVar(&s.journal, "journal", "", "directory of the journal")
	flag.StringVar(&s.masks, "masks", "other", "other: a rule on another table; returned: a rule on a returned column; detectors: all detectors too")
	flag.StringVar(&s.profile, "profile", "", "write a CPU profile to this `file` in the end")
	flag.BoolVar(&s.buffered, "buffered", false, "record in buffered mode")
	flag.Parse()
	if err := run(s); err != nil {
		log.Fatal(err)
	}
}

func run(s settings) (err error) {
	if s.profile != "" {
		f, err := os.Create(s.profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = f.Close()
		}()
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	verifier, err := identity.HashToken(os.Getenv("BENCH_TOKEN"))
	if err != nil {
		return err
	}
	tokens, err := identity.NewTokens("bench", identity.Token{Name: s.agent, Verifier: verifier, Groups: []string{"agents"}})
	if err != nil {
		return err
	}
	journal, err := recorder.OpenJournal(s.journal, recorder.Options{Buffered: s.buffered, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	masks, err := maskRules(s.masks)
	if err != nil {
		return err
	}
	gw, err := proxy.New("bench").
		Identify(tokens).
		Record(journal).
		Mask(masks...).
		Approve([]approve.Rule{
			{Name: "agents read", Groups: []string{"agents"}, Targets: []string{"bench"}, Effects: protocol.Read, Verdict: protocol.Allow},
			{Name: "customers are asked about", Objects: []string{"public.customers"}, Verdict: protocol.Ask, Reason: "personal data"},
			{Name: "nothing is destroyed", Effects: protocol.Destroy | protocol.Schema | protocol.Access, Verdict: protocol.Deny},
		}, nobody{}).
		Logger(logger).
		Listen("127.0.0.1:0", postgres.New(postgres.Config{Login: postgres.StaticLogin(s.user, os.Getenv("BENCH_PASSWORD"))}), protocol.Target{
			Name: "bench", Address: s.target, Database: s.database, TLS: protocol.TargetTLS{Mode: protocol.TLSDisable},
		}).
		Build()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	fmt.Println("ready", gw.Addrs()[0])
	return gw.Serve(ctx)
}

func maskRules(name string) ([]mask.Rule, error) {
	other := mask.Columns("customers.ssn", mask.Keep(4))
	switch name {
	case "other":
		return []mask.Rule{other}, nil
	case "returned":
		return []mask.Rule{other, mask.Columns("pgbench_accounts.filler", mask.Keep(4))}, nil
	case "detectors":
		return []mask.Rule{other, mask.Secrets(), mask.Personal()}, nil
	}
	return nil, fmt.Errorf("unknown -masks %q; there are other, returned, detectors", name)
}

// nobody is an approver that never answers.
type nobody struct{}

func (nobody) Name() string { return "nobody" }

func (nobody) Ask(ctx context.Context, _ approve.Request) (approve.Answer, error) {
	<-ctx.Done()
	return approve.Answer{}, ctx.Err()
}
