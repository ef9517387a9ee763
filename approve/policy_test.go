package approve

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

var agent = identity.Principal{Issuer: "https://id.example", Subject: "42", Name: "coder", Groups: []string{"agents"}}

func policy(t testing.TB, rules ...Rule) *Policy {
	t.Helper()
	p, err := NewPolicy(rules...)
	require.NoError(t, err)
	return p
}

func table(name string, e protocol.Effects) protocol.Object {
	return protocol.Object{Kind: "table", Name: name, Effects: e, Resolved: true}
}

func operation(verb string, loose protocol.Effects, objects ...protocol.Object) *protocol.Operation {
	op := &protocol.Operation{Verb: verb, Effects: loose, Objects: objects}
	for _, o := range objects {
		op.Effects |= o.Effects
	}
	return op
}

func TestDecide(t *testing.T) {
	const (
		read, write, destroy = protocol.Read, protocol.Write, protocol.Destroy
		code, opaque         = protocol.Code, protocol.Opaque
	)
	readCustomers := Rule{Name: "c", Effects: read, Objects: []string{"customers"}, Verdict: protocol.Allow}
	readOrders := Rule{Name: "o", Effects: read, Objects: []string{"orders"}, Verdict: protocol.Allow}
	all := Rule{Name: "all", Verdict: protocol.Allow}
	noPayroll := Rule{Name: "payroll", Objects: []string{"hr.payroll"}}
	bare := protocol.Object{Kind: "table", Name: "payroll", Effects: read}
	tests := []struct {
		name  string
		rules []Rule
		op    *protocol.Operation
		want  protocol.Verdict
		rule  string
	}{
		{"no rules", nil, operation("select", read), protocol.Deny, ""},
		{"one rule covers", []Rule{readCustomers}, operation("select", read, table("public.customers", read)), protocol.Allow, "c"},
		{"two rules cover a join", []Rule{readCustomers, readOrders}, operation("select", 0, table("orders", read), table("customers", read)), protocol.Allow, "c"},
		{"half a join", []Rule{readCustomers}, operation("select", 0, table("orders", read), table("customers", read)), protocol.Deny, ""},
		{"write needs its own rule", []Rule{readOrders}, operation("update", 0, table("orders", read|write)), protocol.Deny, ""},
		{"read and write by two rules", []Rule{readOrders, {Name: "w", Effects: write, Objects: []string{"orders"}, Verdict: protocol.Allow}},
			operation("update", 0, table("orders", read|write)), protocol.Allow, "o"},
		{"a loose effect needs a rule without objects", []Rule{readOrders}, operation("select", read), protocol.Deny, ""},
		{"code in a select", []Rule{{Name: "r", Effects: read, Verdict: protocol.Allow}}, operation("select", code, table("orders", read)), protocol.Deny, ""},
		{"code allowed", []Rule{all}, operation("select", code, table("orders", read)), protocol.Allow, "all"},
		{"nothing to nothing", []Rule{readOrders}, operation("begin", 0), protocol.Allow, "o"},
		{"nothing to nothing, other verb", []Rule{{Name: "s", Verbs: []string{"select"}, Verdict: protocol.Allow}}, operation("begin", 0), protocol.Deny, ""},
		{"verbs fold", []Rule{{Name: "s", Verbs: []string{"COPY *"}, Verdict: protocol.Allow}}, operation("copy in", read), protocol.Allow, "s"},
		{"deny beats allow", []Rule{all, noPayroll}, operation("select", 0, table("hr.payroll", read)), protocol.Deny, "payroll"},
		{"deny beats ask", []Rule{{Name: "a", Verdict: protocol.Ask}, noPayroll}, operation("select", 0, table("HR.Payroll", read)), protocol.Deny, "payroll"},
		{"ask beats allow", []Rule{all, {Name: "a", Effects: destroy, Verdict: protocol.Ask}}, operation("drop", 0, table("orders", destroy|protocol.Schema)), protocol.Ask, "a"},
		{"first ask is named", []Rule{{Name: "a", Effects: destroy, Verdict: protocol.Ask}, {Name: "b", Verdict: protocol.Ask}}, operation("drop", destroy), protocol.Ask, "a"},
		{"other schema", []Rule{all, noPayroll}, operation("select", 0, table("public.payroll", read)), protocol.Allow, "all"},
		{"bare name that may be the one", []Rule{all, noPayroll}, operation("select", 0, bare), protocol.Deny, "payroll"},
		{"bare name in a closed schema", []Rule{all, {Name: "hr", Objects: []string{"hr.*"}}}, operation("select", 0, bare), protocol.Deny, "hr"},
		{"bare name that an allow rule names", []Rule{{Name: "p", Objects: []string{"payroll"}, Verdict: protocol.Allow}, {Name: "hr", Objects: []string{"hr.*"}}},
			operation("select", 0, bare), protocol.Allow, "p"},
		{"bare name that both name", []Rule{{Name: "p", Objects: []string{"payroll"}, Verdict: protocol.Allow}, noPayroll}, operation("select", 0, bare), protocol.Deny, "payroll"},
		{"bare name that an allow rule for others names", []Rule{all, {Name: "p", Objects: []string{"payroll"}, Groups: []string{"x"}, Verdict: protocol.Allow}, {Name: "hr", Objects: []string{"hr.*"}}},
			operation("select", 0, bare), protocol.Deny, "hr"},
		{"deny of another effect", []Rule{all, {Name: "d", Effects: write, Objects: []string{"customers"}}},
			operation("update", 0, table("orders", write), table("customers", read)), protocol.Allow, "all"},
		{"loose effect may be on any object", []Rule{all, {Name: "d", Effects: destroy, Objects: []string{"customers"}}},
			operation("x", destroy, table("customers", read)), protocol.Deny, "d"},
		{"opaque matches rules with objects", []Rule{all, noPayroll}, operation("unknown", opaque), protocol.Deny, "payroll"},
		{"code matches rules with objects", []Rule{all, noPayroll}, operation("do", code), protocol.Deny, "payroll"},
		{"unknown bits are opaque", []Rule{{Name: "r", Effects: read | opaque, Verdict: protocol.Allow}}, operation("select", read|1<<12), protocol.Allow, "r"},
		{"unknown bits are not nothing", []Rule{{Name: "r", Effects: read, Verdict: protocol.Allow}}, operation("select", read|1<<12), protocol.Deny, ""},
		{"everything, spelled out, is not nothing", []Rule{all, {Name: "d", Effects: protocol.Everything}}, operation("begin", 0), protocol.Allow, "all"},
		{"effects of an object alone deny", []Rule{all, {Name: "d", Effects: destroy}}, &protocol.Operation{Verb: "x", Objects: []protocol.Object{table("t", destroy)}}, protocol.Deny, "d"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := policy(t, tt.rules...)
			d := p.Decide(agent, "shop", tt.op)
			assert.Equal(t, tt.want, d.Verdict, d.Reason)
			assert.Equal(t, tt.rule, d.Rule)
			assert.Equal(t, p.Digest(), d.Policy)
		})
	}
}

// Dots and quotes mean nothing in the names of files and programs.
func TestNamesThatAreNotSQL(t *testing.T) {
	for _, tc := range []struct {
		pattern, kind, name string
		allowed, denied     bool // by an allow rule, by a deny rule
	}{
		{"notes", "path", "notes", true, true},
		{"notes", "path", "public.notes", false, false},
		{"notes", "path", "a.notes", false, false},
		{"public.notes", "path", "notes", false, false},
		{`"notes"`, "path", "notes", false, false},
		{"Notes", "path", "Notes", true, true},
		{"Notes", "path", "notes", false, true},
		{"/etc/*", "path", "/etc/passwd", true, true},
		{"/etc/*", "path", "/etcetera", false, false},
		{"path:/etc/*", "command", "/etc/x", false, false},
		{"command:rm", "command", "rm", true, true},
		{"command:rm", "path", "rm", false, false},
		{"rm", "command", "rm", true, true},
		{"10.0.0.1:22", "address", "10.0.0.1:22", true, true},
		{"address:10.0.0.1:*", "address", "10.0.0.1:22", true, true},
		{"*", "command", "a.b", true, true},
	} {
		op := &protocol.Operation{Verb: "exec", Effects: protocol.Read, Objects: []protocol.Object{{Kind: tc.kind, Name: tc.name, Effects: protocol.Read}}}
		allow := policy(t, Rule{Name: "a", Verdict: protocol.Allow, Objects: []string{tc.pattern}}).Decide(identity.Principal{}, "t", op)
		assert.Equal(t, tc.allowed, allow.Verdict == protocol.Allow, "allow %q for %s %q", tc.pattern, tc.kind, tc.name)
		deny := policy(t, Rule{Name: "d", Objects: []string{tc.pattern}}, Rule{Name: "all", Verdict: protocol.Allow}).Decide(identity.Principal{}, "t", op)
		assert.Equal(t, tc.denied, deny.Verdict == protocol.Deny, "deny %q for %s %q", tc.pattern, tc.kind, tc.name)
	}
}

func TestGuessesSayHowToBeClear(t *testing.T) {
	p := policy(t, Rule{Name: "all", Verdict: protocol.Allow}, Rule{Name: "hr", Objects: []string{"hr.*"}, Reason: "ask HR"})
	bare := protocol.Object{Kind: "table", Name: "orders", Effects: protocol.Read}
	assert.Equal(t, "ask HR; a name without its schema may mean what the rule names, so write the schema", p.Decide(agent, "shop", operation("select", 0, bare)).Reason)
	assert.Equal(t, "ask HR", p.Decide(agent, "shop", operation("select", 0, bare, table("hr.x", protocol.Read))).Reason)
	assert.Equal(t, protocol.Allow, p.Decide(agent, "shop", operation("select", 0, table("public.orders", protocol.Read))).Verdict)
}

func TestWhom(t *testing.T) {
	tests := []struct {
		name string
		rule Rule
		want bool
	}{
		{"anyone", Rule{}, true},
		{"name", Rule{Principals: []string{"coder"}}, true},
		{"subject", Rule{Principals: []string{"42"}}, true},
		{"id", Rule{Principals: []string{"https://id.example|42"}}, true},
		{"id with wildcard", Rule{Principals: []string{"https://id.example|*"}}, true},
		{"other issuer", Rule{Principals: []string{"https://id.exampl|e42"}}, false},
		{"case counts", Rule{Principals: []string{"Coder"}}, false},
		{"group", Rule{Groups: []string{"people", "agent?"}}, true},
		{"not in group", Rule{Groups: []string{"people"}}, false},
		{"group and principal", Rule{Groups: []string{"agents"}, Principals: []string{"someone"}}, false},
		{"target", Rule{Targets: []string{"sh*"}}, true},
		{"other target", Rule{Targets: []string{"shops"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.rule.Name, tt.rule.Verdict = "r", protocol.Allow
			d := policy(t, tt.rule).Decide(agent, "shop", operation("begin", 0))
			assert.Equal(t, tt.want, d.Verdict == protocol.Allow)
		})
	}
}

func TestAskCarriesItsSettings(t *testing.T) {
	approvers := []string{"dba"}
	p := policy(t, Rule{Name: "a", Verdict: protocol.Ask, Reason: "careful", Approvers: approvers, Timeout: time.Minute})
	approvers[0] = "changed"
	d := p.Decide(agent, "shop", operation("drop", protocol.Destroy))
	assert.Equal(t, protocol.Decision{
		Verdict: protocol.Ask, Rule: "a", Reason: "careful", Policy: p.Digest(), Approvers: []string{"dba"}, Timeout: time.Minute,
	}, d)
}

func TestMaxBytesIsTheSmallestOfTheRulesThatAreNeeded(t *testing.T) {
	file := func(effects protocol.Effects) *protocol.Operation {
		return &protocol.Operation{Verb: "open", Effects: effects, Objects: []protocol.Object{{Kind: "path", Name: "/srv/a", Effects: effects}}}
	}
	for _, tc := range []struct {
		name  string
		rules []Rule
		op    *protocol.Operation
		want  int64
	}{
		{"none", []Rule{{Name: "a", Verdict: protocol.Allow}}, file(protocol.Read), 0},
		{"one", []Rule{{Name: "a", Verdict: protocol.Allow, MaxBytes: 7}}, file(protocol.Read), 7},
		{"two that share the effects", []Rule{
			{Name: "r", Verdict: protocol.Allow, Effects: protocol.Read, MaxBytes: 9}, {Name: "w", Verdict: protocol.Allow, Effects: protocol.Write, MaxBytes: 7},
		}, file(protocol.Read | protocol.Write), 7},
		{"one of them without", []Rule{
			{Name: "r", Verdict: protocol.Allow, Effects: protocol.Read, MaxBytes: 9}, {Name: "w", Verdict: protocol.Allow, Effects: protocol.Write},
		}, file(protocol.Read | protocol.Write), 9},
		{"not needed", []Rule{{Name: "a", Verdict: protocol.Allow}, {Name: "b", Verdict: protocol.Allow, MaxBytes: 7}}, file(protocol.Read), 0},
		{"no effects", []Rule{{Name: "a", Verdict: protocol.Allow, MaxBytes: 5}}, &protocol.Operation{Verb: "begin"}, 5},
		{"ask", []Rule{{Name: "a", Verdict: protocol.Ask, MaxBytes: 3}}, file(protocol.Read), 3},
		{"denied", []Rule{{Name: "a", Verdict: protocol.Deny}}, file(protocol.Read), 0},
	} {
		assert.Equal(t, tc.want, policy(t, tc.rules...).Decide(identity.Principal{}, "t", tc.op).MaxBytes, tc.name)
	}
	_, err := NewPolicy(Rule{Name: "a", Verdict: protocol.Allow, MaxBytes: -1}, Rule{Name: "b", MaxBytes: 1})
	assert.ErrorContains(t, err, `rule "a": MaxBytes is negative`)
	assert.ErrorContains(t, err, `rule "b": MaxBytes is for allow and ask rules`)
	one := policy(t, Rule{Name: "a", Verdict: protocol.Allow, MaxBytes: 1}).Digest()
	assert.NotEqual(t, one, policy(t, Rule{Name: "a", Verdict: protocol.Allow, MaxBytes: 2}).Digest())
	assert.NotEqual(t, one, policy(t, Rule{Name: "a", Verdict: protocol.Allow}).Digest())
}

func TestZeroPolicyDenies(t *testing.T) {
	var none *Policy
	for _, p := range []*Policy{none, {}} {
		assert.Equal(t, protocol.Deny, p.Decide(agent, "shop", operation("begin", 0)).Verdict)
		assert.Empty(t, p.Claims("shop"))
		assert.Empty(t, p.Digest())
	}
}

func TestMistakesAreJoined(t *testing.T) {
	_, err := NewPolicy(
		Rule{Verdict: protocol.Allow},
		Rule{Name: "a", Principals: []string{""}, Objects: []string{"", `"open`, "table:"}},
		Rule{Name: "a", Verdict: 7},
		Rule{Name: "deny", Approvers: []string{"x"}, Timeout: time.Second},
		Rule{Name: "ask", Verdict: protocol.Ask, Approvers: []string{""}, Timeout: -1},
		Rule{Name: "bits", Effects: 1 << 14, Verbs: []string{"\xff"}},
		Rule{Name: "rtl\u202e"},
	)
	require.Error(t, err)
	for _, part := range []string{
		"rule 1: it has no name", `rule "a": Principals has an empty entry`, `rule "a": Objects: an entry is empty`,
		"quote that is not closed", `rule "a": another rule has the same name`, `rule "a": Verdict 7`,
		`rule "deny": Approvers is for ask rules; this one says deny`, `rule "deny": Timeout is for ask`,
		`rule "ask": Timeout is negative`, `rule "ask": Approvers has an empty entry`,
		`rule "bits": Effects has bits`, `rule "bits": Verbs: "\xff" is not UTF-8`, "cannot be seen",
	} {
		assert.ErrorContains(t, err, part)
	}
}

func TestClaims(t *testing.T) {
	p := policy(t,
		Rule{Name: "one", Objects: []string{"hr.payroll", "hr.*", `"Odd*Name"`, "function:pg_sleep"}},
		Rule{Name: "two", Objects: []string{"old"}, Optional: true},
		Rule{Name: "three", Objects: []string{"elsewhere"}, Targets: []string{"other"}},
		Rule{Name: "four", Objects: []string{"/etc/passwd", "arn:aws:s3:::b"}, Targets: []string{"sh*"}, Principals: []string{"x"}},
	)
	assert.Equal(t, []protocol.Claim{
		{Source: `rule "one"`, Kind: "table", Name: "hr.payroll"},
		{Source: `rule "one"`, Kind: "table", Name: `"Odd*Name"`},
		{Source: `rule "one"`, Kind: "function", Name: "pg_sleep"},
		{Source: `rule "four"`, Kind: "path", Name: "/etc/passwd"},
		{Source: `rule "four"`, Kind: "arn", Name: "arn:aws:s3:::b"},
	}, p.Claims("shop"))
}

func TestDigest(t *testing.T) {
	base := Rule{Name: "a", Groups: []string{"x", "y"}, Verdict: protocol.Allow}
	d := policy(t, base).Digest()
	assert.Equal(t, "37bda42918e1f2b2dc7ab8e43be65c56ed23c7e23a491b8b6b21c1d4cc0af8e9", d, "a change here means that old records name other digests for the same rules")
	same := base
	same.Groups = []string{"y", "x", "x"}
	assert.Equal(t, d, policy(t, same).Digest())
	for name, change := range map[string]func(*Rule){
		"name":       func(r *Rule) { r.Name = "b" },
		"principals": func(r *Rule) { r.Principals = []string{"x"} },
		"groups":     func(r *Rule) { r.Groups = []string{"xy"} },
		"moved":      func(r *Rule) { r.Groups, r.Targets = nil, r.Groups },
		"verbs":      func(r *Rule) { r.Verbs = []string{"x"} },
		"effects":    func(r *Rule) { r.Effects = protocol.Read },
		"everything": func(r *Rule) { r.Effects = protocol.Everything },
		"objects":    func(r *Rule) { r.Objects = []string{"x"} },
		"verdict":    func(r *Rule) { r.Verdict = protocol.Deny },
		"reason":     func(r *Rule) { r.Reason = "x" },
		"optional":   func(r *Rule) { r.Optional = true },
	} {
		r := base
		change(&r)
		assert.NotEqual(t, d, policy(t, r).Digest(), name)
	}
}
