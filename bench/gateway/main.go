// Gateway is the Sallyport that the benchmarks measure: a static token, rules
// that allow reading and deny or ask about the rest, masks as -masks says, and
// a journal on disk.
//
// It takes its secrets from the environment (BENCH_TOKEN, the agent's token;
// BENCH_PASSWORD, the target's), prints "ready ADDRESS" once it listens, which
// is before its SQL parser is warm, and ends with its standard input.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/bench/serve"
	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres"
	"github.com/sallyport/sallyport/proxy"
)

func main() {
	s := serve.Flags()
	user := flag.String("user", "", "role on the server")
	database := flag.String("database", "", "database on the server")
	masks := flag.String("masks", "other", "other: a rule on another table; returned: a rule on a returned column; detectors: all detectors too")
	flag.Parse()
	s.Main(rules(), func(b *proxy.Builder) error {
		tokens, err := s.Tokens()
		if err != nil {
			return err
		}
		hide, err := maskRules(*masks)
		if err != nil {
			return err
		}
		b.Identify(tokens).Mask(hide...).
			Listen("127.0.0.1:0", postgres.New(postgres.Config{Login: postgres.StaticLogin(*user, os.Getenv("BENCH_PASSWORD"))}), protocol.Target{
				Name: "bench", Address: s.Target, Database: *database, TLS: protocol.TargetTLS{Mode: protocol.TLSDisable},
			})
		return nil
	})
}

func rules() []approve.Rule {
	return []approve.Rule{
		{Name: "agents read", Groups: []string{"agents"}, Targets: []string{"bench"}, Effects: protocol.Read, Verdict: protocol.Allow},
		{Name: "customers are asked about", Objects: []string{"public.customers"}, Verdict: protocol.Ask, Reason: "personal data"},
		{Name: "nothing is destroyed", Effects: protocol.Destroy | protocol.Schema | protocol.Access, Verdict: protocol.Deny},
	}
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
