package sql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	pgquery "github.com/wasilibs/go-pgquery/parser"
	"google.golang.org/protobuf/encoding/protowire"
)

// scanned is a token of PostgreSQL's own scanner.
type scanned struct {
	start, end int
	number     int
}

// The scanner's numbers for the tokens that matter here.
const (
	scanIdent   = 258
	scanUIdent  = 259
	scanFloat   = 260
	scanString  = 261
	scanUString = 262
	scanBits    = 263
	scanHex     = 264
	scanInteger = 266
	scanParam   = 267
	scanLine    = 275
	scanBlock   = 276
)

// scan asks PostgreSQL's own scanner; ok is false where it finds an error.
func scan(t testing.TB, text string) (out []scanned, ok bool) {
	t.Helper()
	shared() // its one instance is not used at the same time
	b, err := pgquery.ScanToProtobuf(text)
	if err != nil {
		return nil, false
	}
	for len(b) > 0 {
		number, typ, n := protowire.ConsumeTag(b)
		require.GreaterOrEqual(t, n, 0)
		b = b[n:]
		if typ != protowire.BytesType {
			n = protowire.ConsumeFieldValue(number, typ, b)
			require.GreaterOrEqual(t, n, 0)
			b = b[n:]
			continue
		}
		v, n := protowire.ConsumeBytes(b)
		require.GreaterOrEqual(t, n, 0)
		b = b[n:]
		var s scanned
		for len(v) > 0 {
			number, _, n := protowire.ConsumeTag(v)
			x, m := protowire.ConsumeVarint(v[n:])
			require.GreaterOrEqual(t, m, 0)
			v = v[n+m:]
			switch number {
			case 1:
				s.start = int(x)
			case 2:
				s.end = int(x)
			case 4:
				s.number = int(x)
			}
		}
		if s.number != scanLine && s.number != scanBlock {
			out = append(out, s)
		}
	}
	return out, true
}

// significant leaves the tokens whose bounds must agree: operators and
// punctuation are cut differently, and it does not matter.
func significant(tokens []scanned) string {
	var b strings.Builder
	for _, s := range tokens {
		switch s.number {
		case scanUString, scanBits, scanHex, scanString:
			fmt.Fprintf(&b, "string %d-%d\n", s.start, s.end)
		case scanInteger, scanFloat:
			fmt.Fprintf(&b, "number %d-%d\n", s.start, s.end)
		case scanParam:
			fmt.Fprintf(&b, "param %d-%d\n", s.start, s.end)
		default:
			if s.number == scanIdent || s.number == scanUIdent || s.number >= 277 {
				fmt.Fprintf(&b, "word %d-%d\n", s.start, s.end)
			}
		}
	}
	return b.String()
}

// lexed is significant for our own lexer; ok is false where it met a token
// that it does not claim to understand.
func lexed(text string) (string, bool) {
	var b strings.Builder
	l := lexer{s: text}
	for {
		switch t := l.next(); t.kind {
		case tokEnd:
			return b.String(), true
		case tokOdd:
			return "", false
		case tokString:
			fmt.Fprintf(&b, "string %d-%d\n", t.start, t.end)
		case tokCoded:
			if text[t.start] == 'n' || text[t.start] == 'N' { // a word and a string to the scanner
				fmt.Fprintf(&b, "word %d-%d\n", t.start, t.start+1)
				t.start++
			}
			fmt.Fprintf(&b, "string %d-%d\n", t.start, t.end)
		case tokNumber:
			fmt.Fprintf(&b, "number %d-%d\n", t.start, t.end)
		case tokParam:
			fmt.Fprintf(&b, "param %d-%d\n", t.start, t.end)
		case tokWord, tokName:
			fmt.Fprintf(&b, "word %d-%d\n", t.start, t.end)
		}
	}
}

func agree(t testing.TB, text string) {
	t.Helper()
	if strings.IndexByte(text, 0) >= 0 || strings.ToValidUTF8(text, "") != text || len(text) > 1000 {
		return
	}
	tokens, ok := scan(t, text)
	if !ok {
		return
	}
	if ours, ok := lexed(text); ok {
		require.Equal(t, significant(tokens), ours, "%q", text)
	}
}

var lexerSeeds = []string{
	`SELECT 'a''b', E'a\'b', "x""y", U&'\0041', U&"d\0061" UESCAPE '!', b'01', X'1F', N'x' FROM t`,
	"SELECT 'a'\n'b', 'c' -- x\n 'd', e'f\\''\n'g\\'' , 'h' /* \n */ || 'i'",
	"SELECT $$a'b$$, $x$ $y$ $x$, $1, $12a, a$b$c, $_a1$;$_a1$",
	"SELECT ....0, a..b",
	"SELECT B'''', x'1''f', n'a''b', e'a''b\\'c', b'1'\n'0'",
	"SELECT 1.5, .5, 1., 1e5, 1_000, 0x1F, 12abc, 1..2, 123456789012, 1.5e-3",
	"a+-b @-c /* x /* y */ z */ d--e\n*/f <>-- g\n!=-1",
	"SELECT a.b.\"C\", x::int, a[1:2], f(a => 1), :b, a:=b",
	"\u00e9t\u00e9 \v\f\t\r\n'\u00e9' /**/''''",
	"--x\r'a' --\n'b'",
	"'a'\r--c\r'b' e'\\\\' 'x",
	"select 1 /* unterminated",
	"U&'a' 'b' u&\"\" u & 'x' n'a'\n'b'",
	"$a$b$a$c$a $ $1$ $$$$ $é$x$é$",
}

func TestLexerAgreesWithTheScanner(t *testing.T) {
	for _, seed := range lexerSeeds {
		agree(t, seed)
		for i := range len(seed) {
			agree(t, seed[i:])
			agree(t, seed[:i])
		}
	}
	for _, c := range judgements {
		agree(t, c.sql)
	}
}

func FuzzLexer(f *testing.F) {
	for _, seed := range lexerSeeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) { agree(t, text) })
}

// TestSharingForms holds that texts of one form mean the same, and that texts
// which may mean different things do not share one.
func TestSharingForms(t *testing.T) {
	form := func(text string) string {
		f, ok := strip(nil, text)
		if !ok {
			return ""
		}
		return string(f)
	}
	for _, text := range []string{
		"SELECT/*0000", "SELECT 'x", "SELECT * FROM t WHERE a = 'x\n", "SELECT \"a", "SELECT $$x", "SELECT 1 /* /* */",
		"SELECT/*\x810*/*", "SELECT 1 /*\x00*/",
	} {
		require.Empty(t, form(text), "%q is refused by the target and shares nothing", text)
	}
	for _, c := range [][2]string{
		{"SELECT * FROM t WHERE a = 1", "SELECT * FROM t WHERE a = 23"},
		{"SELECT * FROM t WHERE a = 'x'", "SELECT * FROM t WHERE a = 'it''s; --'"},
		{"SELECT * FROM t WHERE a IN (1, 2)", "SELECT * FROM t WHERE a IN (3, 4)"},
		{"INSERT INTO t (a, b) VALUES (1, 'x')", "INSERT INTO t (a, b) VALUES (2, 'y')"},
		{"UPDATE t SET a = 1.5 WHERE (b = 'x' OR (c = 2))", "UPDATE t SET a = 2.5 WHERE (b = 'y' OR (c = 3))"},
		{"SELECT 1 /* trace=1 */", "SELECT 1 /* trace=2; */"},
		{"WITH x AS (SELECT 1) SELECT * FROM x;", "WITH x AS (SELECT 2) SELECT * FROM x;"},
	} {
		require.NotEmpty(t, form(c[0]))
		require.Equal(t, form(c[0]), form(c[1]))
	}
	for _, c := range [][2]string{
		{"SELECT f(1)", "SELECT f(2)"},
		{"SELECT set_config('role', 'x', false)", "SELECT set_config('work_mem', 'x', false)"},
		{"SELECT set_config((SELECT 'role'), '', false)", "SELECT set_config((SELECT 'a'), '', false)"},
		{`SELECT "in"(1)`, `SELECT "in"(2)`},
		{"SELECT s.in(1)", "SELECT s.in(2)"},
		{"SELECT 1 LIMIT 1", "SELECT 1 LIMIT 2"},
		{"SELECT a::varchar(3)", "SELECT a::varchar(4)"},
		{"SELECT E'a'", "SELECT E'b'"},
		{"SELECT 1", "SELECT 'x'"},
		{"SELECT 1", "SELECT 1.5"},
		{"SELECT 1", "SELECT 12345678901"},
		{"SELECT a/**/ b", "SELECT a/ b"},
		{"SELECT 'a' 'b'", "SELECT 'a'\n'b'"},
		{"SELECT 1 a", "SELECT 1a"},
		{"SELECT 'a'", "SELECT \x01"},
	} {
		if form(c[0]) != "" {
			require.NotEqual(t, form(c[0]), form(c[1]))
		}
	}
	for _, text := range []string{
		"SET a = 1", "COPY t FROM 'x'", "DO 'x'", "EXPLAIN SELECT 1", "SELECT 1; SELECT 2", "EXECUTE p(1)",
		"CREATE ROLE x PASSWORD 'a'", "NOTIFY a, 'b'", "SELECT 1)", "SELECT 0x1F", "",
	} {
		require.Empty(t, form(text), text)
	}
	for _, c := range judgements {
		if f := form(c.sql); f != "" {
			again, ok := strip(nil, c.sql+" -- x")
			require.True(t, ok)
			require.True(t, strings.HasPrefix(string(again), strings.TrimRight(f, "\n ")), c.sql)
		}
	}
}
