package main

import (
	"context"
	"strings"
	"time"

	"github.com/sallyport/sallyport/approve"
)

// reviewer stands in for a person: it thinks for a moment, then answers by
// what would be dropped. approve.Terminal and the webhook ask real people.
type reviewer struct{}

// thinks is how long the reviewer takes.
const thinks = 600 * time.Millisecond

func (reviewer) Name() string { return "reviewer" }

func (reviewer) Ask(ctx context.Context, q approve.Request) (approve.Answer, error) {
	select {
	case <-time.After(thinks):
	case <-ctx.Done():
		return approve.Answer{}, ctx.Err()
	}
	answer := approve.Answer{Digest: q.Digest, By: "reviewer", Reason: "nobody needs it any more", Approved: true}
	if strings.Contains(q.Operation.Text, "customers") {
		answer.Approved, answer.Reason = false, "customers are still needed"
	}
	return answer, nil
}
