package sql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nestings nest n times, each in its own way.
var nestings = map[string]func(n int) string{
	"plus":    func(n int) string { return "select 1" + strings.Repeat("+1", n) },
	"colplus": func(n int) string { return "select a" + strings.Repeat("+a", n) },
	"not":     func(n int) string { return "select " + strings.Repeat("not ", n) + "a" },
	"sub":     func(n int) string { return strings.Repeat("select (", n) + "1" + strings.Repeat(")", n) },
	"from": func(n int) string {
		return strings.Repeat("select * from (", n) + "select 1" + strings.Repeat(") x", n)
	},
	"union":  func(n int) string { return "select 1" + strings.Repeat(" union select 1", n) },
	"unionr": func(n int) string { return strings.Repeat("select 1 union (", n) + "select 1" + strings.Repeat(")", n) },
	"join":   func(n int) string { return "select 1 from a" + strings.Repeat(" join b on c", n) },
	"joinr": func(n int) string {
		return "select 1 from a" + strings.Repeat(" join b ", n) + strings.Repeat(" on c", n)
	},
	"case": func(n int) string {
		return "select " + strings.Repeat("case when a then ", n) + "1" + strings.Repeat(" end", n)
	},
	"caseelse": func(n int) string {
		return "select " + strings.Repeat("case when a then 1 else ", n) + "1" + strings.Repeat(" end", n)
	},
	"func": func(n int) string { return "select " + strings.Repeat("f(", n) + "1" + strings.Repeat(")", n) },
	"over": func(n int) string {
		return "select " + strings.Repeat("f() over (partition by ", n) + "1" + strings.Repeat(")", n)
	},
	"filter": func(n int) string {
		return "select " + strings.Repeat("f() filter (where ", n) + "1" + strings.Repeat(")", n)
	},
	"array":  func(n int) string { return "select " + strings.Repeat("array[", n) + "1" + strings.Repeat("]", n) },
	"subscr": func(n int) string { return "select " + strings.Repeat("a[", n) + "1" + strings.Repeat("]", n) },
	"cast":   func(n int) string { return "select 1" + strings.Repeat("::int", n) },
	"castf": func(n int) string {
		return "select " + strings.Repeat("cast(", n) + "1" + strings.Repeat(" as int)", n)
	},
	"cte": func(n int) string {
		return strings.Repeat("with a as (", n) + "select 1" + strings.Repeat(") select 1", n)
	},
	"between": func(n int) string { return "select " + strings.Repeat("1 between 2 and not ", n) + "true" },
	"isdist":  func(n int) string { return "select " + strings.Repeat("1 is distinct from not ", n) + "true" },
	"group": func(n int) string {
		return "select f() within group (order by a)" + strings.Repeat("+f() within group (order by a)", n)
	},
	"collate":  func(n int) string { return "select a" + strings.Repeat(` collate "C"`, n) },
	"tz":       func(n int) string { return "select a" + strings.Repeat(` at time zone 'x'`, n) },
	"row":      func(n int) string { return "select " + strings.Repeat("row(", n) + "1" + strings.Repeat(")", n) },
	"coalesce": func(n int) string { return "select " + strings.Repeat("coalesce(", n) + "1" + strings.Repeat(")", n) },
	"json": func(n int) string {
		return "select " + strings.Repeat("json_object('a': ", n) + "1" + strings.Repeat(")", n)
	},
	"jsonarr": func(n int) string { return "select " + strings.Repeat("json_array(", n) + "1" + strings.Repeat(")", n) },
	"jsonser": func(n int) string {
		return "select " + strings.Repeat("json_serialize(", n) + "1" + strings.Repeat(")", n)
	},
	"xml": func(n int) string {
		return "select " + strings.Repeat("xmlelement(name a, ", n) + "1" + strings.Repeat(")", n)
	},
	"minus":  func(n int) string { return "select " + strings.Repeat("- ", n) + "a" },
	"ops":    func(n int) string { return "select " + strings.Repeat("@ ", n) + "a" },
	"inlist": func(n int) string { return "select " + strings.Repeat("1 in (", n) + "1" + strings.Repeat(")", n) },
	"insub": func(n int) string {
		return "select " + strings.Repeat("1 in (select ", n) + "1" + strings.Repeat(")", n)
	},
	"exists": func(n int) string {
		return "select " + strings.Repeat("exists (select ", n) + "1" + strings.Repeat(")", n)
	},
	"where": func(n int) string {
		return strings.Repeat("select 1 from a where b = any (", n) + "select 1" + strings.Repeat(")", n)
	},
	"andpar": func(n int) string { return "select " + strings.Repeat("a and not (", n) + "a" + strings.Repeat(")", n) },
	"or": func(n int) string {
		return "select " + strings.Repeat("a or (b and ", n) + "a" + strings.Repeat(")", n)
	},
	"isnull": func(n int) string { return "select " + strings.Repeat("(", n) + "a" + strings.Repeat(" is null)", n) },
	"grouping": func(n int) string {
		return "select 1 group by " + strings.Repeat("grouping sets (", n) + "a" + strings.Repeat(")", n)
	},
	"lateral": func(n int) string {
		return strings.Repeat("select * from a, lateral (", n) + "select 1" + strings.Repeat(") x", n)
	},
	"values": func(n int) string { return strings.Repeat("values ((", n) + "select 1" + strings.Repeat("))", n) },
	"orderby": func(n int) string {
		return strings.Repeat("select 1 order by (", n) + "select 1" + strings.Repeat(")", n)
	},
	"limit": func(n int) string { return strings.Repeat("select 1 limit (", n) + "select 1" + strings.Repeat(")", n) },
	"window": func(n int) string {
		return strings.Repeat("select 1 window w as (order by (", n) + "select 1" + strings.Repeat("))", n)
	},
	"insert": func(n int) string {
		return strings.Repeat("with a as (insert into t select (select 1) from (", n) + "select 1" + strings.Repeat(") x) select 1", n)
	},
	"update": func(n int) string {
		return strings.Repeat("with a as (update t set a = 1 where exists (", n) + "select 1" + strings.Repeat(")) select 1", n)
	},
	"on": func(n int) string {
		return "select 1 from " + strings.Repeat("a join (", n) + "b join c on true" + strings.Repeat(") on true", n)
	},
	"bareselect": func(n int) string { return "select a.select" + strings.Repeat("+a.select", n) },
	"attime":     func(n int) string { return "select " + strings.Repeat("(", n) + "a" + strings.Repeat(" at local)", n) },
	"mixed": func(n int) string {
		return "select " + strings.Repeat("f(case when a then (select array[x+(", n) + "1" + strings.Repeat(")]) end)", n)
	},
	"caselabel": func(n int) string {
		return "select " + strings.Repeat("(select 1 end, ", n) + "1" + strings.Repeat(")", n)
	},
	"default": func(n int) string {
		return "create table t (a int default " + strings.Repeat("(1+", n) + "a" + strings.Repeat(")", n) + ")"
	},
	"overlaps": func(n int) string {
		return "select " + strings.Repeat("(1,2) overlaps (3,", n) + "a" + strings.Repeat(")", n)
	},
	"quant": func(n int) string {
		return "select " + strings.Repeat("a = all (array[", n) + "a" + strings.Repeat("])", n)
	},
	"extract": func(n int) string {
		return "select " + strings.Repeat("extract(year from ", n) + "a" + strings.Repeat(")", n)
	},
	"overlay": func(n int) string {
		return "select " + strings.Repeat("overlay(a placing b from ", n) + "a" + strings.Repeat(")", n)
	},
	"isjson": func(n int) string { return "select " + strings.Repeat("(", n) + "a" + strings.Repeat(" is json)", n) },
	"jtable": func(n int) string {
		return strings.Repeat("select * from json_table((", n) + "select 1" + strings.Repeat("), '$' columns (a int path '$'))", n)
	},
	"jcol": func(n int) string {
		return "select * from json_table(j, '$' columns (" + strings.Repeat("nested path '$' columns (", n) + "a int" + strings.Repeat(")", n) + "))"
	},
}

// TestNestingIsBounded holds the estimate against the parser's stack: what is
// twice as deep as what is let through must still be parsed, whichever way it
// nests, and leave the parser whole.
func TestNestingIsBounded(t *testing.T) {
	p := shared()
	for name, nest := range nestings {
		n := 1
		for nesting(nest(n), 4*maxNested) <= 2*maxNested {
			n++
		}
		_, err := p.parse(nest(n))
		require.NoError(t, err, "%s %d", name, n)
		require.NoError(t, p.check(), "%s %d", name, n)
		q := p.Parse(t.Context(), nest(n))
		require.False(t, q.Parsed, "%s %d", name, n)
		require.Equal(t, "does not parse: nested too deeply", q.Remark)
	}
}

func TestOrdinaryStatementsAreNotDeep(t *testing.T) {
	for _, text := range []string{
		"SELECT " + strings.Repeat("a.b, ", 5000) + "1",
		"SELECT 1 FROM t WHERE a = 1" + strings.Repeat(" OR a = 1 AND b IS NOT NULL", 2000),
		"INSERT INTO t VALUES (1, 'a', now())" + strings.Repeat(", (1, 'a', now())", 3000),
		"SELECT 1 FROM a" + strings.Repeat(" LEFT JOIN public.long_name AS b ON b.id = a.id AND b.x BETWEEN 1 AND 2", 40),
		"SELECT 'a'" + strings.Repeat(" || b", 60),
		strings.Repeat("SELECT 1; ", 2000),
	} {
		require.LessOrEqual(t, nesting(text, 1<<30), maxNested, text[:40])
	}
}
