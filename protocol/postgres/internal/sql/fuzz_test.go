package sql

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/protocol"
)

// FuzzTree feeds the decoder of the parser's tree, and the walk over it, with
// trees that no parser has made.
func FuzzTree(f *testing.F) {
	for _, c := range judgements[:40] {
		tree, err := shared().parse(c.sql)
		require.NoError(f, err)
		f.Add(tree)
	}
	p := New(Options{})
	f.Fuzz(func(t *testing.T, tree string) {
		v, err := decodeTree(tree)
		if err != nil {
			return
		}
		for _, s := range p.query(&v, "SELECT 1").Statements {
			require.NotEmpty(t, s.Verb)
			require.LessOrEqual(t, s.End, len("SELECT 1"))
			s.Expose(evasionGuard)
		}
	})
}

// FuzzParse holds what must be true of the judgement of any text, and that a
// text with other literals of the same form is judged alike.
func FuzzParse(f *testing.F) {
	for _, c := range judgements {
		f.Add(c.sql)
	}
	for _, e := range evasions {
		f.Add(e.sql)
	}
	other := New(Options{CacheEntries: -1})
	f.Fuzz(func(t *testing.T, text string) {
		q := shared().Parse(t.Context(), text)
		if !q.Parsed {
			require.Equal(t, protocol.Everything, q.Effects())
			return
		}
		for _, s := range q.Statements {
			require.NotEmpty(t, s.Verb)
			require.Contains(t, text, s.Text(text))
		}
		if _, ok := strip(nil, text); ok {
			fresh, _ := other.miss(t.Context(), text)
			require.Equal(t, fresh.Effects(), q.Effects(), "%q", text)
			require.Equal(t, fresh.Statements[0].Objects, q.Statements[0].Objects, "%q", text)
			require.Equal(t, fresh.Statements[0].facts, q.Statements[0].facts, "%q", text)
		}
	})
}
