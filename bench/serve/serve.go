// Package serve is what the gateways that bench measures have in common: their
// flags, the agent's token, a journal on disk, and how they start and end.
package serve

import (
	"context"
	"errors"
	"flag"
	"log"
	"log/slog"
	"os"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/bench/child"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// Settings are the flags that every gateway has.
type Settings struct {
	// Target is the server's host:port, Agent the name that clients come with.
	Target, Agent string

	journal, profile string
	buffered         bool
}

// Flags declares the flags. The caller parses them.
func Flags() *Settings {
	s := &Settings{}
	flag.StringVar(&s.Target, "target", "", "`host:port` of the server")
	flag.StringVar(&s.Agent, "agent", "agent", "name that clients come with")
	flag.StringVar(&s.journal, "journal", "", "directory of the journal")
	flag.StringVar(&s.profile, "profile", "", "write a CPU profile to this `file` in the end")
	flag.BoolVar(&s.buffered, "buffered", false, "record in buffered mode")
	return s
}

// Tokens is an authenticator for the agent, by the token in BENCH_TOKEN.
func (s *Settings) Tokens() (*identity.Tokens, error) {
	verifier, err := identity.HashToken(os.Getenv("BENCH_TOKEN"))
	if err != nil {
		return nil, err
	}
	return identity.NewTokens("bench", identity.Token{Name: s.Agent, Verifier: verifier, Groups: []string{"agents"}})
}

// Main runs a gateway, which add completes with all but its record and
// approver, until standard input ends. It ends the process after an error.
func (s *Settings) Main(rules []approve.Rule, add func(*proxy.Builder) error) {
	if err := s.run(rules, add); err != nil {
		log.Fatal(err)
	}
}

func (s *Settings) run(rules []approve.Rule, add func(*proxy.Builder) error) (err error) {
	stop, err := child.Profile(s.profile)
	if err != nil {
		return err
	}
	defer stop()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	journal, err := recorder.OpenJournal(s.journal, recorder.Options{Buffered: s.buffered, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	b := proxy.New("bench").Record(journal).Approve(rules, nobody{}).Logger(logger)
	if err := add(b); err != nil {
		return err
	}
	gw, err := b.Build()
	if err != nil {
		return err
	}
	return gw.Serve(child.Listening(gw.Addrs()[0]))
}

// nobody is an approver that never answers.
type nobody struct{}

func (nobody) Name() string { return "nobody" }

func (nobody) Ask(ctx context.Context, _ approve.Request) (approve.Answer, error) {
	<-ctx.Done()
	return approve.Answer{}, ctx.Err()
}
