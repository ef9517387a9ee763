// Awsgateway is the Sallyport that the AWS benchmarks measure: a static token,
// rules that allow objects and items and deny or ask about the rest, all
// detectors on, and a journal on disk.
//
// It reads the agent's token from the environment, prints "ready ADDRESS",
// answers as package child says, and ends with its standard input.
package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"flag"
	"log"
	"log/slog"
	"os"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/bench/child"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/identity/awskeys"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/aws"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

type settings struct {
	target, agent, journal, pem, profile string
	buffered                             bool
}

func main() {
	var s settings
	flag.StringVar(&s.target, "target", "", "`host:port` of the target")
	flag.StringVar(&s.agent, "agent", "agent", "name that clients come with")
	flag.StringVar(&s.journal, "journal", "", "directory of the journal")
	flag.StringVar(&s.pem, "pem", "", "`file` with certificate and key for both sides; empty means no TLS")
	flag.StringVar(&s.profile, "profile", "", "write a CPU profile to this `file` in the end")
	flag.BoolVar(&s.buffered, "buffered", false, "record in buffered mode")
	flag.Parse()
	if err := run(s); err != nil {
		log.Fatal(err)
	}
}

func run(s settings) (err error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	stop, err := child.Profile(s.profile)
	if err != nil {
		return err
	}
	defer stop()
	verifier, err := identity.HashToken(os.Getenv("BENCH_TOKEN"))
	if err != nil {
		return err
	}
	tokens, err := identity.NewTokens("bench", identity.Token{Name: s.agent, Verifier: verifier, Groups: []string{"agents"}})
	if err != nil {
		return err
	}
	random := make([]byte, 32)
	_, _ = rand.Read(random)
	key, err := awskeys.NewKey(random)
	if err != nil {
		return err
	}
	issuer, err := awskeys.New(key)
	if err != nil {
		return err
	}
	journal, err := recorder.OpenJournal(s.journal, recorder.Options{Buffered: s.buffered, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	target := protocol.Target{Name: "bench", Address: s.target, TLS: protocol.TargetTLS{CAFile: s.pem}}
	builder := proxy.New("bench")
	if s.pem == "" {
		target.TLS.Mode = protocol.TLSDisable
	} else {
		certificate, err := tls.LoadX509KeyPair(s.pem, s.pem)
		if err != nil {
			return err
		}
		builder.Certificate(certificate)
	}
	gw, err := builder.
		Identify(tokens, issuer).
		Record(journal).
		Mask(mask.Secrets(), mask.Personal()).
		Approve(rules(), nobody{}).
		Logger(logger).
		Listen("127.0.0.1:0", aws.New(aws.Config{
			Issuer: issuer, Account: "123456789012",
			Login: aws.StaticLogin(aws.Login{Credentials: aws.Credentials{AccessKeyID: "AKIABENCHBENCHBENCH0", SecretAccessKey: aws.NewSecret("bench")}}),
		}), target).
		Build()
	if err != nil {
		return err
	}
	return gw.Serve(child.Listening(gw.Addrs()[0]))
}

func rules() []approve.Rule {
	return []approve.Rule{
		{Name: "agents work", Groups: []string{"agents"}, Targets: []string{"bench"}, Verbs: []string{"s3:*", "dynamodb:*"}, Effects: protocol.Read | protocol.Write, Verdict: protocol.Allow},
		{Name: "the vault is nobody's", Objects: []string{"arn:aws:s3:::vault/*"}, Verdict: protocol.Deny, Reason: "the vault"},
		{Name: "deletions are asked about", Effects: protocol.Destroy, Verdict: protocol.Ask},
	}
}

// nobody is an approver that never answers.
type nobody struct{}

func (nobody) Name() string { return "nobody" }

func (nobody) Ask(ctx context.Context, _ approve.Request) (approve.Answer, error) {
	<-ctx.Done()
	return approve.Answer{}, ctx.Err()
}
