package approve_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

func ExampleNewPolicy() {
	policy, err := approve.NewPolicy(
		approve.Rule{Name: "read the shop", Groups: []string{"agents"}, Effects: protocol.Read, Objects: []string{"customers", "orders"}, Verdict: protocol.Allow},
		approve.Rule{Name: "ask before destroying", Effects: protocol.Destroy | protocol.Schema, Verdict: protocol.Ask, Timeout: 5 * time.Minute},
		approve.Rule{Name: "no payroll", Objects: []string{"hr.*"}, Reason: "salaries are nobody's business"},
	)
	if err != nil {
		panic(err)
	}
	agent := identity.Principal{Issuer: "static", Subject: "coder", Groups: []string{"agents"}}
	table := func(name string, e protocol.Effects) *protocol.Operation {
		return &protocol.Operation{Effects: e, Objects: []protocol.Object{{Kind: "table", Name: name, Effects: e, Resolved: true}}}
	}
	for _, op := range []*protocol.Operation{
		table("public.orders", protocol.Read), table("public.orders", protocol.Write), table("public.orders", protocol.Destroy), table("hr.salaries", protocol.Read),
	} {
		d := policy.Decide(agent, "shop", op)
		fmt.Printf("%s by %q: %q\n", d.Verdict, d.Rule, d.Reason)
	}
	// Output:
	// allow by "read the shop": ""
	// deny by "": "no rule allows write on one of the objects that it names"
	// ask by "ask before destroying": ""
	// deny by "no payroll": "salaries are nobody's business"
}

func ExampleCollect() {
	person := strings.NewReader("y\n") // os.Stdin, in earnest
	var screen strings.Builder         // os.Stderr
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	answer, err := approve.Collect(ctx, []approve.Approver{approve.Terminal(person, &screen)}, approve.Request{
		ID: "gw-1/7", Digest: "8f0c", Principal: identity.Principal{Issuer: "static", Subject: "coder"}, Target: "shop",
		Operation: &protocol.Operation{Verb: "drop table", Text: "DROP TABLE orders -- \u202egnihton", Effects: protocol.Destroy | protocol.Schema},
	})
	fmt.Println(strings.TrimSpace(screen.String()))
	fmt.Println(answer.Approved, answer.By, err)
	// Output:
	// Sallyport asks for approval
	//   operation  gw-1/7
	//   who        coder
	//   identity   static|coder
	//   target     shop
	//   verb       drop table
	//   effects    destroy+schema
	//   text
	//     | DROP TABLE orders -- \u202egnihton
	// Allow it? [y/N]
	// true terminal <nil>
}
