package postgres

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Data that came when the target had failed its COPY belongs to nobody.
func TestDataOfNoCopyIsNotTaken(t *testing.T) {
	q := newQueue()
	taken, err := q.copyInto(nil, false, func() error {
		t.Error("it was recorded")
		return nil
	})
	require.NoError(t, err)
	assert.False(t, taken)
	r := &run{}
	q.copyIn = r
	taken, err = q.copyInto(r, true, func() error { return nil })
	require.NoError(t, err)
	assert.True(t, taken)
	taken, err = q.copyInto(r, true, func() error { return nil })
	require.NoError(t, err)
	assert.False(t, taken, "it has ended")
}
