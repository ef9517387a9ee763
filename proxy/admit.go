package proxy

import (
	"context"
	"errors"
	"fmt"

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

	rules *rules // by which the whole batch is judged
}

// Admitter judges operations before they are recorded and carried out. It
// sees neither parts nor results. It is called concurrently, on the way of
// every operation, and must not wait for people: it returns
// [protocol.Ask] for that.
type Admitter interface {
	// Admit returns the decision. An error ends the session, unless ctx has
	// ended: then the client has left, and the operation is withdrawn.
	Admit(ctx context.Context, a Admission) (protocol.Decision, error)
}

// AdmitterFunc is a function as an Admitter.
type AdmitterFunc func(ctx context.Context, a Admission) (protocol.Decision, error)

// Admit calls f.
func (f AdmitterFunc) Admit(ctx context.Context, a Admission) (protocol.Decision, error) {
	return f(ctx, a)
}

// Middleware wraps an Admitter. Of those given to [Builder.Use] the first is
// the outermost; the innermost Admitter is the policy. A Middleware is called
// once, when the gateway is built, and what it returns serves all sessions and
// outlives updates. It passes on the Admission that it was given.
type Middleware func(next Admitter) Admitter

// judge is the innermost Admitter: the rules that are in force for the batch.
func judge(_ context.Context, a Admission) (protocol.Decision, error) {
	switch {
	case a.rules == nil:
		return protocol.Decision{}, errors.New("a middleware made an Admission of its own instead of passing on the one it was given")
	case a.rules.policy == nil:
		return protocol.Decision{Verdict: protocol.Allow, Rule: "allow-all"}, nil
	}
	return a.rules.policy.Decide(a.Principal, a.Target, a.Operation), nil
}

// chain wraps the policy in middleware, the first outermost.
func chain(list []Middleware) (Admitter, error) {
	var a Admitter = AdmitterFunc(judge)
	for i := len(list) - 1; i >= 0; i-- {
		if a = list[i](a); a == nil {
			return nil, fmt.Errorf("Use: middleware %d returned nil", i+1)
		}
	}
	return a, nil
}
