package postgres_test

import (
	"context"
	"fmt"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
	"github.com/sallyport/sallyport/recorder/recordertest"
)

// A gateway in front of one PostgreSQL. Its clients connect with
// "psql -h 127.0.0.1 -p … -U devin shop" and their token as the password; the
// password of the target stays here.
func Example() {
	verifier, err := identity.HashToken("sp_a-token-that-a-test-may-know")
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens, err := identity.NewTokens("static", identity.Token{Name: "devin", Verifier: verifier, Groups: []string{"agents"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	login := func(_ context.Context, who identity.Principal, _ protocol.Target) (postgres.Login, error) {
		return postgres.Login{User: "agents_rw", Password: postgres.NewSecret("from a vault, for " + who.String())}, nil
	}
	gw, err := proxy.New("shop").
		Identify(tokens).
		Record(recordertest.NewMemory()). // in earnest: recorder.OpenJournal
		Mask(mask.Secrets(), mask.Columns("customers.ssn", mask.Keep(4))).
		Approve([]approve.Rule{
			{Name: "agents read and write", Groups: []string{"agents"}, Effects: protocol.Read | protocol.Write, Verdict: protocol.Allow},
			{Name: "nothing is destroyed", Effects: protocol.Destroy, Verdict: protocol.Deny},
		}).
		Listen("127.0.0.1:0", postgres.New(postgres.Config{Login: login}), protocol.Target{
			Name: "shop", Address: "db.internal:5432", Database: "shop",
		}).
		Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer gw.Close()
	fmt.Println("listens on", gw.Addrs()[0].Network())
	// Output: listens on tcp
}

// Mistakes are reported when the gateway is built, all at once.
func ExampleNew() {
	_, err := proxy.New("shop").
		AllowAll().
		Record(recordertest.NewMemory()).
		Listen("127.0.0.1:0", postgres.New(postgres.Config{MaxRow: -1}), protocol.Target{Name: "shop", Address: "127.0.0.1:5432"}).
		Build()
	fmt.Println(err)
	// Output:
	// Listen: 127.0.0.1:0: postgres.Config.Login is missing: it gives the credential for the target
	// Listen: 127.0.0.1:0: postgres.Config.MaxRow is -1; zero means the default
	// Identify: is missing: a gateway must know who asks
}
