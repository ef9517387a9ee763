package proxytest

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Case is a line of a policy table: what a policy must say of an operation.
type Case struct {
	// Name says what the case is about; empty means its verb and text.
	Name      string
	Principal identity.Principal
	Target    string
	Operation protocol.Operation
	// Want is the verdict that must come out.
	Want protocol.Verdict
	// Rule, where not empty, is the rule that must have decided.
	Rule string
}

// Policy compiles rules and tries them on each case, as a subtest of its own.
func Policy(t *testing.T, rules []approve.Rule, cases []Case) {
	t.Helper()
	policy, err := approve.NewPolicy(rules...)
	if err != nil {
		t.Fatalf("proxytest: the rules have mistakes: %v", err)
	}
	for i, c := range cases {
		name := c.Name
		if name == "" {
			name = fmt.Sprintf("%s %s", c.Operation.Verb, c.Operation.Text)
		}
		t.Run(name, func(t *testing.T) {
			if err := try(policy, &cases[i]); err != nil {
				t.Error(err)
			}
		})
	}
}

func try(policy *approve.Policy, c *Case) error {
	d := policy.Decide(c.Principal, c.Target, &c.Operation)
	if d.Verdict == c.Want && (c.Rule == "" || c.Rule == d.Rule) {
		return nil
	}
	want := c.Want.String()
	if c.Rule != "" {
		want += fmt.Sprintf(" by rule %q", c.Rule)
	}
	return fmt.Errorf("%s on %s: %s %q (%s on %v): %s by rule %q (%s), want %s", c.Principal, c.Target, c.Operation.Verb, c.Operation.Text,
		c.Operation.Effects, c.Operation.Objects, d.Verdict, d.Rule, d.Reason, want)
}
