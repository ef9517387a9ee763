package approve

import (
	"time"

	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Rule says what is decided for the operations that it matches. Each list
// left empty matches everything; patterns are as in path.Match, with "*"
// matching any text.
type Rule struct {
	// Name is what people read in denials, questions and the record. Required, unique.
	Name string
	// Principals match a principal's name, subject or "issuer|subject".
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
	// them; an allow rule allows these objects and no others.
	Objects []string
	// Verdict is what the rule says: Allow, Ask or Deny (the zero value).
	Verdict protocol.Verdict
	// Reason is shown to the client and to approvers.
	Reason string
	// Approvers names the approvers to ask; empty means all. Ask rules only.
	Approvers []string
	// Timeout is how long an ask waits; zero means the policy's default.
	Timeout time.Duration
	// Optional says that a target may lack the objects that the rule names.
	Optional bool
}

// Policy is a compiled list of rules: deny beats ask beats allow, and what no
// rule matches is denied. A Policy does not change and is safe for concurrent use.
type Policy struct{}

// NewPolicy compiles rules; the error joins all mistakes, each naming its rule.
func NewPolicy(rules ...Rule) (*Policy, error) { return &Policy{}, nil }

// Decide judges one operation. It does not ask anybody.
func (p *Policy) Decide(who identity.Principal, target string, op *protocol.Operation) protocol.Decision {
	return protocol.Decision{}
}

// Claims returns the objects that the rules name exactly and that are not
// optional, for the given target.
func (p *Policy) Claims(target string) []protocol.Claim { return nil }

// Digest identifies the rules in force, in hex.
func (p *Policy) Digest() string { return "" }
