package approve

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
)

// ErrNoAnswer means that there is no approver left who could answer.
var ErrNoAnswer = errors.New("no approver can answer")

// Collect asks all approvers at once and returns the first answer that is to
// this very request. An approver that fails or answers another request does
// not decide; with none left the error wraps [ErrNoAnswer] and says what each
// said. When ctx ends, its error is returned.
//
// Approvers get a question that is no larger than people read: long texts are
// cut in the middle and long lists at their end, and say so.
//
// The context that approvers get ends when Collect returns. Collect does not
// wait for approvers that are slow to notice: their goroutines end as soon as
// they do.
func Collect(ctx context.Context, approvers []Approver, q Request) (Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	q = bounded(q)
	type reply struct {
		from   string
		answer Answer
		err    error
	}
	replies := make(chan reply, len(approvers))
	for _, a := range approvers {
		go func() {
			r := reply{from: a.Name()}
			defer func() {
				if p := recover(); p != nil {
					r.err = fmt.Errorf("panicked: %v", p)
				}
				replies <- r
			}()
			r.answer, r.err = a.Ask(ctx, q)
		}()
	}
	failures := []error{ErrNoAnswer}
	for range approvers {
		select {
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		case r := <-replies:
			switch {
			case r.err != nil && ctx.Err() != nil:
				return Answer{}, ctx.Err()
			case r.err != nil:
				failures = append(failures, fmt.Errorf("%s: %w", r.from, r.err))
			case subtle.ConstantTimeCompare([]byte(r.answer.Digest), []byte(q.Digest)) != 1:
				failures = append(failures, fmt.Errorf("%s: answered another request", r.from))
			default:
				if r.answer.By == "" {
					r.answer.By = r.from
				}
				return r.answer, nil
			}
		}
	}
	return Answer{}, errors.Join(failures...)
}
