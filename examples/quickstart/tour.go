//go:build unix

package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/sshserver"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

// tour is what the quickstart holds while it runs.
type tour struct {
	out   *screen
	start starter

	dir        string // everything but PostgreSQL's own
	server     *pgserver.Server
	host       *sshserver.Embedded
	hostKey    xssh.Signer // the gateway's, for SSH
	plugin     *postgres.Plugin
	token      string
	checkpoint string     // the file in which the newest checkpoint is kept apart
	key        string     // the journal's public key, noted when it was made
	saw        [][]string // the rows that the agent got
	visit      *visit     // what it did on the host
}

func (t *tour) run(ctx context.Context) error {
	var err error
	if t.dir, err = os.MkdirTemp("", "sallyport-quickstart-"); err != nil {
		return err
	}
	t.checkpoint = filepath.Join(t.dir, "elsewhere")
	t.out.line("%s", t.out.paint(bold, "Sallyport: an agent works on a PostgreSQL and on a host, through a gateway."))

	// The gateway logs in as the shop's owner; the agent never sees how.
	t.plugin = postgres.New(postgres.Config{
		Login: func(context.Context, identity.Principal, protocol.Target) (postgres.Login, error) {
			return postgres.Login{User: owner, Password: postgres.NewSecret(t.server.Password(owner))}, nil
		},
	})
	// The SQL parser takes a few seconds to warm up; PostgreSQL starts meanwhile.
	warming, stop := context.WithCancel(ctx)
	var warm sync.WaitGroup
	defer warm.Wait()
	defer stop()
	warm.Go(func() { _ = t.plugin.Ready(warming) })

	t.out.title("Getting ready")
	err = t.out.step("a private PostgreSQL", func() error {
		t.server, err = openShop(ctx, t.start)
		return err
	})
	if err != nil {
		return err
	}
	if t.host, err = openHost(); err != nil {
		return err
	}
	if err := t.gateway(ctx); err != nil {
		return err
	}
	if err := t.timeline(); err != nil {
		return err
	}
	return t.proof(ctx)
}

// farewell says what holds once everything was removed.
func (t *tour) farewell() {
	t.out.line("\nThe servers have stopped, and %s with all that was in it is removed.", t.dir)
	t.out.line("Next: examples/postgres and examples/ssh are gateways in 60 and 80 lines, examples/gateway is one\nfrom a YAML file.")
}

func (t *tour) journal() string { return filepath.Join(t.dir, "journal") }

// gateway runs a gateway, and the agent in front of it, until the agent is done.
func (t *tour) gateway(ctx context.Context) error {
	quiet := slog.New(slog.DiscardHandler) // the tour tells what matters
	journal, err := recorder.OpenJournal(t.journal(), recorder.Options{
		Logger: quiet, Sinks: []recorder.CheckpointSink{recorder.FileSink{Path: t.checkpoint}},
	})
	if err != nil {
		return err
	}
	defer journal.Close()
	if t.key, err = recorder.PublicKey(t.journal()); err != nil {
		return err
	}
	gw, err := t.build(journal, quiet)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- gw.Serve(serving) }()

	err = t.out.step("the gateway and its SQL parser", func() error { return gw.Ready(ctx) })
	if err == nil {
		t.out.title("The agent works on the database: pgx, as user \"agent\" with a token, as any client would")
		a := &agent{out: t.out}
		err = a.work(ctx, gw.Addrs()[0], t.token)
		t.saw = a.saw
	}
	if err == nil {
		t.out.title("And on a host: an SSH client and SFTP, with the same token")
		t.visit = &visit{out: t.out}
		err = t.visit.work(gw.Addrs()[1], t.hostKey.PublicKey(), t.token)
	}
	for err == nil && len(gw.Sessions()) > 0 && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond) // the goodbye is still under way
	}
	stop()
	return errors.Join(err, <-served, journal.Close())
}

// build is the gateway: who may come, what they may do, what they must not see.
func (t *tour) build(journal recorder.Log, logger *slog.Logger) (*proxy.Gateway, error) {
	t.token = identity.NewToken()
	verifier, err := identity.HashToken(t.token)
	if err != nil {
		return nil, err
	}
	tokens, err := identity.NewTokens("static", identity.Token{Name: "agent", Verifier: verifier, Groups: []string{"agents"}})
	if err != nil {
		return nil, err
	}
	rules := []approve.Rule{
		{
			Name: "agents use the shop", Verdict: protocol.Allow, Groups: []string{"agents"}, Targets: []string{"shop"},
			Effects: protocol.Read | protocol.Write, Objects: []string{"customers", "orders"},
		},
		{
			Name: "dropping needs a person", Verdict: protocol.Ask, Targets: []string{"shop"},
			Effects: protocol.Destroy | protocol.Schema, Timeout: time.Minute,
		},
		// A command is judged before it runs; what is typed into a shell is not.
		{
			Name: "agents get exec, not shells", Verdict: protocol.Deny, Targets: []string{hostName},
			Verbs: []string{"shell"}, Reason: "run commands one by one",
		},
		{
			Name: "agents look around and upload", Verdict: protocol.Allow, Groups: []string{"agents"}, Targets: []string{hostName},
			Verbs: []string{"exec", "sftp*"}, Effects: protocol.Read | protocol.Write,
		},
		{
			Name: "removing needs a person", Verdict: protocol.Ask, Groups: []string{"agents"}, Targets: []string{hostName},
			Verbs: []string{"exec", "sftp*"}, Effects: protocol.Everything &^ (protocol.Read | protocol.Write), Timeout: time.Minute,
		},
	}
	host, err := t.hostPlugin()
	if err != nil {
		return nil, err
	}
	target := protocol.Target{
		Name: "shop", Address: t.server.Addr(), Database: database,
		TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}, // on loopback
	}
	return proxy.New("quickstart").
		Identify(tokens).
		Record(journal).
		Mask(mask.Columns("customers.ssn", mask.Keep(4)), mask.Personal(), mask.Secrets()).
		Approve(rules, approve.Func("reviewer", review)).
		Listen("127.0.0.1:0", t.plugin, target).
		Listen("127.0.0.1:0", host, t.hostTarget()).
		Logger(logger).
		Build()
}

// cleanUp stops and removes everything.
func (t *tour) cleanUp() error {
	var errs []error
	if t.host != nil {
		errs = append(errs, t.host.Close())
	}
	if t.server != nil {
		errs = append(errs, t.server.Stop())
	}
	if t.dir != "" {
		errs = append(errs, os.RemoveAll(t.dir))
	}
	return errors.Join(errs...)
}
