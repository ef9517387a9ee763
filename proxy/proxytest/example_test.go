package proxytest_test

import (
	"fmt"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/proxy/proxytest"
	"testing"
)

// A policy is tried without a gateway, by a table: in a test file this is
// func TestPolicy(t *testing.T).
func ExamplePolicy() {
	test := func(t *testing.T) {
		rules := []approve.Rule{
			{Name: "agents-read", Groups: []string{"agents"}, Effects: protocol.Read, Verdict: protocol.Allow},
			{Name: "no-payroll", Objects: []string{"payroll"}, Verdict: protocol.Deny},
		}
		agent := identity.Principal{Issuer: "https://id.example", Subject: "agent-7", Groups: []string{"agents"}}
		payroll := protocol.Object{Kind: "table", Name: "hr.payroll", Effects: protocol.Read}
		proxytest.Policy(t, rules, []proxytest.Case{
			{Name: "reads", Principal: agent, Target: "shop", Want: protocol.Allow,
				Operation: protocol.Operation{Verb: "select", Effects: protocol.Read}},
			{Name: "not the payroll", Principal: agent, Target: "shop", Want: protocol.Deny, Rule: "no-payroll",
				Operation: protocol.Operation{Verb: "select", Effects: protocol.Read, Objects: []protocol.Object{payroll}}},
		})
	}
	fmt.Println(testing.RunTests(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "TestPolicy", F: test}}))
	// Output: true
}
