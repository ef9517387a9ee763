package model

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func table(t testing.TB) *Table {
	t.Helper()
	tab, err := Default()
	require.NoError(t, err)
	return tab
}

func TestEveryServiceLoads(t *testing.T) {
	tab := table(t)
	names := tab.Services()
	require.Len(t, names, 424)
	operations := 0
	for _, name := range names {
		s, err := tab.Service(name)
		require.NoError(t, err)
		require.NotEmpty(t, s.Operations(), name)
		operations += len(s.Operations())
		for _, op := range s.Operations() {
			require.Same(t, s, s.Operation(op).Service)
		}
	}
	assert.Equal(t, 18378, operations)
	_, err := tab.Service("no-such")
	require.ErrorIs(t, err, ErrUnknown)
}
