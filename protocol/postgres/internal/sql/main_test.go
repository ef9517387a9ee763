package sql

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shared is the one parser of all tests: starting it takes seconds.
var shared = sync.OnceValue(func() *Parser {
	p := New(Options{})
	if err := p.Ready(context.Background()); err != nil {
		panic(err)
	}
	return p
})

// parse judges a text of one statement that must parse.
func parse(t testing.TB, text string) *Statement {
	t.Helper()
	q := shared().Parse(t.Context(), text)
	require.True(t, q.Parsed, "%s\n%s", text, q.Remark)
	require.Len(t, q.Statements, 1, text)
	return q.Statements[0]
}
