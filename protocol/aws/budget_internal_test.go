package aws

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &budget{limit: 10}
		one, err := b.take(t.Context(), "a", 8)
		require.NoError(t, err)
		other, err := b.take(t.Context(), "b", 10)
		require.NoError(t, err, "another owner has a budget of its own")

		ctx, cancel := context.WithCancelCause(t.Context())
		gone := errors.New("gone")
		time.AfterFunc(time.Second, func() { cancel(gone) })
		_, err = b.take(ctx, "a", 3)
		require.ErrorIs(t, err, gone)

		time.AfterFunc(time.Second, one)
		start := time.Now()
		all, err := b.take(t.Context(), "a", 1<<40)
		require.NoError(t, err, "more than there is means all")
		require.Equal(t, time.Second, time.Since(start))
		all()
		other()
		require.Empty(t, b.owners)
	})
}

func TestBudgetIsKept(t *testing.T) {
	b := &budget{limit: 100}
	var held atomic.Int64
	var work sync.WaitGroup
	for range 16 {
		work.Go(func() {
			for range 200 {
				n := rand.Int64N(120)
				giveBack, err := b.take(t.Context(), "a", n)
				if err != nil {
					t.Error(err)
					return
				}
				if now := held.Add(min(n, 100)); now > 100 {
					t.Errorf("%d bytes are held", now)
				}
				held.Add(-min(n, 100))
				giveBack()
			}
		})
	}
	work.Wait()
	require.Empty(t, b.owners)
}
