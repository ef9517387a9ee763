package approve

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// The oracle judges as the documentation says, one effect of one object at a
// time, with the regular expressions that the patterns stand for.
func oracle(rules []Rule, who identity.Principal, target string, op *protocol.Operation) protocol.Verdict {
	for _, verdict := range []protocol.Verdict{protocol.Deny, protocol.Ask} {
		for _, r := range rules {
			if r.Verdict == verdict && oracleApplies(r, who, target, op.Verb) && oracleTouches(rules, r, who, target, op) {
				return verdict
			}
		}
	}
	var allow []Rule
	for _, r := range rules {
		if r.Verdict == protocol.Allow && oracleApplies(r, who, target, op.Verb) {
			allow = append(allow, r)
		}
	}
	carried := map[protocol.Effects]bool{}
	for _, o := range op.Objects {
		named := false
		for _, r := range allow {
			named = named || oracleNames(r, o)
		}
		if !named {
			return protocol.Deny
		}
		for _, e := range bits(o.Effects) {
			carried[e] = true
			ok := false
			for _, r := range allow {
				ok = ok || oracleNames(r, o) && (r.Effects == 0 || r.Effects.Has(e))
			}
			if !ok {
				return protocol.Deny
			}
		}
	}
	for _, e := range bits(op.Effects) {
		ok := carried[e]
		for _, r := range allow {
			ok = ok || len(r.Objects) == 0 && (r.Effects == 0 || r.Effects.Has(e))
		}
		if !ok {
			return protocol.Deny
		}
	}
	if len(allow) == 0 {
		return protocol.Deny
	}
	return protocol.Allow
}

func bits(e protocol.Effects) (list []protocol.Effects) {
	for b := protocol.Read; b <= protocol.Opaque; b <<= 1 {
		if e.Any(b) {
			list = append(list, b)
		}
	}
	return list
}

func oracleMatch(pattern, s string, fold bool) bool {
	key := fmt.Sprint(fold, pattern)
	if re, ok := oracleExprs.Load(key); ok {
		return re.(*regexp.Regexp).MatchString(s)
	}
	expr := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	flags := "(?s)"
	if fold {
		flags = "(?si)"
	}
	re := regexp.MustCompile(flags + "^" + expr + "$")
	oracleExprs.Store(key, re)
	return re.MatchString(s)
}

var oracleExprs sync.Map

func oracleList(list []string, fold bool, candidates ...string) bool {
	for _, pattern := range list {
		for _, c := range candidates {
			if oracleMatch(pattern, c, fold) {
				return true
			}
		}
	}
	return len(list) == 0
}

func oracleApplies(r Rule, who identity.Principal, target, verb string) bool {
	return oracleList(r.Principals, false, who.Subject, who.String(), who.ID()) &&
		oracleList(r.Groups, false, who.Groups...) &&
		oracleList(r.Targets, false, target) && oracleList(r.Verbs, true, verb)
}

func oracleTouches(rules []Rule, r Rule, who identity.Principal, target string, op *protocol.Operation) bool {
	all := op.Effects
	var carried protocol.Effects
	for _, o := range op.Objects {
		all |= o.Effects
		carried |= o.Effects
	}
	if len(r.Objects) == 0 {
		return r.Effects == 0 || all.Any(r.Effects)
	}
	if op.Effects.Any(protocol.Code | protocol.Opaque) {
		return true
	}
	for _, o := range op.Objects {
		if r.Effects != 0 && !o.Effects.Any(r.Effects) && !(op.Effects &^ carried).Any(r.Effects) {
			continue
		}
		for _, pattern := range r.Objects {
			parts := strings.Split(o.Name, ".")
			for i := range parts {
				if oracleMatch(pattern, strings.Join(parts[i:], "."), true) {
					return true
				}
			}
			last := pattern[strings.LastIndex(pattern, ".")+1:]
			if last != pattern && len(parts) == 1 && !o.Resolved && oracleMatch(last, o.Name, true) &&
				(o.Kind != "function" || last != "*") {
				named := false
				for _, a := range rules {
					named = named || a.Verdict == protocol.Allow && oracleApplies(a, who, target, op.Verb) && slices.Contains(lowered(a.Objects), o.Name)
				}
				if !named || !strings.ContainsAny(last, "*?") {
					return true
				}
			}
		}
	}
	return false
}

func lowered(list []string) (low []string) {
	for _, s := range list {
		low = append(low, strings.ToLower(s))
	}
	return low
}

func oracleNames(r Rule, o protocol.Object) bool {
	for _, pattern := range r.Objects {
		name := o.Name
		if !strings.Contains(pattern, ".") && pattern != "*" {
			name = strings.TrimPrefix(name, "public.")
			if strings.Contains(name, ".") {
				continue
			}
		}
		if oracleMatch(strings.ToLower(pattern), name, false) {
			return true
		}
	}
	return len(r.Objects) == 0
}

func TestPolicyAgreesWithOracle(t *testing.T) {
	rounds := 20_000
	if os.Getenv("SALLYPORT_SOAK") != "" {
		rounds = 4_000_000
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	pick := func(from []string, most int) []string {
		var list []string
		for range rnd.IntN(most + 1) {
			list = append(list, from[rnd.IntN(len(from))])
		}
		return list
	}
	effects := func() (e protocol.Effects) {
		for range rnd.IntN(3) {
			e |= 1 << rnd.IntN(8)
		}
		if rnd.IntN(3) > 0 {
			e &^= protocol.Code | protocol.Opaque
		}
		return e
	}
	patterns := []string{"a", "A", "b", "*", "a*", "?", "s.a", "S.B", "s.*", "public.a", "*.b", "public.*", "s*"}
	objects := []string{"a", "b", "A", "public.a", "public.b", "s.a", "s.b", "s.A", "x.b", "public.s.a", "sa"}
	principals := []identity.Principal{
		{Issuer: "i", Subject: "u", Name: "n", Groups: []string{"g", "h"}}, {Issuer: "j", Subject: "u"}, {Issuer: "i", Subject: "v", Groups: []string{"h"}},
	}
	var seen [3]int
	for range rounds {
		rules := make([]Rule, rnd.IntN(6))
		for i := range rules {
			rules[i] = Rule{
				Name: fmt.Sprint(i), Principals: pick([]string{"u", "n", "i|*", "j|u", "?"}, 1), Groups: pick([]string{"g", "h", "*"}, 1),
				Targets: pick([]string{"t", "*"}, 1), Verbs: pick([]string{"SEL*", "insert", "?e*"}, 1), Effects: effects(),
				Objects: pick(patterns, 2), Verdict: protocol.Verdict(min(rnd.IntN(6), 2)),
			}
		}
		who := principals[rnd.IntN(len(principals))]
		op := &protocol.Operation{Verb: []string{"select", "insert", "delete"}[rnd.IntN(3)], Effects: effects()}
		for _, name := range pick(objects, 3) {
			o := protocol.Object{Kind: []string{"table", "function", ""}[rnd.IntN(3)], Name: name, Effects: effects(), Resolved: rnd.IntN(2) == 0}
			op.Objects = append(op.Objects, o)
			if rnd.IntN(8) > 0 {
				op.Effects |= o.Effects
			}
		}
		p, err := NewPolicy(rules...)
		require.NoError(t, err)
		got, want := p.Decide(who, "t", op), oracle(rules, who, "t", op)
		require.Equal(t, want, got.Verdict, "rules %+v\nprincipal %+v\noperation %+v", rules, who, op)
		if got.Rule != "" {
			named := rules[int(got.Rule[0]-'0')]
			require.Equal(t, want, named.Verdict)
		}
		seen[want]++
	}
	for verdict, n := range seen {
		assert.Greater(t, n, rounds/50, "the cases hardly try %s", protocol.Verdict(verdict))
	}
}

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern, s string
		fold, want bool
	}{
		{"", "", false, true}, {"", "a", false, false}, {"*", "", false, true}, {"**", "a.b/c", false, true},
		{"a*c", "abbc", false, true}, {"a*c", "abcb", false, false}, {"*a*b*a*", "xxaxxbxxa", false, true},
		{"?", "é", false, true}, {"?", "\xff", false, true}, {"�", "\xff", false, false}, {"??", "é", false, false},
		{"[a]", "a", false, false}, {"[a]", "[a]", false, true}, {`\*`, `\x`, false, true},
		{"ABC", "abc", true, true}, {"ABC", "abc", false, false}, {"straße", "STRAßE", true, true}, {"k", "\u212a", true, true},
		{"*é", "xÉ", true, true}, {"a?c*", "abc", true, true}, {"*", "\n", false, true},
	}
	for _, tt := range tests {
		g := newGlob(tt.pattern, tt.fold)
		assert.Equal(t, tt.want, g.match(tt.s), "%q %q", tt.pattern, tt.s)
	}
}

func TestObjectNames(t *testing.T) {
	tests := []struct {
		pattern, kind, name string
		resolved            bool
		allow, deny         bool
	}{
		{"customers", "table", "customers", true, true, true},
		{"customers", "table", "public.customers", true, true, true},
		{"customers", "table", "x.customers", true, false, true},
		{"customers", "table", "db.x.customers", true, false, true},
		{"Customers", "table", "customers", true, true, true},
		{"customers", "table", "Customers", true, false, true},
		{`"Customers"`, "table", "public.Customers", true, true, true},
		{`"Customers"`, "table", `public."Customers"`, true, true, true},
		{`"Customers"`, "table", "customers", true, false, true},
		{`hr."Pay.Roll"`, "table", `hr."Pay.Roll"`, true, true, true},
		{`"a*"`, "table", "abc", true, false, false},
		{`"a*"`, "table", "a*", true, true, true},
		{`"a""b"`, "table", `"a""b"`, true, true, true},
		{`"a""b"`, "table", `a"b`, true, true, true},
		{"ab", "table", `a"b`, true, false, false},
		{"cust*", "table", "customers", true, true, true},
		{"cust*", "table", "custom.secrets", true, false, true},
		{"hr.payroll", "table", "payroll", false, false, true},
		{"hr.payroll", "table", "payroll", true, false, false},
		{"hr.*", "table", "payroll", false, false, true},
		{"hr.*", "function", "count", false, false, false},
		{"hr.count", "function", "count", false, false, true},
		{"table:x", "function", "x", true, false, false},
		{"table:x", "view", "x", true, false, true},
		{"function:x", "function", "public.x", true, true, true},
		{"/Data/*", "path", "/Data/a/b.txt", true, true, true},
		{"/Data/*", "path", "/data/a", true, false, true},
		{"arn:aws:s3:::B/*", "arn", "arn:aws:s3:::B/k", true, true, true},
		{"path:notes.txt", "path", "notes.txt", true, true, true},
		{"*", "table", "hr.payroll", true, true, true},
		{"table:*", "table", "hr.payroll", true, true, true},
	}
	for _, tt := range tests {
		o, err := newObjectPattern(tt.pattern)
		require.NoError(t, err)
		obj := touch(nil, []protocol.Object{{Kind: tt.kind, Name: tt.name, Resolved: tt.resolved}})
		assert.Equal(t, tt.allow, o.covers(&obj[0]), "allow %q %q", tt.pattern, tt.name)
		assert.Equal(t, tt.deny, o.hits(&obj[0]) != miss, "deny %q %q", tt.pattern, tt.name)
	}
}

func twentyRules(t testing.TB) *Policy {
	var rules []Rule
	for i := range 8 {
		rules = append(rules,
			Rule{Name: fmt.Sprint("deny", i), Groups: []string{"agents"}, Targets: []string{"shop*"}, Objects: []string{fmt.Sprintf("hr.t%d", i), "audit.*"}},
			Rule{Name: fmt.Sprint("allow", i), Groups: []string{"agents"}, Targets: []string{"shop*"}, Effects: protocol.Read, Objects: []string{fmt.Sprintf("public.t%d", i)}, Verdict: protocol.Allow})
	}
	for i := range 4 {
		rules = append(rules, Rule{Name: fmt.Sprint("ask", i), Principals: []string{"c*"}, Verbs: []string{"drop*", "truncate"}, Verdict: protocol.Ask})
	}
	return policy(t, rules...)
}

func TestDecideDoesNotAllocate(t *testing.T) {
	p := twentyRules(t)
	op := operation("select", 0, table("public.t7", protocol.Read), table("public.t1", protocol.Read))
	require.Equal(t, protocol.Allow, p.Decide(agent, "shop", op).Verdict)
	assert.Zero(t, testing.AllocsPerRun(100, func() { p.Decide(agent, "shop", op) }))
}

func BenchmarkDecide(b *testing.B) {
	p := twentyRules(b)
	op := operation("select", 0, table("public.t7", protocol.Read), table("public.t1", protocol.Read))
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(agent, "shop", op)
	}
}
