package postgres_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/mask"
)

// canary is the value that nobody may see.
const canary = "943-27-6581"

// canaryForms are the shapes in which it might slip out.
func canaryForms() map[string][]byte {
	digest := md5.Sum([]byte(canary))
	reversed := []byte(canary)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return map[string][]byte{
		"plain": []byte(canary), "hex": []byte(hex.EncodeToString([]byte(canary))), "base64": []byte(base64.StdEncoding.EncodeToString([]byte(canary))),
		"md5": []byte(hex.EncodeToString(digest[:])), "reversed": reversed, "without dashes": []byte(strings.ReplaceAll(canary, "-", "")),
		"first part": []byte("943-27"), "as a number": []byte("943276581"),
	}
}

const customers = `
CREATE TABLE customers(id int PRIMARY KEY, name text NOT NULL, ssn text UNIQUE, age int, CHECK (age < 150));
INSERT INTO customers VALUES (1, 'Ada', '` + canary + `', 36), (2, 'Bob', NULL, 41);
CREATE TABLE orders(id int PRIMARY KEY, customer int REFERENCES customers, note text, at date);
INSERT INTO orders VALUES (10, 1, 'first', '2026-01-02');
CREATE VIEW customer_view AS SELECT * FROM customers;
CREATE VIEW view_of_view AS SELECT name, ssn AS harmless FROM customer_view;
CREATE MATERIALIZED VIEW customer_copy AS SELECT id, ssn FROM customers;
CREATE FUNCTION peek() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.customers WHERE id = 1';
CREATE FUNCTION peeks() RETURNS SETOF text LANGUAGE plpgsql AS $$BEGIN RETURN QUERY SELECT ssn FROM public.customers; END$$;
CREATE TABLE parent(ssn text, x int); CREATE TABLE child(extra int) INHERITS (parent);
ANALYZE;
`

var ssnMask = []mask.Rule{mask.Columns("customers.ssn", mask.Full())}

// evasions are ways to get at the canary. Each must be refused, or show
// nothing of it.
var evasions = map[string]string{
	"plain":                     `SELECT ssn FROM customers ORDER BY id`,
	"star":                      `SELECT * FROM customers ORDER BY id`,
	"renamed":                   `SELECT ssn AS x FROM customers ORDER BY id`,
	"renamed to another column": `SELECT ssn AS name FROM customers`,
	"table alias":               `SELECT c.ssn FROM customers c`,
	"column aliases":            `SELECT b FROM customers AS c(a, x, b, d)`,
	"quoted name":               `SELECT "ssn" FROM "public"."customers"`,
	"unicode name":              `SELECT U&"\0073sn" FROM customers`,
	"expression":                `SELECT ssn || '' FROM customers`,
	"function":                  `SELECT upper(ssn) FROM customers`,
	"reverse":                   `SELECT reverse(ssn) FROM customers`,
	"substring":                 `SELECT substr(ssn, 1, 6) FROM customers`,
	"encode":                    `SELECT encode(ssn::bytea, 'hex') FROM customers`,
	"base64":                    `SELECT encode(ssn::bytea, 'base64') FROM customers`,
	"md5":                       `SELECT md5(ssn) FROM customers`,
	"cast to bytea":             `SELECT ssn::bytea FROM customers`,
	"cast to varchar":           `SELECT ssn::varchar(20) FROM customers`,
	"cast that fails":           `SELECT ssn::int FROM customers`,
	"cast inside":               `SELECT replace(ssn,'-','')::bigint FROM customers`,
	"case":                      `SELECT CASE WHEN true THEN ssn END FROM customers`,
	"coalesce":                  `SELECT coalesce(ssn, '') FROM customers`,
	"whole row":                 `SELECT c FROM customers c`,
	"whole row by name":         `SELECT customers FROM customers`,
	"row to json":               `SELECT row_to_json(c) FROM customers c`,
	"to_jsonb":                  `SELECT to_jsonb(customers) FROM customers`,
	"json_agg":                  `SELECT json_agg(c) FROM customers c`,
	"string_agg":                `SELECT string_agg(ssn, ',') FROM customers`,
	"array_agg":                 `SELECT array_agg(ssn) FROM customers`,
	"array":                     `SELECT ARRAY(SELECT ssn FROM customers)`,
	"row":                       `SELECT ROW(ssn) FROM customers`,
	"min and max":               `SELECT min(ssn), max(ssn) FROM customers`,
	"unnest":                    `SELECT unnest(array_agg(ssn)) FROM customers`,
	"string to rows":            `SELECT regexp_split_to_table(ssn, '-') FROM customers`,
	"subquery":                  `SELECT x FROM (SELECT ssn AS x FROM customers) s`,
	"scalar subquery":           `SELECT (SELECT ssn FROM customers WHERE id = 1)`,
	"subquery in orders":        `SELECT o.id, (SELECT ssn FROM customers c WHERE c.id = o.customer) FROM orders o`,
	"CTE":                       `WITH c AS (SELECT ssn AS x FROM customers) SELECT x FROM c`,
	"materialized CTE":          `WITH c AS MATERIALIZED (SELECT ssn AS x FROM customers) SELECT x || '' FROM c`,
	"recursive CTE":             `WITH RECURSIVE c(x, n) AS (SELECT ssn, 1 FROM customers UNION ALL SELECT x, n+1 FROM c WHERE n < 2) SELECT x FROM c`,
	"lateral":                   `SELECT l.x FROM orders o, LATERAL (SELECT ssn AS x FROM customers c WHERE c.id = o.customer) l`,
	"join":                      `SELECT c.ssn FROM orders o JOIN customers c ON c.id = o.customer`,
	"join using":                `SELECT ssn FROM customers a JOIN customers b USING (ssn)`,
	"full join using":           `SELECT ssn FROM customers a FULL JOIN customers b USING (ssn)`,
	"natural join":              `SELECT ssn FROM customers a NATURAL JOIN customers b`,
	"union":                     `SELECT name FROM customers UNION SELECT ssn FROM customers`,
	"union all in subquery":     `SELECT x FROM (SELECT name AS x FROM customers UNION ALL SELECT ssn FROM customers) s`,
	"union over another table":  `SELECT note FROM orders UNION ALL SELECT ssn FROM customers`,
	"intersect":                 `SELECT ssn FROM customers INTERSECT SELECT ssn FROM customers`,
	"values":                    `VALUES ((SELECT ssn FROM customers WHERE id = 1))`,
	"table command":             `TABLE customers`,
	"only":                      `SELECT ssn FROM ONLY customers`,
	"tablesample":               `SELECT ssn FROM customers TABLESAMPLE BERNOULLI (100)`,
	"distinct":                  `SELECT DISTINCT ssn FROM customers`,
	"group by":                  `SELECT ssn, count(*) FROM customers GROUP BY ssn`,
	"window":                    `SELECT first_value(ssn) OVER (ORDER BY id) FROM customers`,
	"for update":                `SELECT ssn FROM customers FOR UPDATE`,
	"view":                      `SELECT ssn FROM customer_view`,
	"view of a view":            `SELECT harmless FROM view_of_view`,
	"view, expression":          `SELECT harmless || '' FROM view_of_view`,
	"materialized view":         `SELECT ssn FROM customer_copy`,
	"materialized, expression":  `SELECT lower(ssn) FROM customer_copy`,
	"sql function":              `SELECT peek()`,
	"set-returning function":    `SELECT * FROM peeks()`,
	"function in where":         `SELECT 1 FROM orders WHERE peek() = 'x'`,
	"query_to_xml":              `SELECT query_to_xml('SELECT ssn FROM customers', true, true, '')`,
	"table_to_xml":              `SELECT table_to_xml('customers', true, true, '')`,
	"statistics":                `SELECT most_common_vals FROM pg_stats WHERE tablename = 'customers'`,
	"statistics, cast":          `SELECT histogram_bounds::text FROM pg_stats WHERE tablename = 'customers'`,
	"raw statistics":            `SELECT stavalues1::text FROM pg_statistic`,
	"copy":                      `COPY customers TO STDOUT`,
	"copy a column":             `COPY customers (ssn) TO STDOUT`,
	"copy a query":              `COPY (SELECT ssn FROM customers) TO STDOUT`,
	"copy a view":               `COPY (SELECT * FROM customer_view) TO STDOUT`,
	"copy to a program":         `COPY customers TO PROGRAM 'cat > /dev/null'`,
	"explain analyze":           `EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM customers WHERE ssn > ''`,
	"do with notice":            `DO $$DECLARE s text; BEGIN SELECT ssn INTO s FROM customers LIMIT 1; RAISE NOTICE '%', s; END$$`,
	"do with error":             `DO $$DECLARE s text; BEGIN SELECT ssn INTO s FROM customers LIMIT 1; RAISE EXCEPTION '%', s; END$$`,
	"notify":                    `SELECT pg_notify('c', ssn) FROM customers`,
	"set_config":                `SELECT set_config('my.x', ssn, false) FROM customers`,
	"update returning":          `UPDATE customers SET age = age WHERE id = 1 RETURNING ssn`,
	"update returning expr":     `UPDATE customers SET age = age WHERE id = 1 RETURNING ssn || ''`,
	"delete returning":          `DELETE FROM customers WHERE id = 99 RETURNING *`,
	"update to another column":  `UPDATE customers SET name = ssn`,
	"update from":               `UPDATE orders SET note = c.ssn FROM customers c WHERE c.id = customer`,
	"insert select":             `INSERT INTO orders SELECT 11, 1, ssn, now() FROM customers WHERE id = 1`,
	"insert returning":          `INSERT INTO orders VALUES (12, 1, (SELECT ssn FROM customers WHERE id = 1), now()) RETURNING note`,
	"on conflict":               `INSERT INTO customers VALUES (1, 'x', 'y', 1) ON CONFLICT (id) DO UPDATE SET name = customers.ssn RETURNING name`,
	"duplicate key":             `INSERT INTO customers VALUES (3, 'x', '` + "943" + `-27-6581', 1)`,
	"check violation":           `UPDATE customers SET age = 200 WHERE id = 1`,
	"create table as":           `CREATE TABLE t AS SELECT ssn FROM customers`,
	"select into":               `SELECT ssn INTO t2 FROM customers`,
	"temporary table":           `CREATE TEMP TABLE t3 AS TABLE customers`,
	"create view":               `CREATE VIEW v AS SELECT ssn FROM customers`,
	"rename column":             `ALTER TABLE customers RENAME COLUMN ssn TO innocent`,
	"rename table":              `ALTER TABLE customers RENAME TO innocent`,
	"move to schema":            `ALTER TABLE customers SET SCHEMA pg_temp`,
	"inherit":                   `CREATE TABLE kid() INHERITS (customers)`,
	"index expression":          `CREATE INDEX ON customers ((ssn::int))`,
	"rule":                      `CREATE RULE r AS ON INSERT TO orders DO ALSO SELECT ssn FROM customers`,
	"create function":           `CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM customers'`,
	"cursor":                    `BEGIN; DECLARE c CURSOR FOR SELECT ssn FROM customers; FETCH ALL FROM c; COMMIT`,
	"cursor, expression":        `BEGIN; DECLARE c CURSOR FOR SELECT ssn || '' FROM customers; FETCH ALL FROM c; COMMIT`,
	"prepare":                   `PREPARE p AS SELECT ssn || '' FROM customers; EXECUTE p; DEALLOCATE p`,
	"prepared insert":           `PREPARE q AS INSERT INTO orders SELECT 13, 1, ssn, now() FROM customers WHERE id = 1; EXECUTE q; SELECT note FROM orders`,
	"comments":                  `SELECT/**/ssn/*x*/FROM--` + "\n" + `customers`,
	"merge":                     `MERGE INTO orders o USING customers c ON o.customer = c.id WHEN MATCHED THEN UPDATE SET note = c.ssn`,
	"large object":              `SELECT lo_from_bytea(0, ssn::bytea) FROM customers`,
	"advisory lock":             `SELECT pg_advisory_lock(replace(ssn,'-','')::bigint) FROM customers WHERE ssn IS NOT NULL`,
	"xml":                       `SELECT xmlelement(name x, ssn) FROM customers`,
	"json table function":       `SELECT * FROM json_each_text((SELECT row_to_json(c) FROM customers c LIMIT 1))`,
	"exists oracle shows 1 row": `SELECT o.note FROM orders o WHERE EXISTS (SELECT FROM customers WHERE ssn = 'x')`,
	"format":                    `SELECT format('%s', c) FROM customers c`,
	"hstore-like":               `SELECT (c).ssn FROM (SELECT c FROM customers c) s`,
	"composite star":            `SELECT (c).* FROM (SELECT c FROM customers c) s`,
	"generate series over":      `SELECT ascii(substr(ssn, g, 1)) FROM customers, generate_series(1, 11) g WHERE id = 1`,
	"division by zero":          `SELECT 1/(position('943' in ssn)-1) FROM customers WHERE id = 1`,
	"raise by cast in where":    `SELECT 1 FROM customers WHERE ssn::int = 1`,
	"order of masked":           `SELECT name FROM customers ORDER BY ssn::int`,
	"search path":               `SET search_path = public; SELECT ssn FROM customers`,
}

// show runs sql in one of three ways and returns everything that came.
func show(ctx context.Context, c *pgx.Conn, how, sql string) (shown string, err error) {
	var b bytes.Buffer
	switch {
	case how == "simple" || strings.Contains(sql, "; "):
		results, err := c.PgConn().Exec(ctx, sql).ReadAll()
		for _, r := range results {
			for _, row := range r.Rows {
				b.Write(bytes.Join(row, []byte{'|'}))
				b.WriteByte('\n')
			}
		}
		return b.String(), err
	case strings.HasPrefix(sql, "COPY") && strings.HasSuffix(sql, "STDOUT"):
		_, err := c.PgConn().CopyTo(ctx, &b, sql)
		return b.String(), err
	}
	formats := []int16{0}
	if how == "binary" {
		formats[0] = 1
	}
	r := c.PgConn().ExecParams(ctx, sql, nil, nil, nil, formats).Read()
	for _, row := range r.Rows {
		b.Write(bytes.Join(row, []byte{'|'}))
		b.WriteByte('\n')
	}
	return b.String(), r.Err
}

func TestEvasions(t *testing.T) {
	var notices bytes.Buffer
	r := start(t, options{masks: ssnMask, setup: customers})
	config, err := pgx.ParseConfig(r.dsn())
	require.NoError(t, err)
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { notices.WriteString(n.Message + n.Detail + n.Hint + "\n") }
	config.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { notices.WriteString(n.Payload + "\n") }
	var c *pgx.Conn
	for name, sql := range evasions {
		for _, how := range []string{"simple", "text", "binary"} {
			t.Run(name+"/"+how, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
				defer cancel()
				if c == nil || c.IsClosed() {
					c, err = pgx.ConnectConfig(ctx, config.Copy())
					require.NoError(t, err)
				}
				// What a statement does is undone, so that the next finds the same.
				_, err := c.PgConn().Exec(ctx, "BEGIN; LISTEN c").ReadAll()
				require.NoError(t, err)
				shown, err := show(ctx, c, how, strings.TrimSuffix(strings.TrimPrefix(sql, "BEGIN; "), "; COMMIT"))
				if err != nil {
					shown += err.Error()
					if pg, ok := err.(*pgconn.PgError); ok {
						shown += pg.Detail + pg.Hint + pg.Where + pg.InternalQuery
					}
				}
				_, err = c.PgConn().Exec(ctx, "ROLLBACK").ReadAll()
				require.NoError(t, err)
				shown += notices.String()
				notices.Reset()
				for form, secret := range canaryForms() {
					assert.NotContains(t, shown, string(secret), "%s: seen %s", sql, form)
				}
			})
		}
	}
	require.NoError(t, c.Close(t.Context()))
	for form, secret := range canaryForms() {
		for _, e := range r.Record.Events() {
			if e.Operation != nil || form == "plain" && e.Part != nil && e.Part.Kind == "copy" {
				continue // the client's own text may name it
			}
			assert.False(t, bytes.Contains(e.Payload, secret), "the record shows the canary %s: %.300q", form, e.Payload)
		}
	}
}

func TestMaskedAndClearSideBySide(t *testing.T) {
	r := start(t, options{setup: customers, masks: []mask.Rule{mask.Columns("customers.ssn", mask.Keep(4)), mask.Columns("public.customers.age", mask.Full())}})
	c := r.connect()
	for _, how := range []string{"simple", "text", "binary"} {
		shown, err := show(t.Context(), c, how, "SELECT name, ssn, age FROM customers ORDER BY id")
		require.NoError(t, err)
		assert.Equal(t, "Ada|*******6581|\nBob||\n", shown, how)
	}
	shown, err := show(t.Context(), c, "simple", "SELECT note FROM orders")
	require.NoError(t, err)
	assert.Equal(t, "first\n", shown)
	_, err = c.Exec(t.Context(), "UPDATE customers SET name = 'Eve' WHERE id = 2")
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), "INSERT INTO customers VALUES (7, $1, $2, 5)", "Zed", "000-00-0000")
	require.NoError(t, err)
	_, err = c.Exec(t.Context(), "DELETE FROM customers WHERE id = 7")
	require.NoError(t, err)
}

// Drivers that know a statement's shape execute without Describe.
func TestMaskedWithoutDescribe(t *testing.T) {
	r := start(t, options{setup: customers, masks: ssnMask})
	c := r.connect()
	ctx := t.Context()
	_, err := c.PgConn().Prepare(ctx, "s", "SELECT ssn FROM customers WHERE id = $1", nil)
	require.NoError(t, err)
	for range 3 {
		got := c.PgConn().ExecPrepared(ctx, "s", [][]byte{[]byte("1")}, nil, nil).Read()
		require.NoError(t, got.Err)
		assert.Equal(t, "********", string(got.Rows[0][0]))
	}
}

func TestMaskOfAColumnThatIsNotThere(t *testing.T) {
	r := start(t, options{setup: customers, masks: []mask.Rule{mask.Columns("customers.snn", mask.Full())}})
	_, err := pgx.Connect(t.Context(), r.dsn())
	require.Error(t, err)
	assert.Contains(t, err.Error(), "rules name objects that the target does not have")
	assert.True(t, r.Log.Contains("customers.snn"), "%s", r.Log)
}

// What others send along with a notification may be a row.
func TestNotificationsAreHidden(t *testing.T) {
	r := start(t, options{masks: ssnMask, setup: customers})
	c := r.connect()
	_, err := c.Exec(t.Context(), "LISTEN news")
	require.NoError(t, err)
	_, err = r.direct().Exec(t.Context(), "SELECT pg_notify('news', ssn) FROM customers")
	require.NoError(t, err)
	n, err := c.WaitForNotification(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "news", n.Channel)
	assert.NotContains(t, n.Payload, canary)
	assert.False(t, r.Record.Holds([]byte(canary)))
}

// What is masked may come only after the session has begun.
func TestMaskedThingsThatComeLater(t *testing.T) {
	late := mask.Columns("secrets.value", mask.Full())
	late = late.Optional()
	r := start(t, options{setup: "CREATE TABLE notes(id int, note text); INSERT INTO notes VALUES (1, 'x')", masks: []mask.Rule{late, mask.Columns("notes.*", mask.Full())}})
	c := r.connect()
	assert.Equal(t, "********", value[string](t, c, "SELECT note FROM notes"))
	admin := r.direct()
	for _, sql := range []string{
		"CREATE TABLE secrets(value text); INSERT INTO secrets VALUES ('" + canary + "')",
		"ALTER TABLE notes ADD COLUMN more text; UPDATE notes SET more = '" + canary + "'",
	} {
		_, err := admin.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	assert.NotContains(t, value[string](t, c, "SELECT more FROM notes"), canary)
	assert.NotContains(t, value[string](t, c, "SELECT value FROM secrets"), canary)

	// And where nothing was there to mask at all.
	r = start(t, options{masks: []mask.Rule{late}})
	c = r.connect()
	_, err := r.direct().Exec(t.Context(), "CREATE TABLE secrets(value text); INSERT INTO secrets VALUES ('"+canary+"')")
	require.NoError(t, err)
	assert.NotContains(t, value[string](t, c, "SELECT value FROM secrets"), canary)
}
