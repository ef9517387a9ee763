// Command customprotocol is a gateway for a protocol that Sallyport does not
// bring: Redis. The plugin is in the files beside this one, and
// docs/writing-a-protocol.md walks through it.
//
//	go run ./examples/customprotocol
//
// starts a small Redis in memory and a gateway in front of it, and says how to
// try it with redis-cli or nc.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:6390", "address for clients")
	record := flag.String("record", "redis-record", "directory of the record; made where it is missing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Stdout, os.Stderr, *listen, *record); err != nil {
		fmt.Fprintln(os.Stderr, "customprotocol:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out, logs io.Writer, listen, dir string) (err error) {
	redis, err := startServer()
	if err != nil {
		return err
	}
	defer redis.close()
	redis.values["greeting"] = "hello"
	redis.values["deploy-key"] = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"

	token := identity.NewToken()
	verifier, err := identity.HashToken(token)
	if err != nil {
		return err
	}
	tokens, err := identity.NewTokens("example", identity.Token{Name: "agent", Verifier: verifier, Groups: []string{"agents"}})
	if err != nil {
		return err
	}
	journal, err := recorder.OpenJournal(dir, recorder.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	rules := []approve.Rule{
		{Name: "agents-read", Groups: []string{"agents"}, Effects: protocol.Read, Verdict: protocol.Allow},
		{Name: "agents-write-cache", Groups: []string{"agents"}, Effects: protocol.Write, Objects: []string{"cache:*"}, Verdict: protocol.Allow},
	}
	gw, err := proxy.New("redis.example").
		Identify(tokens).
		Record(journal).
		Mask(mask.Secrets()).
		Approve(rules).
		Limits(proxy.Limits{Idle: time.Hour, Drain: 5 * time.Second}).
		Logger(slog.New(slog.NewTextHandler(logs, nil))).
		Listen(listen, Redis{}, protocol.Target{Name: "cache", Address: redis.address(), TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}}).
		Build()
	if err != nil {
		return err
	}
	addr := gw.Addrs()[0]
	fmt.Fprintf(out, `Redis in memory behind a gateway on %s. Try:

  redis-cli -u redis://agent:%s@%s
  > GET greeting            (allowed)
  > GET deploy-key          (allowed; the secret is hidden)
  > SET cache:page hello    (allowed)
  > SET greeting goodbye    (denied)

What happened is in %s. Ctrl-C ends it.

`, addr, token, addr, dir)
	return gw.Serve(ctx)
}
