package proxy

import (
	"context"

	"github.com/sallyport/sallyport/approve"
	"github.com/sallyport/sallyport/identity"
	"github.com/sallyport/sallyport/protocol"
)

// Admission is an operation that waits to be judged.
type Admission struct {
	Session   string
	Protocol  string
	Principal identity.Principal
	Target    string
	// Operation is the engine's copy; an Admitter must not change it.
	Operation *protocol.Operation
}

// Admitter judges operations before they are recorded and carried out. It
// sees neither parts nor results. It is called concurrently, on the way of
// every operation, and must not wait for people: it returns
// [protocol.Ask] for that.
type Admitter interface {
	// Admit returns the decision. An error ends the session.
	Admit(ctx context.Context, a Admission) (protocol.Decision, error)
}

// AdmitterFunc is a function as an Admitter.
type AdmitterFunc func(ctx context.Context, a Admission) (protocol.Decision, error)

// Admit calls f.
func (f AdmitterFunc) Admit(ctx context.Context, a Admission) (protocol.Decision, error) {
	return f(ctx, a)
}

// Middleware wraps an Admitter. Of those given to [Builder.Use] the first is
// the outermost; the innermost Admitter is the policy.
type Middleware func(next Admitter) Admitter

// policyAdmitter is the innermost: the rules now in force.
type policyAdmitter struct{ policy *approve.Policy }

func (p policyAdmitter) Admit(_ context.Context, a Admission) (protocol.Decision, error) {
	return p.policy.Decide(a.Principal, a.Target, a.Operation), nil
}

// allowAll is the admitter of a gateway that was told so by name.
type allowAll struct{}

func (allowAll) Admit(context.Context, Admission) (protocol.Decision, error) {
	return protocol.Decision{Verdict: protocol.Allow, Rule: "allow-all"}, nil
}
