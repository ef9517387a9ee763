//go:build unix

package main

import (
	"context"
	"strings"
	"time"

	"github.com/sallyport/sallyport/approve"
)

// thinks is how long the reviewer takes.
const thinks = 600 * time.Millisecond

// review stands in for a person: it thinks for a moment, then answers by what
// would be lost. approve.Terminal and approve.Webhook ask real people.
func review(ctx context.Context, q approve.Request) (approve.Answer, error) {
	select {
	case <-time.After(thinks):
	case <-ctx.Done():
		return approve.Answer{}, ctx.Err()
	}
	for what, reason := range map[string]string{"customers": "customers are still needed", "backups": "they are the only ones"} {
		if strings.Contains(q.Operation.Text, what) {
			return q.Answer(false, "reviewer", reason), nil
		}
	}
	return q.Answer(true, "reviewer", "nobody needs it any more"), nil
}
