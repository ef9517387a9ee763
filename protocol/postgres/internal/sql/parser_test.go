package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	pgquery "github.com/wasilibs/go-pgquery/parser"

	"github.com/sallyport/sallyport/protocol"
)

// fake makes a Parser over a made-up underlying parser. Known texts get the
// tree that the real one gives for the text of the self-check.
func fake(o Options, parse func(text string) (string, error)) *Parser {
	p := New(o)
	tree, err := shared().parse(checkText)
	if err != nil {
		panic(err)
	}
	p.parse = func(text string) (string, error) {
		if text == checkText {
			return tree, nil
		}
		return parse(text)
	}
	return p
}

func TestWhatIsNotParsedCountsAsEverything(t *testing.T) {
	p := shared()
	for text, remark := range map[string]string{
		"SELEC 1":                               "syntax error at character 1",
		"SELECT 1; SELECT 'it''s' secret'":      "syntax error at character 32",
		"SELECT 'unterminated":                  "syntax error at character 8",
		"SELECT 1\x00; DROP TABLE t":            "a NUL byte in it",
		"SELECT '\xff'":                         "not UTF-8",
		strings.Repeat("x", 300<<10):            "longer than 262144 bytes",
		"SELECT " + strings.Repeat("(", 100000): "nested too deeply",
	} {
		q := p.Parse(t.Context(), text)
		require.False(t, q.Parsed)
		require.Equal(t, "does not parse: "+remark, q.Remark)
		require.Len(t, q.Statements, 1)
		s := q.Statements[0]
		require.Equal(t, "unknown", s.Verb)
		require.Equal(t, protocol.Everything, s.Effects)
		require.Equal(t, q.Remark, s.Remark)
		require.NotEmpty(t, s.Expose(evasionGuard).Refuse)
		require.Equal(t, text, s.Text(text))
	}
	require.Empty(t, p.Parse(t.Context(), " -- nothing\n;;").Statements)
}

func TestBackslashStrings(t *testing.T) {
	p := shared()
	require.False(t, p.ParseUnsure(t.Context(), `SELECT '\'; DROP TABLE t; --'`).Parsed)
	require.True(t, p.ParseUnsure(t.Context(), `SELECT 'a', E'\''`).Parsed)
	require.False(t, p.ParseUnsure(t.Context(), `SELECT 'ä'`).Parsed)
	require.True(t, p.Parse(t.Context(), `SELECT '\'`).Parsed)
}

func TestUnknownNodesCountAsEverything(t *testing.T) {
	for _, tree := range []string{
		`{"stmts":[{"stmt":{"NewStmt":{}}}]}`,
		`{"stmts":[{"stmt":{}}]}`,
		`{"stmts":[{}]}`,
		`{"stmts":[{"stmt":{"SelectStmt":{"targetList":[{"ResTarget":{"val":{"NewExpr":{}}}}]}}}]}`,
		`{"stmts":[{"stmt":{"SelectStmt":{"targetList":[{}]}}}]}`,
		`{"stmts":[{"stmt":{"SelectStmt":{"newField":{"a":1}}}}]}`,
		`{"stmts":[{"stmt":{"SelectStmt":{"whereClause":{}}}}]}`,
		`{"stmts":[{"stmt":{"TransactionStmt":{"kind":"TRANS_STMT_NEW"}}}]}`,
		`{"stmts":[{"stmt":{"VariableSetStmt":{"kind":"VAR_NEW"}}}]}`,
		`{"stmts":[{"stmt":{"InsertStmt":{}}}]}`,
		`{"stmts":[{"stmt":{"SelectStmt":{"fromClause":[{"RangeFunction":{"functions":[{"List":{"items":[{}]}}]}}]}}}]}`,
	} {
		p := fake(Options{}, func(string) (string, error) { return tree, nil })
		q := p.Parse(t.Context(), "SELECT 1")
		require.Equal(t, protocol.Everything, q.Effects(), tree)
		require.NotEmpty(t, q.Statements[0].Expose(evasionGuard).Refuse, tree)
	}
	for _, tree := range []string{"", "{", `{"a"`, `{"stmts":[}`, `{"stmts":[]}x`, `{}`, strings.Repeat("[", 1e6), `{"a":"\q"}`} {
		p := fake(Options{}, func(string) (string, error) { return tree, nil })
		require.False(t, p.Parse(t.Context(), "SELECT 1").Parsed, tree)
	}
}

func TestPanicOfTheParser(t *testing.T) {
	p := fake(Options{}, func(text string) (string, error) {
		if text == "SELECT a" {
			panic("out of bounds")
		}
		return "", &pgquery.Error{}
	})
	q := p.Parse(t.Context(), "SELECT a")
	require.Equal(t, "does not parse: the parser failed on it", q.Remark)
	require.NoError(t, p.Ready(t.Context()), "it still reads what it read before")

	p.parse = func(string) (string, error) { panic("spoilt") }
	require.False(t, p.Parse(t.Context(), "SELECT b").Parsed)
	require.ErrorContains(t, p.Ready(t.Context()), "restart")
	require.Equal(t, "does not parse: the parser has failed; restart the gateway", p.Parse(t.Context(), "SELECT c").Remark)
}

func TestParserThatLies(t *testing.T) {
	p := New(Options{})
	p.parse = func(string) (string, error) { return `{"stmts":[]}`, nil }
	require.ErrorContains(t, p.Ready(t.Context()), "misreads")
	require.False(t, p.Parse(t.Context(), "SELECT 1").Parsed)
}

func TestWaitingForTheParser(t *testing.T) {
	shared()
	synctest.Test(t, func(t *testing.T) {
		p := fake(Options{}, func(string) (string, error) { return "", &pgquery.Error{} })
		check := p.parse
		p.parse = func(text string) (string, error) {
			time.Sleep(15 * time.Second) // warming
			return check(text)
		}
		start := time.Now()
		require.Equal(t, "does not parse: the parser is starting or busy", p.Parse(t.Context(), "SELECT 1").Remark)
		require.Equal(t, 10*time.Second, time.Since(start))
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, p.Ready(short), context.DeadlineExceeded)
		require.Contains(t, p.Parse(short, "SELECT 1").Remark, "given up")
		require.NoError(t, p.Ready(t.Context()))
	})
}

func TestParserThatHangs(t *testing.T) {
	shared()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := fake(Options{}, func(string) (string, error) { <-release; return "", errors.New("late") })
		require.Contains(t, p.Parse(t.Context(), "SELECT 1").Remark, "hangs")
		require.Error(t, p.Ready(t.Context()))
		start := time.Now()
		require.Contains(t, p.Parse(t.Context(), "SELECT 2").Remark, "has failed")
		require.Zero(t, time.Since(start))
		close(release)
	})
}

func TestOneInstanceAtATime(t *testing.T) {
	var running, most atomic.Int32
	p := fake(Options{Instances: 2}, func(string) (string, error) {
		if n := running.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(time.Millisecond)
		running.Add(-1)
		return `{"stmts":[]}`, nil
	})
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() { p.Parse(t.Context(), fmt.Sprint("SELECT f(", i, ")")) })
	}
	wg.Wait()
	require.EqualValues(t, 2, most.Load())
}

func TestCacheIsSharedAndBounded(t *testing.T) {
	calls := 0
	tree, err := shared().parse("SELECT a FROM t WHERE b = 1")
	require.NoError(t, err)
	p := fake(Options{CacheEntries: 3}, func(string) (string, error) { calls++; return tree, nil })
	ask := func(text string, want int) *Query {
		t.Helper()
		q := p.Parse(t.Context(), text)
		require.Equal(t, want, calls, text)
		return q
	}
	first := ask("SELECT a FROM t WHERE b = 1", 1)
	require.Same(t, first, ask("SELECT a FROM t WHERE b = 2", 1))
	ask("SELECT f(1)", 2)
	ask("SELECT f(2)", 3)
	require.Same(t, first, ask("SELECT a FROM t WHERE b = 3", 3))
	ask("SELECT f(3)", 4) // f(1) goes
	ask("SELECT f(2)", 4)
	ask("SELECT f(1)", 5)
	require.Len(t, p.cache.entries, 3)

	p.cache = newCache(1000, 20000)
	for i := range 200 {
		p.Parse(t.Context(), fmt.Sprint("SELECT f(", i, ")"))
	}
	require.LessOrEqual(t, p.cache.bytes, 20000)
	require.Greater(t, len(p.cache.entries), 5)
	p.cache = newCache(1000, 20000)
	p.Parse(t.Context(), "SELECT f('"+strings.Repeat("x", 6000)+"')")
	require.Empty(t, p.cache.entries)
}

func TestStatementsOfAText(t *testing.T) {
	text := " /* a */ SELECT 1 ;; -- b\n DELETE FROM \"é\" /* c */ ; COMMIT"
	q := shared().Parse(t.Context(), text)
	require.Len(t, q.Statements, 3)
	var parts []string
	for _, s := range q.Statements {
		parts = append(parts, s.Verb+": "+s.Text(text))
	}
	require.Equal(t, []string{"select: SELECT 1", "delete: DELETE FROM \"é\"", "commit: COMMIT"}, parts)
	require.Equal(t, protocol.Destroy, q.Effects())
	require.Equal(t, Commit, q.Statements[2].Transaction)
}

func TestNamesAndInner(t *testing.T) {
	for _, c := range []struct{ sql, name, inner string }{
		{`PREPARE "P" AS UPDATE t SET a = 1 RETURNING a`, "P", "update"},
		{"EXECUTE p(1)", "p", ""},
		{"DEALLOCATE PREPARE p", "p", ""},
		{"DEALLOCATE ALL", "", ""},
		{"DECLARE c BINARY CURSOR FOR SELECT 1", "c", "select"},
		{"FETCH ALL FROM c", "c", ""},
		{"CLOSE ALL", "", ""},
		{"EXPLAIN ANALYZE EXECUTE p", "p", "execute"},
		{"CREATE TABLE t AS EXECUTE p", "p", "execute"},
		{"ROLLBACK TO SAVEPOINT s", "s", ""},
		{"COMMIT PREPARED 'g'", "g", ""},
		{"LISTEN ch", "ch", ""},
	} {
		s := parse(t, c.sql)
		require.Equal(t, c.name, s.Name, c.sql)
		if c.inner == "" {
			require.Nil(t, s.Inner, c.sql)
		} else {
			require.Equal(t, c.inner, s.Inner.Verb, c.sql)
		}
	}
	require.True(t, parse(t, "PREPARE p AS SELECT 1").Inner.ReturnsRows)
	for text, rows := range map[string]bool{
		"SELECT 1": true, "SELECT 1 INTO t": false, "INSERT INTO t VALUES (1)": false, "DELETE FROM t RETURNING a": true,
		"PREPARE p AS SELECT 1": false, "EXPLAIN DELETE FROM t": true, "FETCH c": true, "MOVE c": false, "SHOW a": true,
		"COPY t TO STDOUT": false, "EXECUTE p": true, "BEGIN": false,
	} {
		require.Equal(t, rows, parse(t, text).ReturnsRows, text)
	}
}

func TestSettings(t *testing.T) {
	for sql, want := range map[string]Setting{
		"SET search_path = a, 'B c'":                                 {Name: "search_path", Value: "a, B c", Known: true},
		"SET LOCAL client_encoding TO 'SJIS'":                        {Name: "client_encoding", Value: "SJIS", Known: true, Local: true},
		"SET NAMES 'latin1'":                                         {Name: "client_encoding", Value: "latin1", Known: true},
		"SET Standard_Conforming_Strings = off":                      {Name: "standard_conforming_strings", Value: "off", Known: true},
		"SET ROLE NONE":                                              {Name: "role", Value: "none", Known: true},
		"SET SESSION AUTHORIZATION DEFAULT":                          {Name: "session_authorization"},
		"SET TIME ZONE 'UTC'":                                        {Name: "timezone", Value: "UTC", Known: true},
		"RESET application_name":                                     {Name: "application_name"},
		"RESET ALL":                                                  {},
		"SELECT set_config('Client_Encoding', 'BIG5', true)":         {Name: "client_encoding", Value: "BIG5", Known: true, Local: true},
		"SELECT pg_catalog.set_config('a.b'::text, x, false) FROM t": {Name: "a.b"},
		"SELECT set_config(x, 'y', false) FROM t":                    {Value: "y", Known: true},
	} {
		require.Equal(t, []Setting{want}, parse(t, sql).Settings, sql)
	}
	require.Empty(t, parse(t, "ALTER ROLE r SET search_path = a").Settings)
}

func TestTooManyNamesCountAsEverything(t *testing.T) {
	for _, pattern := range []string{"SELECT a%s", "SELECT 1 FROM a%s", "SELECT f()%s"} {
		var many strings.Builder
		for i := range 2 * maxFacts {
			fmt.Fprintf(&many, ", c%d", i)
			if strings.Contains(pattern, "()") {
				many.WriteString("()")
			}
		}
		s := parse(t, fmt.Sprintf(pattern, many.String()))
		require.Equal(t, protocol.Everything, s.Effects)
		require.LessOrEqual(t, len(s.facts.mentions)+len(s.facts.relations)+len(s.facts.calls), 2*maxFacts)
	}
}
