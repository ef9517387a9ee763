package pgvalue_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
	"github.com/sallyport/sallyport/protocol/postgres/internal/pgvalue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// values are literals of each type whose binary form is read.
var values = map[string][]string{
	"bool":    {"t", "f"},
	"int2":    {"0", "-1", "32767", "-32768"},
	"int4":    {"0", "-1", "2147483647", "-2147483648"},
	"int8":    {"0", "-1", "9223372036854775807", "-9223372036854775808"},
	"oid":     {"0", "4294967295"},
	"xid":     {"4294967295"},
	"cid":     {"7"},
	"xid8":    {"18446744073709551615"},
	"tid":     {"(0,1)", "(4294967295,65535)"},
	"pg_lsn":  {"0/0", "16/B374D848", "FFFFFFFF/FFFFFFFF"},
	"float4":  {"0", "-0", "1", "1.5", "-1.1", "100000", "999999", "1e6", "1e7", "123456.78", "0.0001", "0.00001", "3.4028235e38", "1e-45", "NaN", "Infinity", "-Infinity"},
	"float8":  {"0", "-0", "1", "0.1", "-1e14", "1e15", "123456789012345.6", "1234567890123456", "0.0001", "0.00001", "1.7976931348623157e308", "5e-324", "0.30000000000000004", "NaN", "Infinity", "-Infinity"},
	"numeric": {"0", "0.0", "0.000", "1", "-1", "10000", "9999", "100000000", "1e100", "-12345678901234567890.123456789", "0.1", "0.0001", "0.00001", "0.000012340000", "1.10", "123.4560", "99990000.00010000", "NaN", "Infinity", "-Infinity", "1e-200", "5e1000"},
	"money":   {"0", "0.01", "-0.01", "1", "1234.56", "-1234567.89", "999", "1000", "92233720368547758.07", "-92233720368547758.08"},
	"text":    {"", "x", "NULL", "null", `a"b\c`, "{a,b}", " ", "tab\there", "ümlaut 漢字"},
	"varchar": {"", "x y"},
	"bpchar":  {"x"},
	"name":    {"pg_class"},
	`"char"`:  {"", "x"},
	"json":    {`{"a": [1, null]}`, `"x"`},
	"jsonb":   {`{"a": [1, null]}`, "null"},
	"xml":     {"<a>b</a>"},
	"bytea":   {"", `\x00`, `\xdeadbeef`},
	"uuid":    {"00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
	"date": {"2000-01-01", "1999-12-31", "2024-02-29", "1900-03-01", "0001-01-01", "0001-12-31 BC", "0044-03-15 BC", "4713-01-01 BC",
		"5874897-12-31", "12345-06-07", "infinity", "-infinity", "1582-10-15"},
	"time":   {"00:00", "24:00", "23:59:59.999999", "12:34:56.7", "01:02:03.000001"},
	"timetz": {"00:00+00", "12:34:56.78-03:30", "01:02:03+14", "01:02:03-15:59:59", "04:05:06+05:45", "00:00:00-00:30", "23:00+00:00:01"},
	"timestamp": {"2000-01-01", "1999-12-31 23:59:59.999999", "2024-02-29 12:00:00.5", "0044-03-15 01:02:03 BC", "4713-01-01 BC",
		"294276-12-31 23:59:59.999999", "infinity", "-infinity", "epoch"},
	"timestamptz": {"2000-01-01 00:00+00", "2024-07-01 12:00:00.25+02", "0044-03-15 01:02:03+00 BC", "infinity", "-infinity"},
	"interval": {"0", "1 year", "-1 year", "2 years 1 mon 1 day", "1 mon -1 day", "-1 mon +1 day 00:00:01", "1 day -00:00:01", "100:00:00", "-0.5 seconds",
		"-1 year -2 mons +3 days 04:05:06.789", "1 day", "13 mons", "-13 mons", "178000000 years", "00:00:00.000001", "-1 day 01:00"},
	"inet": {"192.168.0.1", "10.0.0.0/8", "0.0.0.0/0", "::1", "::", "::/0", "fe80::1/64", "2001:db8::ff:0:0", "::ffff:1.2.3.4", "::1.2.3.4", "::1:2", "::0.1.0.0", "1:0:0:2:0:0:0:3",
		"1:0:3:4:5:6:7:8", "::ffff:0:1.2.3.4", "0:0:0:0:1:0:0:0"},
	"cidr":     {"192.168.0.0/24", "192.168.0.1/32", "::/0", "2001:db8::/32", "::1/128", "::ffff:1.2.3.0/120"},
	"macaddr":  {"08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"},
	"macaddr8": {"08:00:2b:01:02:03:04:05"},
	"bit(9)":   {"101010101"},
	"varbit":   {"", "1", "10000000", "101010101"},
}

// vectors have an array form of their own.
var vectors = map[string][]string{"int2vector": {"", "1 2 -3"}, "oidvector": {"", "1 4294967295"}}

var arrays = map[string][]string{
	"int4[]": {"{}", "{1}", "{1,NULL,3}", "{{1,2},{3,4}}", "[2:3]={1,2}", "[0:0][-1:0]={{1,2}}", "{{{{{{1}}}}}}"},
	"text[]": {"{}", `{"",NULL,"NULL","nUlL",a,"a b","a,b","a\"b","a\\b","{}","a
b"}`},
	"jsonb[]":     {`{"{\"a\": 1}"}`},
	"timestamp[]": {`{"2024-01-01 00:00:00",infinity}`},
	"bytea[]":     {`{"\\x00ff",NULL}`},
	"numeric[]":   {"{1.50,NaN}"},
	"interval[]":  {`{"1 day",00:00:01}`},
}

func open(t *testing.T) *pgconn.PgConn {
	s := pgservertest.Run(t)
	c, err := pgconn.Connect(t.Context(), s.DSN(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close(t.Context()) })
	return c
}

// both runs a query for its text and its binary results and compares them.
func both(t *testing.T, c *pgconn.PgConn, query string) {
	t.Helper()
	seed := func() { // random() gives the same again
		_, err := c.Exec(t.Context(), "select setseed(0.5)").ReadAll()
		require.NoError(t, err)
	}
	seed()
	text := c.ExecParams(t.Context(), query, nil, nil, nil, []int16{0}).Read()
	require.NoError(t, text.Err, query)
	seed()
	binary := c.ExecParams(t.Context(), query, nil, nil, nil, []int16{1}).Read()
	require.NoError(t, binary.Err, query)
	require.Len(t, binary.Rows, len(text.Rows))
	for i, row := range text.Rows {
		for j, want := range row {
			oid := binary.FieldDescriptions[j].DataTypeOID
			have, ok := pgvalue.Text([]byte("before "), oid, 1, binary.Rows[i][j])
			require.True(t, ok, "%s of type %s: %x", query, pgvalue.Name(oid), binary.Rows[i][j])
			if "before "+string(want) != string(have) && !sameFloat(oid, string(want), strings.TrimPrefix(string(have), "before ")) {
				require.Equal(t, "before "+string(want), string(have), query)
			}
			again, ok := pgvalue.Text(nil, oid, 0, want)
			require.True(t, ok)
			require.Equal(t, string(want), string(again))
		}
	}
}

// sameFloat allows the digits less that are documented.
func sameFloat(oid uint32, want, have string) bool {
	bits := map[string]int{"float4": 32, "float8": 64}[pgvalue.Name(oid)]
	a, err1 := strconv.ParseFloat(want, bits)
	b, err2 := strconv.ParseFloat(have, bits)
	return bits != 0 && err1 == nil && err2 == nil && a == b && len(have) < len(want)
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func TestTextIsWhatTheServerPrints(t *testing.T) {
	c := open(t)
	for typ, literals := range values {
		var list []string
		for _, l := range literals {
			list = append(list, quote(l)+"::"+typ)
		}
		both(t, c, "select "+strings.Join(list, ", "))
		both(t, c, "select array["+strings.Join(list, ", ")+", null]")
	}
	for _, m := range []map[string][]string{vectors, arrays} {
		for typ, literals := range m {
			for _, l := range literals {
				both(t, c, "select "+quote(l)+"::"+typ)
			}
		}
	}
	both(t, c, "select pg_sleep(0)") // void
}

// Many values at once, so that no case is missed that nobody thought of.
func TestTextOfManyValues(t *testing.T) {
	c := open(t)
	for _, query := range []string{
		"select date '4713-01-01 BC' + 997 * i from generate_series(0, 10000) i",
		"select timestamp '4713-01-01 BC' + i * interval '37 days 05:06:07.891234' from generate_series(0, 10000) i",
		"select (random() * power(10, (random() * 40 - 20)::int))::float8 from generate_series(1, 5000)",
		"select (random() * power(10, (random() * 40 - 20)::int))::float4 from generate_series(1, 5000)",
		"select ((random() - 0.5)::numeric * power(10::numeric, (random() * 60 - 30)::int))::numeric from generate_series(1, 5000)",
		"select round(((random() - 0.5) * 1e9)::numeric, (random() * 12)::int) from generate_series(1, 3000)",
		"select ((random() - 0.5) * 1e15)::numeric::money from generate_series(1, 1000)",
		"select make_interval(months => ((random() - 0.5) * 100)::int, days => ((random() - 0.5) * 100)::int, secs => ((random() - 0.5) * 1e5)::int) from generate_series(1, 3000)",
		"select md5(i::text)::uuid from generate_series(1, 100) i",
		"select (select string_agg(case when random() < 0.6 then '0' else to_hex((random() * 65535)::int) end, ':') from generate_series(1, 8) where i = i)::inet from generate_series(1, 5000) i",
	} {
		both(t, c, query)
	}
}

func TestNamesAreTheServers(t *testing.T) {
	c := open(t)
	r := c.ExecParams(t.Context(), "select e.oid, e.typname, e.typarray, e.typcategory from pg_type e", nil, nil, nil, nil).Read()
	require.NoError(t, r.Err)
	names, arrays := map[uint32]string{}, map[uint32]string{}
	for _, row := range r.Rows {
		oid, _ := strconv.ParseUint(string(row[0]), 10, 32)
		array, _ := strconv.ParseUint(string(row[2]), 10, 32)
		names[uint32(oid)] = string(row[1])
		if array != 0 {
			arrays[uint32(array)] = string(row[1]) + "[]"
		}
		if string(row[3]) == "A" {
			assert.True(t, pgvalue.Structured(uint32(oid)), string(row[1]))
		}
	}
	known := 0
	for oid := range uint32(10_000) {
		name := pgvalue.Name(oid)
		if name == "" {
			continue
		}
		known++
		want := names[oid]
		if array, ok := arrays[oid]; ok {
			want = array
		}
		assert.Equal(t, want, name, fmt.Sprint(oid))
	}
	assert.Greater(t, known, 130)
}
