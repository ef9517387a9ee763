package approve

import (
	"errors"
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Rule says what is decided for the operations that it matches.
//
// Each list left empty matches everything; a list matches where one of its
// patterns does, and a rule applies where all of its lists do. In a pattern
// "*" stands for any text, dots and slashes included, "?" for one character,
// and everything else for itself. Verbs and object names are compared without
// regard to case, the others with.
type Rule struct {
	// Name is what people read in denials, questions and the record. Required, unique.
	Name string
	// Principals match a principal's name, subject or "issuer|subject". Where
	// several issuers are trusted, only the last tells their subjects apart.
	Principals []string
	// Groups match if the principal is in one of them.
	Groups []string
	// Targets match the target's name.
	Targets []string
	// Verbs match the operation's verb.
	Verbs []string
	// Effects: a deny or ask rule matches an operation that has any of them;
	// an allow rule allows these effects and no others. Zero means any.
	Effects protocol.Effects
	// Objects: a deny or ask rule matches an operation that touches any of
	// them (with one of Effects, where both are given); an allow rule allows
	// these objects and no others. The package documentation says how names
	// with and without a schema compare.
	Objects []string
	// Verdict is what the rule says: Allow, Ask or Deny (the zero value).
	Verdict protocol.Verdict
	// Reason is shown to the client and to approvers.
	Reason string
	// Approvers names the approvers to ask; empty means all. Ask rules only.
	Approvers []string
	// Timeout is how long an ask waits; zero means the gateway's default.
	// Ask rules only.
	Timeout time.Duration
	// MaxBytes is how many bytes may stream under an operation in each
	// direction (a file, standard input and output, rows); zero means any
	// number. Where several allow rules together allow an operation, the
	// smallest of theirs holds. Not for deny rules.
	MaxBytes int64
	// Optional says that a target may lack the objects that the rule names.
	Optional bool
}

// Policy is a compiled list of rules: deny beats ask beats allow, and what no
// rule matches is denied. A Policy does not change and is safe for concurrent
// use. A nil or zero Policy denies everything.
type Policy struct {
	deny, ask, allow []rule
	all              []rule // as given, for Claims
	digest           string
}

// NewPolicy compiles rules; the error joins all mistakes, each naming its
// rule. It keeps nothing of the caller's slices.
func NewPolicy(rules ...Rule) (*Policy, error) {
	p := &Policy{}
	var errs []error
	names := make(map[string]bool, len(rules))
	for i := range rules {
		r, err := compile(i, &rules[i], names)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.all = append(p.all, r)
		switch r.verdict {
		case protocol.Deny:
			p.deny = append(p.deny, r)
		case protocol.Ask:
			p.ask = append(p.ask, r)
		case protocol.Allow:
			p.allow = append(p.allow, r)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	p.digest = digest(rules)
	return p, nil
}

// Decide judges one operation. It does not ask anybody. The decision's
// Approvers belong to the policy: the caller must not change them.
//
// Where several rules of the deciding verdict match, the first listed is named.
// Decide does not look at the operation's Refuse, which is the engine's to honour.
func (p *Policy) Decide(who identity.Principal, target string, op *protocol.Operation) protocol.Decision {
	if p == nil {
		return protocol.Decision{}
	}
	var few [8]touched // keeps the usual operation off the heap
	do := act{
		policy: p, who: &who, target: target, verb: op.Verb,
		effects: known(op.Effects), objects: touch(few[:0], op.Objects),
	}
	for i := range do.objects {
		do.carried |= do.objects[i].effects
	}
	for _, rules := range [...][]rule{p.deny, p.ask} {
		for i := range rules {
			r := &rules[i]
			if !r.applies(&who, target, do.verb) {
				continue
			}
			switch r.touches(&do) {
			case full:
				return p.decided(r)
			case bySchema, byBareName:
				d := p.decided(r)
				if d.Reason != "" {
					d.Reason += "; "
				}
				d.Reason += "a name without its schema may mean what the rule names, so write the schema"
				return d
			}
		}
	}
	r, most, reason := p.cover(&do)
	if r == nil {
		return protocol.Decision{Reason: reason, Policy: p.digest}
	}
	d := p.decided(r)
	d.MaxBytes = most
	return d
}

func (p *Policy) decided(r *rule) protocol.Decision {
	return protocol.Decision{
		Verdict: r.verdict, Rule: r.name, Reason: r.reason, Policy: p.digest,
		Approvers: r.approvers, Timeout: r.timeout, MaxBytes: r.most,
	}
}

// Claims returns the objects that the rules name exactly and that are not
// optional, for the given target, whoever the principal. Names are as the rule
// has them, without a kind in front. The kind is the one that the rule gives,
// else "arn" or "path" for names that look like one, else "table".
func (p *Policy) Claims(target string) []protocol.Claim {
	if p == nil {
		return nil
	}
	var claims []protocol.Claim
	for i := range p.all {
		r := &p.all[i]
		if r.optional || !matchAny(r.targets, target) {
			continue
		}
		for _, o := range r.objects {
			if o.exact() {
				claims = append(claims, protocol.Claim{Source: r.source, Kind: o.claimKind(), Name: o.given})
			}
		}
	}
	return claims
}

// Digest identifies the rules in force, in hex: equal rules in the same order
// have the same digest in every process. It is empty for a zero Policy.
func (p *Policy) Digest() string {
	if p == nil {
		return ""
	}
	return p.digest
}
