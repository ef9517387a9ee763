package approve

import "context"

// Func makes an Approver of a function: a script in tests, a chat of your own.
// ask is called from several goroutines at once and must return when its
// context ends. An Answer whose Digest is left empty is none.
func Func(name string, ask func(ctx context.Context, q Request) (Answer, error)) Approver {
	return approverFunc{name, ask}
}

type approverFunc struct {
	name string
	ask  func(ctx context.Context, q Request) (Answer, error)
}

func (f approverFunc) Name() string { return f.name }

func (f approverFunc) Ask(ctx context.Context, q Request) (Answer, error) { return f.ask(ctx, q) }

// Answer returns the answer to q that approves it or not, in by's name.
func (q Request) Answer(approved bool, by, reason string) Answer {
	return Answer{Digest: q.Digest, Approved: approved, By: by, Reason: reason}
}
