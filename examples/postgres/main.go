// Command postgres is the smallest gateway that is of use: one PostgreSQL
// behind it, one agent in front. Copy it, then say what your agent may do.
//
//	export TARGET=127.0.0.1:5432 DATABASE=shop TARGET_USER=app TARGET_PASSWORD=…
//	export AGENT_TOKEN=$(openssl rand -hex 24)
//	go run ./examples/postgres
//	PGPASSWORD=$AGENT_TOKEN psql "host=127.0.0.1 port=6432 user=agent dbname=shop"
package main

import (
	"cmp"
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Where tokens last, keep their hashes; examples/gateway does.
	verifier := must(identity.HashToken(os.Getenv("AGENT_TOKEN")))
	tokens := must(identity.NewTokens("static", identity.Token{Name: "agent", Verifier: verifier}))
	journal := must(recorder.OpenJournal("journal", recorder.Options{})) // examples/auditor reads it
	defer journal.Close()
	target := protocol.Target{Name: "db", Address: os.Getenv("TARGET"), Database: os.Getenv("DATABASE"),
		TLS: protocol.TargetTLS{Mode: protocol.TLSDisable}} // without this line its certificate is verified
	login := postgres.StaticLogin(os.Getenv("TARGET_USER"), os.Getenv("TARGET_PASSWORD"))
	rules := []approve.Rule{{Name: "read only", Verdict: protocol.Allow, Effects: protocol.Read}}
	address := cmp.Or(os.Getenv("LISTEN"), "127.0.0.1:6432")

	gw := must(proxy.New("agents").
		Identify(tokens).
		Record(journal).
		Mask(mask.Secrets(), mask.Personal()). // and mask.Columns("customers.ssn", mask.Keep(4))
		Approve(rules).                        // rules may Ask; the approvers to ask come after them
		Listen(address, postgres.New(postgres.Config{Login: login}), target).
		Build())
	if err := gw.Serve(ctx); err != nil { // drains when ctx ends
		log.Print(err)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
