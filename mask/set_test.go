package mask

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestColumns(t *testing.T) {
	tests := []struct {
		pattern string
		want    Column
	}{
		{"customers.ssn", Column{Table: "customers", Column: "ssn"}},
		{"HR.Payroll.Salary", Column{Schema: "hr", Table: "payroll", Column: "salary"}},
		{"payroll.*", Column{Table: "payroll", Column: "*"}},
		{"hr.payroll.*", Column{Schema: "hr", Table: "payroll", Column: "*"}},
		{`"Weird.Name".col`, Column{Table: "Weird.Name", Column: "col"}},
		{`a."Say ""hi"""."B c"`, Column{Schema: "a", Table: `Say "hi"`, Column: "B c"}},
		{"tablé.ü", Column{Table: "tablé", Column: "ü"}},
	}
	for _, tt := range tests {
		tt.want.Method = Full()
		s := set(t, Columns(tt.pattern, Full()))
		require.Equal(t, []Column{tt.want}, s.Columns(), tt.pattern)
		again := set(t, Columns(tt.want.String(), Full()))
		assert.Equal(t, s.Columns(), again.Columns(), "what String writes reads back")
		assert.False(t, s.Detects())
		tt.want.Optional = true
		assert.Equal(t, []Column{tt.want}, set(t, Columns(tt.pattern, Full()).Optional()).Columns())
	}
}

func TestMistakesAreJoined(t *testing.T) {
	_, err := New(
		Rule{}, Columns("ssn", Full()), Columns("a.b.c.d", Full()), Columns("a..b", Full()), Columns("", Full()), Columns("*.a", Full()), Columns("a.*.b", Full()),
		Columns(`"a.b`, Full()), Columns(`"a"b.c`, Full()), Columns(`a."*"`, Full()), Columns("a.x*", Full()), Columns("a b.c", Full()), Columns(`"".c`, Full()),
		Columns("t.nil", nil), Columns("t.keep", Keep(0)), Columns("t.hash", Hash([]byte("short"))),
		Columns("t.c", Full()), Columns("T.C", Null()), Secrets(), Secrets(), Secrets().Optional(),
		Pattern("bad", "("), Pattern("empty", "x*"), Pattern("anchor", `\b`), Pattern("", "x"), Pattern("secrets", "x"), Pattern("a", "x"), Pattern("a", "y"),
	)
	require.Error(t, err)
	for _, part := range []string{
		"mask rule 1: it is empty", `mask rule 2: columns "ssn": it must be`, `rule 3: columns "a.b.c.d": it must be`, "rule 4: columns \"a..b\": a name is empty", "rule 5:",
		`rule 6: columns "*.a": "*" stands`, "rule 7:", "rule 8: columns \"\\\"a.b\": a quote is not closed", "rule 9:", "rule 10:", `rule 11: columns "a.x*": the name "x*" needs quotes`, "rule 12:", "rule 13:",
		"rule 14: columns \"t.nil\": it has no method", "rule 15: columns \"t.keep\": Keep(0)", "rule 16: columns \"t.hash\": Hash needs", `rule 18: columns "t.c": another rule`,
		"rule 20: secrets: another rule", "rule 21: Optional is for", `rule 22: pattern "bad": error parsing`, `rule 23: pattern "empty": it matches the empty`, `rule 24: pattern "anchor": it matches`,
		"rule 25: pattern \"\": it has no name", "rule 26:", "rule 28: a: another rule",
	} {
		assert.ErrorContains(t, err, part)
	}
	assert.NotContains(t, err.Error(), "rule 17")
}

func TestMethods(t *testing.T) {
	key := []byte("0123456789abcdef")
	tests := []struct {
		method      Method
		name, value string
		want        string
	}{
		{Full(), "full", "anything", "********"}, {Full(), "full", "", "********"},
		{Keep(4), "keep(4)", "123-45-6789", "*******6789"}, {Keep(4), "keep(4)", "6789", "****"}, {Keep(4), "keep(4)", "x", "*"}, {Keep(4), "keep(4)", "", ""},
		{Keep(2), "keep(2)", "grüße", "***ße"}, {Keep(2), "keep(2)", "a\xff\xfe\xfd", "**\xfe\xfd"}, {Keep(1), "keep(1)", "日本語", "**語"},
		{Hash(key), "hash", "a", "0c806ca38a87cad9"}, {Hash(key), "hash", "", "496dc93fa2d26eae"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.name, tt.method.Name())
		got, null := tt.method.Apply([]byte("x:"), []byte(tt.value))
		assert.False(t, null)
		assert.Equal(t, "x:"+tt.want, string(got), "%s of %q", tt.name, tt.value)
	}
	got, isNull := Null().Apply([]byte("x:"), []byte("value"))
	assert.True(t, isNull)
	assert.Equal(t, "x:", string(got))
	assert.Equal(t, "null", Null().Name())
	one, _ := Hash(key).Apply(nil, []byte("a"))
	two, _ := Hash([]byte("0123456789abcdeF")).Apply(nil, []byte("a"))
	assert.NotEqual(t, one, two)
}

func TestKeysDoNotPrint(t *testing.T) {
	key := []byte("0123456789abcdef")
	m := Hash(key)
	key[0] = 'x'
	got, _ := m.Apply(nil, []byte("a"))
	assert.Equal(t, "0c806ca38a87cad9", string(got), "the key was copied")
	s := set(t, Columns("a.b", m))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
		for _, v := range []any{m, s, s.Columns()} {
			text := fmt.Sprintf(verb, v)
			for _, form := range []string{"123456789abcdef", "313233343536", "49 50 51 52", "0x31, 0x32"} {
				assert.NotContains(t, text, form)
			}
		}
	}
}

func TestDigest(t *testing.T) {
	base := []Rule{Columns("a.b", Keep(4)), Secrets()}
	d := set(t, base...).Digest()
	assert.Equal(t, "3f0584237326ff9c394bf26e5e87afcdc91a6d19ccfb64ef46345afe22df0456", d, "a change here means that old records name other digests for the same rules")
	for name, rules := range map[string][]Rule{
		"none": {}, "fewer": base[:1], "other column": {Columns("a.c", Keep(4)), Secrets()}, "other method": {Columns("a.b", Keep(5)), Secrets()},
		"optional": {Columns("a.b", Keep(4)).Optional(), Secrets()}, "order": {base[1], base[0]}, "more": append(base[:2:2], Pattern("x", "y")),
		"pattern": append(base[:2:2], Pattern("x", "z")), "key": {Columns("a.b", Hash([]byte("0123456789abcdef"))), Secrets()}, "other key": {Columns("a.b", Hash([]byte("0123456789abcdeg"))), Secrets()},
	} {
		other := set(t, rules...).Digest()
		assert.NotEqual(t, d, other, name)
		d = other // pairs that follow each other differ as well, whatever the order
	}
}

func TestNilSet(t *testing.T) {
	var s *Set
	b := []byte("password=x")
	assert.Empty(t, s.Columns())
	assert.False(t, s.Detects())
	assert.False(t, s.Suspect(b))
	assert.Zero(t, s.Redact(b))
	assert.Empty(t, s.Digest())
	assert.True(t, set(t, Secrets()).Detects())
	assert.True(t, set(t, Personal()).Detects())
	assert.True(t, set(t, Pattern("x", "y")).Detects())
}

func TestTableFits(t *testing.T) {
	words := Secrets().detector.words
	require.LessOrEqual(t, len(words), maxWords)
	f := newWordFinder(words)
	require.Less(t, len(f.next), 1<<16, "states are numbers of 16 bits")
	for i, w := range words {
		s := uint16(0)
		for j := range len(w.word) {
			s = f.next[int(s)+int(f.class[w.word[j]])]
		}
		assert.Contains(t, f.endsAt(s), i, w.word)
	}
}

func TestRedactDoesNotAllocate(t *testing.T) {
	s := set(t, Secrets(), Personal())
	b := []byte("mail ann@example.com, password=hunter2")
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		s.Suspect(b)
		s.Redact(b)
	}))
}

func Example() {
	set, err := New(Columns("customers.ssn", Keep(4)), Secrets(), Personal(), Pattern("employee", `\bEMP-(\d{6})\b`))
	if err != nil {
		panic(err)
	}
	text := []byte("EMP-104711 <ann@example.com> connects to postgres://app:hunter2@db/shop")
	if set.Suspect(text) {
		fmt.Println(set.Redact(text), "places")
	}
	fmt.Println(string(text))
	shown, _ := set.Columns()[0].Method.Apply(nil, []byte("078-05-1120"))
	fmt.Println(string(shown))
	// Output:
	// 3 places
	// EMP-****** <***************> connects to postgres://app:*******@db/shop
	// *******1120
}
