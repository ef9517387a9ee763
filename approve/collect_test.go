package approve

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func request() Request {
	return Request{
		ID: "s1/4", Digest: "d1", Session: "s1", Principal: agent, Target: "shop", Rule: "drops", Reason: "it destroys",
		Operation: &protocol.Operation{Verb: "drop table", Text: "DROP TABLE orders", Effects: protocol.Destroy, Objects: []protocol.Object{{Kind: "table", Name: "orders", Effects: protocol.Destroy}}},
		Asked:     time.Now(), Deadline: time.Now().Add(time.Minute),
	}
}

func says(name string, after time.Duration, a Answer, err error) Approver {
	return Func(name, func(ctx context.Context, q Request) (Answer, error) {
		select {
		case <-time.After(after):
			return a, err
		case <-ctx.Done():
			return Answer{}, ctx.Err()
		}
	})
}

func TestCollect(t *testing.T) {
	yes, no := Answer{Digest: "d1", Approved: true}, Answer{Digest: "d1", By: "bob", Reason: "no"}
	broken := errors.New("broken")
	tests := []struct {
		name      string
		approvers []Approver
		want      Answer
		err       error
		took      time.Duration
	}{
		{"one", []Approver{says("a", 1, yes, nil)}, Answer{Digest: "d1", Approved: true, By: "a"}, nil, 1},
		{"first answer wins", []Approver{says("a", 9, yes, nil), says("b", 3, no, nil)}, no, nil, 3},
		{"a failure does not decide", []Approver{says("a", 1, Answer{}, broken), says("b", 3, no, nil)}, no, nil, 3},
		{"an answer to another request does not decide", []Approver{says("a", 1, Answer{Digest: "d2", Approved: true}, nil), says("b", 3, no, nil)}, no, nil, 3},
		{"none left", []Approver{says("a", 1, Answer{}, broken), says("b", 2, Answer{Approved: true}, nil)}, Answer{}, broken, 2},
		{"nobody to ask", nil, Answer{}, ErrNoAnswer, 0},
		{"a panic does not decide", []Approver{Func("p", func(context.Context, Request) (Answer, error) { panic("x") }), says("b", 3, no, nil)}, no, nil, 3},
		{"too late", []Approver{says("a", 11, yes, nil)}, Answer{}, context.DeadlineExceeded, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 10)
				defer cancel()
				start := time.Now()
				got, err := Collect(ctx, tt.approvers, request())
				assert.Equal(t, tt.took, time.Since(start))
				assert.Equal(t, tt.want, got)
				require.ErrorIs(t, err, tt.err)
				if tt.err == broken {
					require.ErrorIs(t, err, ErrNoAnswer)
					assert.ErrorContains(t, err, "b: answered another request")
				}
			}) // and no goroutine is left, or the bubble deadlocks
		})
	}
}

func TestCollectEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := Collect(ctx, []Approver{says("a", time.Hour, Answer{}, nil)}, request())
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestQuestionsAreBounded(t *testing.T) {
	q := request()
	op := *q.Operation
	q.Operation = &op
	op.Text = "DROP " + strings.Repeat("é", 1<<20) + " END"
	op.Params = make([]protocol.Param, 5000)
	op.Params[0] = protocol.Param{Name: "$1", Value: strings.Repeat("x", 1<<20)}
	op.Params[1] = protocol.Param{Name: "$2", Raw: make([]byte, 1<<20)}
	op.Objects = make([]protocol.Object, 5000)
	var got Request
	_, err := Collect(t.Context(), []Approver{Func("f", func(_ context.Context, q Request) (Answer, error) {
		got = q
		return q.Answer(false, "f", ""), nil
	})}, q)
	require.NoError(t, err)
	asked := got.Operation
	assert.LessOrEqual(t, len(asked.Text), maxText)
	assert.True(t, strings.HasPrefix(asked.Text, "DROP é") && strings.HasSuffix(asked.Text, "é END"), "both ends are shown")
	assert.Contains(t, asked.Text, "bytes are not shown")
	assert.Len(t, asked.Params, maxList)
	assert.Len(t, asked.Objects, maxList)
	assert.Contains(t, asked.Remark, "4900 more parameters are not shown")
	assert.Contains(t, asked.Remark, "4900 more objects are not shown")
	assert.LessOrEqual(t, len(asked.Params[0].Value), maxValue)
	assert.Len(t, asked.Params[1].Raw, maxValue)
	assert.Equal(t, asked.Text, bounded(got).Operation.Text, "cutting twice is cutting once")
	assert.Len(t, op.Text, 2<<20+9, "the caller's operation is as it was")
	assert.Len(t, op.Params[0].Value, 1<<20)
	assert.NotPanics(t, func() { bounded(Request{}) })
}
