package sql

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"github.com/sallyport/sallyport/internal/pgserver"
	"github.com/sallyport/sallyport/internal/pgserver/pgservertest"
)

// What a statement is expected to come to.
const (
	refuse = "refuse"
	mask   = "mask" // goes through, computed fields are masked
	open   = "open" // goes through, only the protected columns themselves are masked
)

const evasionSchema = `
CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text);
CREATE TABLE orders (id int PRIMARY KEY, customer_id int, note text);
CREATE TABLE customers_old () INHERITS (customers);
CREATE TABLE parted (id int, ssn text) PARTITION BY RANGE (id);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (100);
CREATE VIEW customer_view AS SELECT id, ssn AS tax FROM customers;
CREATE MATERIALIZED VIEW customer_mat AS SELECT id, ssn AS tax FROM customers;
CREATE FUNCTION leak(customers) RETURNS text LANGUAGE sql AS $$ SELECT $1.ssn $$;
CREATE FUNCTION leaks() RETURNS SETOF customers LANGUAGE sql AS $$ SELECT * FROM customers $$;
CREATE FUNCTION leak_text() RETURNS text LANGUAGE sql AS $$ SELECT ssn FROM customers LIMIT 1 $$;
INSERT INTO orders VALUES (1, 1, 'n1'), (2, 1, 'n2');
CREATE SEQUENCE seq START 100;
CREATE FUNCTION harmless(text) RETURNS text LANGUAGE sql AS $$ SELECT $1 || 'b' $$;
`

var evasionGuard = &Guard{
	Relations: []Relation{
		{Schema: "public", Name: "customers", Columns: []string{"ssn"}},
		{Schema: "public", Name: "customers_old", Columns: []string{"ssn"}},
		{Schema: "public", Name: "parted", Columns: []string{"ssn"}},
		{Schema: "public", Name: "parted_1", Columns: []string{"ssn"}},
		{Schema: "public", Name: "customer_view", Derived: true},
		{Schema: "public", Name: "customer_mat", Columns: []string{"tax"}, Derived: true},
	},
	RowFunctions: []string{"leak"},
	Harmless:     []string{"harmless"},
}

// evasions are tried on a real server: with everything masked that Expose
// says, what a client sees must not depend on the protected values.
var evasions = []struct{ want, sql string }{
	// What agents do all day must keep working.
	{open, `SELECT id, name FROM customers ORDER BY id`},
	{open, `SELECT count(*) FROM customers`},
	{open, `SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.name`},
	{open, `SELECT 1 + 1, now() > '2020-01-01'`},
	{open, `UPDATE customers SET name = 'x' WHERE id = 1`},
	{open, `UPDATE customers SET ssn = 'client' WHERE id = 1`},
	{open, `UPDATE customers SET name = upper(name) WHERE id = 1 RETURNING id, name`},
	{open, `INSERT INTO customers (id, name, ssn) VALUES (7, 'x', 'client')`},
	{open, `INSERT INTO customers (id, ssn) VALUES (1, 'client') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn`},
	{open, `INSERT INTO customers (id, name) SELECT id + 100, note FROM orders`},
	{open, `DELETE FROM customers WHERE id = 1`},
	{open, `CREATE TABLE shape (LIKE customers INCLUDING ALL)`},
	{open, `CREATE TABLE kept AS SELECT id, name FROM customers`},
	{open, `INSERT INTO orders SELECT id + 10, id, name FROM customers`},
	{open, `EXPLAIN SELECT id FROM customers`},
	{open, `LISTEN ch`},
	{open, `CREATE INDEX ON customers (name)`},
	{open, `SELECT pid, state FROM pg_stat_activity WHERE false`},
	{open, `ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers (id) NOT VALID`},
	{open, `COMMENT ON COLUMN customers.ssn IS 'x'`},
	{open, `ANALYZE customers`},
	{open, `COPY customers (id, name) TO STDOUT`},
	{open, `DECLARE c CURSOR FOR SELECT id FROM customers`},
	{open, `SELECT o.id, o.note FROM orders o WHERE o.customer_id IN (SELECT id FROM customers)`},
	// The column itself is masked by its table and number.
	{mask, `SELECT ssn FROM customers`},
	{mask, `SELECT ssn AS x FROM customers`},
	{mask, `SELECT * FROM customers`},
	{mask, `TABLE customers`},
	{mask, `SELECT c.* FROM customers c`},
	{mask, `SELECT x.y FROM (SELECT ssn AS y FROM customers) x`},
	{mask, `WITH t AS (SELECT ssn AS y FROM customers) SELECT y FROM t`},
	{mask, `WITH t(a, b, c) AS (SELECT * FROM customers) SELECT c FROM t`},
	{mask, `SELECT c FROM (SELECT * FROM customers) AS x(a, b, c)`},
	{mask, `SELECT c.z FROM customers AS c(x, y, z)`},
	{mask, `SELECT j.z FROM (customers c JOIN orders o ON o.customer_id = c.id) AS j(x, y, z)`},
	{mask, `SELECT s.ssn FROM orders o, LATERAL (SELECT ssn FROM customers c WHERE c.id = o.customer_id) s`},
	{mask, `UPDATE customers SET name = 'x' RETURNING ssn`},
	{mask, `DELETE FROM customers RETURNING *`},
	{mask, `INSERT INTO customers (id, ssn) VALUES (9, 'client') RETURNING ssn, upper(ssn)`},
	{mask, `WITH d AS (DELETE FROM customers RETURNING ssn AS gone) SELECT gone, gone || 'x' FROM d`},
	{mask, `DECLARE c CURSOR FOR SELECT ssn, upper(ssn) FROM customers; FETCH ALL FROM c`},
	{mask, `DECLARE c SCROLL CURSOR FOR SELECT ssn || '' FROM customers; MOVE 1 IN c; FETCH PRIOR FROM c`},
	{mask, `PREPARE p AS SELECT ssn, lower(ssn) FROM customers; EXECUTE p`},
	{mask, `SELECT tax FROM customer_view`},
	{mask, `SELECT id, tax, upper(tax) FROM customer_view`},
	{mask, `SELECT count(*) FROM customer_view`},
	{mask, `SELECT tax || '' FROM customer_mat`},
	{mask, `SELECT ssn FROM ONLY customers_old`},
	{mask, `SELECT ssn, ssn || '' FROM parted_1`},
	{mask, `SELECT id, name FROM customers c(id, ssn, name)`},
	{mask, `SELECT t.name || '' FROM customers t(id, ssn, name)`},
	{mask, `WITH customers(id, ssn, name) AS (TABLE customers) SELECT name || '' FROM customers`},
	{mask, `SELECT name || '' FROM (TABLE customers) q(id, ssn, name)`},
	{mask, `SELECT x || '' FROM customers, LATERAL (VALUES (ssn)) v(x)`},
	{mask, `SELECT a || '' FROM (customers CROSS JOIN orders) AS j(i, n, a)`},
	{mask, `UPDATE customers c SET name = 'x' RETURNING c::text`},
	{mask, `INSERT INTO customers (id, ssn) VALUES (1, 'c') ON CONFLICT (id) DO UPDATE SET name = '' RETURNING customers`},
	{mask, `INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = '' RETURNING (customers).ssn || ''`},
	// Expressions have no column of their own.
	{mask, `SELECT ssn || '' FROM customers`},
	{mask, `SELECT ssn COLLATE "C" FROM customers`},
	{mask, `SELECT (ssn) FROM customers`},
	{mask, `SELECT ssn::varchar(30) FROM customers`},
	{mask, `SELECT CASE WHEN true THEN ssn END FROM customers`},
	{mask, `SELECT coalesce(ssn, '') FROM customers`},
	{mask, `SELECT reverse(ssn), md5(ssn), length(ssn), encode(ssn::bytea, 'hex') FROM customers`},
	{mask, `SELECT string_agg(ssn, ',') FROM customers`},
	{mask, `SELECT max(ssn) FROM customers`},
	{mask, `SELECT array_agg(ssn) FROM customers`},
	{mask, `SELECT (array_agg(c))[1] FROM customers c`},
	{mask, `SELECT first_value(ssn) OVER (ORDER BY id) FROM customers`},
	{mask, `SELECT (SELECT ssn FROM customers LIMIT 1)`},
	{mask, `SELECT ARRAY(SELECT ssn FROM customers)`},
	{mask, `SELECT id, (SELECT max(c.ssn) FROM customers c) FROM orders`},
	{mask, `VALUES ((SELECT ssn FROM customers LIMIT 1))`},
	{mask, `SELECT x FROM (VALUES ((SELECT ssn FROM customers LIMIT 1))) v(x)`},
	{mask, `SELECT U&"\0073sn" || '' FROM U&"custom\0065rs"`},
	{mask, `SELECT "ssn"||'' /* from orders */ FROM -- x
		"public"."customers"`},
	{mask, `SELECT SSN||'' FROM CUSTOMERS`},
	// Whole rows, and functions called as if they were columns.
	{mask, `SELECT c FROM customers c`},
	{mask, `SELECT customers FROM customers`},
	{mask, `SELECT c::text FROM customers c`},
	{mask, `SELECT (c).ssn FROM customers c`},
	{mask, `SELECT (c).ssn || '' FROM (SELECT c FROM customers c) y`},
	{mask, `SELECT (y.r).ssn FROM (SELECT c AS r FROM customers c) y`},
	{mask, `SELECT row_to_json(c) FROM customers c`},
	{mask, `SELECT to_jsonb(customers) ->> 'ssn' FROM customers`},
	{mask, `SELECT c.row_to_json FROM customers c`},
	{mask, `SELECT c.to_jsonb FROM customers c`},
	{mask, `SELECT (c).to_json FROM customers c`},
	{refuse, `SELECT c.leak FROM customers c`},
	{mask, `SELECT o.leak FROM (SELECT 1 AS leak) o`},
	{mask, `SELECT json_agg(c) FROM customers c`},
	{mask, `SELECT ROW(c.*)::text FROM customers c`},
	{mask, `SELECT j FROM customers c JOIN orders o ON true, LATERAL row_to_json(c) j LIMIT 1`},
	{mask, `SELECT json_build_object('a', ssn) FROM customers`},
	{mask, `SELECT xmlelement(name a, ssn) FROM customers`},
	{mask, `SELECT format('%s', c) FROM customers c`},
	{mask, `SELECT concat(c) FROM customers c`},
	{mask, `SELECT count(c) FROM customers c`},
	{mask, `SELECT max(customers::text) FROM customers`},
	{mask, `SELECT (ARRAY[c])[1].ssn || '' FROM customers c`},
	{mask, `SELECT ROW(customers) FROM customers`},
	{mask, `SELECT (SELECT c2 FROM customers c2 LIMIT 1)::text`},
	{mask, `SELECT * FROM jsonb_each((SELECT to_jsonb(c) FROM customers c LIMIT 1))`},
	{mask, `SELECT r.ssn FROM customers c, LATERAL json_to_record(row_to_json(c)) AS r(ssn text)`},
	{mask, `SELECT parted_1 FROM parted_1`},
	{mask, `SELECT parted.*::text FROM parted`},
	{mask, `SELECT xmlforest(ssn), xmlagg(xmlelement(name a, ssn)) FROM customers GROUP BY ssn`},
	{mask, `SELECT lag(ssn) OVER w, lead(c) OVER w FROM customers c WINDOW w AS (ORDER BY id)`},
	{mask, `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY ssn) FROM customers`},
	{mask, `SELECT s, regexp_matches(s, '(.)') FROM (SELECT min(ssn) AS s FROM customers) q`},
	{mask, `SELECT * FROM string_to_table((SELECT ssn FROM customers LIMIT 1), 'x')`},
	{mask, `SELECT * FROM XMLTABLE('/a' PASSING (SELECT xmlelement(name a, ssn) FROM customers LIMIT 1) COLUMNS s text PATH '.')`},
	{mask, `SELECT unnest(array_agg(ssn)) FROM customers`},
	{mask, `SELECT * FROM (SELECT ssn FROM customers UNION ALL SELECT note FROM orders) u`},
	{mask, `SELECT ssn FROM customers UNION ALL SELECT note FROM orders`},
	{mask, `SELECT note FROM orders UNION ALL SELECT ssn FROM customers`},
	{mask, `SELECT note FROM orders WHERE false UNION SELECT ssn FROM customers`},
	{mask, `SELECT id, note, note FROM orders UNION ALL (TABLE customers_old INTERSECT TABLE customers)`},
	{mask, `WITH RECURSIVE r(x) AS (SELECT ssn FROM customers WHERE id = 1 UNION ALL SELECT x FROM r WHERE false) SELECT x FROM r`},
	{mask, `WITH customers AS (SELECT ssn || '' AS name FROM customers) SELECT name FROM customers`},
	{mask, `SELECT name FROM (SELECT ssn || '' AS name FROM customers) customers`},
	{mask, `SELECT ssn FROM customers c LEFT JOIN (SELECT 'z'::text ssn, 1 id) d USING (ssn)`},
	{mask, `SELECT ssn FROM customers FULL JOIN (SELECT 'z'::text ssn) d USING (ssn)`},
	{mask, `SELECT * FROM customers NATURAL FULL JOIN orders`},
	{mask, `SELECT o.note, c.ssn FROM orders o RIGHT JOIN customers c ON c.ssn = o.note`},
	{mask, `SELECT DISTINCT ON (ssn) ssn FROM customers`},
	{mask, `SELECT ssn, count(*) FROM customers GROUP BY ROLLUP (ssn)`},
	{mask, `SELECT grouping(ssn), ssn FROM customers GROUP BY CUBE (ssn)`},
	{mask, `SELECT ssn FROM customers FOR UPDATE`},
	{mask, `EXPLAIN (COSTS off) SELECT * FROM customers WHERE ssn = 'x'`},
	// Values in catalogs, statistics and other places of the system.
	{mask, `SELECT most_common_vals::text, histogram_bounds::text FROM pg_stats WHERE tablename = 'customers'`},
	{mask, `SELECT * FROM pg_catalog.pg_stats WHERE tablename = 'customers'`},
	{mask, `SELECT stavalues1::text FROM pg_statistic`},
	{mask, `SELECT s.to_json FROM pg_stats s`},
	{mask, `SELECT query FROM pg_stat_activity`},
	{mask, `SELECT * FROM pg_stat_get_activity(NULL)`},
	{mask, `SELECT statement FROM pg_prepared_statements`},
	// Functions whose bodies cannot be seen.
	{mask, `SELECT leak_text()`},
	{mask, `SELECT * FROM leaks()`},
	{mask, `SELECT ssn FROM leaks()`},
	{mask, `SELECT x.ssn FROM ROWS FROM (leaks(), generate_series(1, 3)) x`},
	{refuse, `SELECT leak(c) FROM customers c`},
	{refuse, `SELECT id FROM customers WHERE leak_text() <> ''`},
	{refuse, `SELECT pg_notify('ch', ssn) FROM customers`},
	{refuse, `SELECT set_config('my.x', ssn, false) FROM customers`},
	{refuse, `SELECT id FROM customers WHERE set_config('my.x', ssn, false) IS NULL`},
	{refuse, `SELECT setval('seq', length(ssn)) FROM customers`},
	{refuse, `SELECT pg_sleep(length(ssn)) FROM customers`},
	{refuse, `SELECT lo_from_bytea(0, ssn::bytea) FROM customers`},
	{refuse, `SELECT pg_advisory_lock(hashtext(ssn)) FROM customers`},
	{refuse, `SELECT query_to_xml('select * from customers', true, true, '')`},
	{refuse, `SELECT table_to_xml('customers', true, true, '')`},
	{refuse, `SELECT pg_catalog.schema_to_xml('public', true, true, '')`},
	{refuse, `SELECT * FROM ts_stat('select to_tsvector(ssn) from customers')`},
	{refuse, `SELECT * FROM dblink('dbname=x', 'select ssn from customers') AS t(s text)`},
	{refuse, `SELECT public.dblink_exec('insert into orders select 9, 9, ssn from customers')`},
	{refuse, `SELECT pg_read_binary_file('base/1/1')`},
	{refuse, `SELECT lo_get(1)`},
	// What unseen functions return must not be kept, to be read as a plain column.
	{refuse, `INSERT INTO orders VALUES (9, 9, leak_text())`},
	{refuse, `INSERT INTO orders SELECT 9, 9, x.leak FROM (SELECT 1) x`},
	{refuse, `UPDATE orders SET note = leak_text()`},
	{refuse, `CREATE TABLE t2 AS SELECT * FROM leaks()`},
	{refuse, `CREATE TABLE t2 (a text DEFAULT leak_text())`},
	{refuse, `ALTER TABLE orders ALTER note SET DEFAULT leak_text()`},
	{refuse, `ALTER TABLE orders ADD COLUMN x text DEFAULT leak_text()`},
	{refuse, `CREATE INDEX ON orders ((note || leak_text()))`},
	{refuse, `CREATE VIEW v2 AS SELECT leak_text()`},
	{refuse, `COPY (SELECT leak_text()) TO STDOUT`},
	{refuse, `PREPARE p(text) AS INSERT INTO orders VALUES (9, 9, $1); EXECUTE p(leak_text())`},
	{refuse, `CREATE TABLE t2 AS SELECT query FROM pg_stat_activity`},
	{refuse, `CREATE TABLE t2 AS SELECT * FROM pg_stat_get_activity(NULL)`},
	{refuse, `CREATE TABLE t2 AS SELECT histogram_bounds::text FROM pg_stats`},
	{refuse, `COPY pg_catalog.pg_statistic TO STDOUT`},
	{open, `INSERT INTO orders VALUES (nextval('seq'), 9, harmless('a'))`},
	// Out by other ways than a result.
	{refuse, `COPY customers TO STDOUT`},
	{refuse, `COPY customers (id, ssn) TO STDOUT`},
	{refuse, `COPY (SELECT * FROM customers) TO STDOUT`},
	{refuse, `COPY (UPDATE customers SET name = '' RETURNING ssn) TO STDOUT`},
	{refuse, `COPY (SELECT tax FROM customer_view) TO STDOUT`},
	{refuse, `COPY (WITH t AS (SELECT ssn AS a FROM customers) SELECT a FROM t) TO STDOUT`},
	{refuse, `COPY orders TO PROGRAM 'cat'`},
	{refuse, `COPY orders FROM '/var/lib/postgresql/x'`},
	{refuse, `INSERT INTO orders SELECT id + 10, id, ssn FROM customers`},
	{refuse, `INSERT INTO orders VALUES (9, 9, (SELECT ssn FROM customers LIMIT 1))`},
	{refuse, `INSERT INTO orders TABLE customers`},
	{refuse, `WITH t AS (SELECT ssn AS a FROM customers) INSERT INTO orders (note) SELECT a FROM t`},
	{refuse, `WITH t AS (DELETE FROM customers RETURNING ssn AS a) INSERT INTO orders (note) SELECT a FROM t`},
	{refuse, `WITH i AS (INSERT INTO orders SELECT 9, 9, c.row_to_json::text FROM customers c) SELECT 1`},
	{refuse, `UPDATE orders SET note = c.ssn FROM customers c WHERE c.id = customer_id`},
	{refuse, `UPDATE customers SET name = ssn`},
	{refuse, `UPDATE customers SET (name, id) = (SELECT ssn, 1)`},
	{refuse, `UPDATE customers SET name = (customers).ssn`},
	{refuse, `INSERT INTO customers (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET name = customers.ssn`},
	{refuse, `INSERT INTO orders (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET note = (SELECT excluded.ssn FROM customers excluded LIMIT 1)`},
	{refuse, `MERGE INTO orders o USING customers c ON o.id = c.id WHEN MATCHED THEN UPDATE SET note = c.ssn`},
	{refuse, `MERGE INTO customers c USING orders o ON o.id = c.id WHEN MATCHED THEN UPDATE SET name = c.ssn`},
	{refuse, `CREATE TABLE t2 AS SELECT * FROM customers`},
	{refuse, `CREATE TABLE t2 AS TABLE customers WITH NO DATA`},
	{refuse, `SELECT ssn INTO t2 FROM customers`},
	{refuse, `SELECT note INTO TEMP t2 FROM orders UNION ALL SELECT ssn FROM customers`},
	{refuse, `PREPARE p AS SELECT ssn FROM customers; CREATE TABLE t2 AS EXECUTE p`},
	{refuse, `PREPARE p AS INSERT INTO orders SELECT 9, 9, ssn FROM customers`},
	{refuse, `EXPLAIN ANALYZE CREATE TABLE t2 AS SELECT * FROM customers`},
	{refuse, `EXPLAIN ANALYZE INSERT INTO orders SELECT 9, 9, ssn FROM customers`},
	{refuse, `CREATE VIEW v2 AS SELECT * FROM customers`},
	{refuse, `CREATE TEMP VIEW v2 AS SELECT lower(ssn) AS name FROM customers`},
	{refuse, `CREATE OR REPLACE VIEW customer_view AS SELECT 1 AS id, 'x' AS tax`},
	{refuse, `CREATE MATERIALIZED VIEW m2 AS SELECT c FROM customers c`},
	{refuse, `CREATE SCHEMA s2 CREATE VIEW v2 AS SELECT * FROM public.customers`},
	{refuse, `CREATE RULE r AS ON INSERT TO orders DO ALSO UPDATE orders SET note = (SELECT max(ssn) FROM customers)`},
	{refuse, `CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT ssn FROM customers; END`},
	{refuse, `CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'select 1'`},
	{refuse, `CREATE POLICY p ON customers USING (ssn = 'x')`},
	{refuse, `CREATE POLICY p ON orders USING (EXISTS (SELECT 1 FROM customers c WHERE c.ssn = note))`},
	{refuse, `CREATE INDEX ON customers (lower(ssn))`},
	{refuse, `CREATE INDEX ON customers (id) WHERE ssn > '1'`},
	{refuse, `CREATE STATISTICS st ON ssn, name FROM customers`},
	{refuse, `CREATE TRIGGER tr BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`},
	{refuse, `ALTER TABLE customers RENAME TO plain`},
	{refuse, `ALTER TABLE customers RENAME COLUMN ssn TO x`},
	{refuse, `ALTER TABLE customers RENAME ssn TO x`},
	{refuse, `ALTER VIEW customer_view RENAME TO v3`},
	{refuse, `ALTER TABLE customers SET SCHEMA pg_temp`},
	{refuse, `ALTER SCHEMA public RENAME TO p2`},
	{refuse, `ALTER TABLE customers ADD COLUMN x text GENERATED ALWAYS AS (ssn) STORED`},
	{refuse, `ALTER TABLE customers ALTER COLUMN ssn TYPE varchar`},
	{refuse, `ALTER TABLE parted DETACH PARTITION parted_1`},
	{refuse, `ALTER TABLE orders INHERIT customers`},
	{refuse, `CREATE TABLE kid () INHERITS (customers)`},
	{refuse, `CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (100) TO (200)`},
	{refuse, `DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM customers LIMIT 1); END $$`},
	{refuse, `CALL p()`},
	{refuse, `LOAD 'x'`},
	{refuse, `CREATE EXTENSION dblink`},
	{refuse, `CREATE PUBLICATION pub FOR ALL TABLES`},
	{refuse, `CREATE SERVER s FOREIGN DATA WRAPPER f OPTIONS (host 'localhost')`},
	{refuse, `CREATE FOREIGN TABLE ft (ssn text) SERVER s OPTIONS (table_name 'customers')`},
	{refuse, `CREATE OPERATOR === (LEFTARG = customers, FUNCTION = leak)`},
	{refuse, `SELECT c OPERATOR(public.===) 1 FROM customers c`},
	{refuse, `CREATE DATABASE d2 TEMPLATE postgres`},
	{refuse, `SELECT this does not parse`},
}

// TestTargetNamesColumns pins what the target says about where a field comes
// from, which masking builds upon: a table and a positive number mean that the
// value is that column's as it is.
func TestTargetNamesColumns(t *testing.T) {
	server := pgservertest.Run(t)
	conn, err := pgconn.Connect(t.Context(), server.DSN(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), evasionSchema).ReadAll()
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `INSERT INTO customers VALUES (1, 'ann', 'x'); INSERT INTO customers_old VALUES (2, 'bob', 'x');
		INSERT INTO parted VALUES (1, 'x')`).ReadAll()
	require.NoError(t, err)
	tables := map[uint32]string{0: "-"}
	for _, name := range []string{"customers", "customers_old", "parted", "customer_view", "orders"} {
		results, err := conn.Exec(t.Context(), "SELECT '"+name+"'::regclass::oid").ReadAll()
		require.NoError(t, err)
		var oid uint32
		_, err = fmt.Sscan(string(results[0].Rows[0][0]), &oid)
		require.NoError(t, err)
		tables[oid] = name
	}
	for _, c := range []struct{ sql, want string }{
		{"SELECT ssn, ssn || '', c, c.ctid FROM customers c", "customers.3 -.0 customers.0 customers.-1"},
		{"SELECT ssn FROM customers UNION SELECT ssn FROM customers", "-.0"},
		{"SELECT x FROM (SELECT ssn FROM customers UNION SELECT ssn FROM customers) u(x)", "-.0"},
		{"SELECT x FROM (SELECT ssn FROM customers) u(x)", "customers.3"},
		{"WITH w AS (SELECT ssn AS x FROM customers) SELECT x FROM w", "customers.3"},
		{"WITH w AS (DELETE FROM customers RETURNING ssn AS x) SELECT x FROM w", "customers.3"},
		{"WITH RECURSIVE w(x) AS (SELECT ssn FROM customers UNION ALL SELECT x FROM w WHERE false) SELECT x FROM w", "-.0"},
		{"SELECT s.x FROM orders, LATERAL (SELECT ssn AS x FROM customers) s", "customers.3"},
		{"SELECT ssn FROM customers JOIN (SELECT 'x'::text AS ssn) d USING (ssn)", "customers.3"},
		{"SELECT ssn FROM customers FULL JOIN (SELECT 'x'::text AS ssn) d USING (ssn)", "-.0"},
		{"SELECT (c).ssn FROM customers c", "customers.3"},
		{"SELECT (SELECT ssn FROM customers LIMIT 1)", "-.0"},
		{"VALUES ((SELECT ssn FROM customers LIMIT 1))", "-.0"},
		{"SELECT tax FROM customer_view", "customer_view.2"},
		{"SELECT ssn FROM customers_old", "customers_old.3"},
		{"SELECT ssn FROM parted", "parted.2"},
		{"SELECT ssn FROM leaks()", "-.0"},
		{"SELECT c.leak, c.row_to_json FROM customers c", "-.0 -.0"},
		{"UPDATE customers SET name = '' RETURNING ssn, lower(ssn)", "customers.3 -.0"},
		{"DECLARE c CURSOR FOR SELECT ssn, lower(ssn) FROM customers; FETCH ALL FROM c", "customers.3 -.0"},
		{"PREPARE p AS SELECT ssn FROM customers; EXECUTE p", "customers.3"},
		{"EXPLAIN SELECT ssn FROM customers", "-.0"},
	} {
		results, err := conn.Exec(t.Context(), "BEGIN; "+c.sql).ReadAll()
		require.NoError(t, err, c.sql)
		_, err = conn.Exec(t.Context(), "ROLLBACK").ReadAll()
		require.NoError(t, err, c.sql)
		got := ""
		for _, f := range results[len(results)-1].FieldDescriptions {
			got += fmt.Sprintf("%s.%d ", tables[f.TableOID], int16(f.TableAttributeNumber))
		}
		require.Equal(t, c.want+" ", got, c.sql)
	}
}

func TestEvasions(t *testing.T) {
	server := pgservertest.Run(t)
	conn, err := pgconn.Connect(t.Context(), server.DSN(pgserver.Superuser, "postgres"))
	require.NoError(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), evasionSchema).ReadAll()
	require.NoError(t, err)
	hidden := protectedColumns(t, conn)

	for _, e := range evasions {
		t.Run(e.sql, func(t *testing.T) {
			q := shared().Parse(t.Context(), e.sql)
			all := Exposure{}
			for _, s := range q.Statements {
				all = all.Union(s.Expose(evasionGuard))
			}
			switch {
			case e.want == refuse:
				require.NotEmpty(t, all.Refuse)
				return
			case e.want == open:
				require.False(t, all.MaskComputed || all.MaskAll, "%+v", all)
			default:
				require.True(t, all.MaskComputed, "%+v", all)
			}
			require.Empty(t, all.Refuse)
			a := visible(t, conn, "078-05-1120", e.sql, q, hidden)
			b := visible(t, conn, "219 09 9999", e.sql, q, hidden)
			require.Equal(t, a, b, "what is seen depends on what must not be seen")
		})
	}
}

// TestProbes holds that a use of a protected column that masking cannot hide is
// told, and that a plain look is none.
func TestProbes(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT ssn, name FROM customers":                     false,
		"SELECT * FROM customers WHERE id = 1":                false,
		"SELECT id FROM customers WHERE ssn LIKE '0%'":        true,
		"SELECT id FROM customers ORDER BY ssn":               true,
		"SELECT id FROM customers c ORDER BY c":               true,
		"SELECT id FROM customers JOIN other USING (ssn)":     true,
		"SELECT count(*) FROM customers GROUP BY left(ssn,1)": true,
		"DELETE FROM customers WHERE ssn = 'x'":               true,
		"SELECT chunk_data FROM pg_toast.pg_toast_16385":      true,
	} {
		require.Equal(t, want, parse(t, sql).Expose(evasionGuard).Probes, sql)
	}
	e := parse(t, "SELECT chunk_data FROM pg_toast.pg_toast_16385").Expose(evasionGuard)
	require.True(t, e.MaskAll && e.MaskComputed)
}

// TestErrorsAreHidden holds where the target's own words may quote values.
func TestErrorsAreHidden(t *testing.T) {
	for sql, want := range map[string]bool{
		"SELECT 1 / 0":                             false,
		"INSERT INTO orders VALUES (1)":            false,
		"SELECT id FROM customers":                 true,
		"INSERT INTO customers (ssn) VALUES ('x')": true,
		"CREATE UNIQUE INDEX ON customers (ssn)":   true,
		"COMMIT":                                   true,
		"SET CONSTRAINTS ALL IMMEDIATE":            true,
		"REINDEX DATABASE d":                       true,
		"FETCH c":                                  true,
		"EXECUTE p":                                true,
		"SELECT f()":                               true,
		"COPY customers FROM STDIN":                true,
		"DELETE FROM orders WHERE id IN (TABLE customers)": true,
	} {
		require.Equal(t, want, parse(t, sql).Expose(evasionGuard).HideErrors, sql)
		require.Equal(t, Exposure{}, parse(t, sql).Expose(&Guard{}), sql)
	}
}

type column struct {
	table  uint32
	number uint16
}

// protectedColumns asks the catalog for what the guard means, with all columns
// of the view.
func protectedColumns(t *testing.T, conn *pgconn.PgConn) map[column]bool {
	t.Helper()
	results, err := conn.Exec(t.Context(), `SELECT attrelid, attnum FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
		WHERE attnum > 0 AND (relname IN ('customers', 'customers_old', 'parted', 'parted_1') AND attname = 'ssn' OR
		relname = 'customer_mat' AND attname = 'tax' OR relname = 'customer_view')`).ReadAll()
	require.NoError(t, err)
	out := map[column]bool{}
	for _, row := range results[0].Rows {
		var c column
		_, err := fmt.Sscan(string(row[0])+" "+string(row[1]), &c.table, &c.number)
		require.NoError(t, err)
		out[c] = true
	}
	require.Len(t, out, 7)
	return out
}

// visible runs a text in a transaction where the protected value is as given
// and returns what a client sees behind the masks.
func visible(t *testing.T, conn *pgconn.PgConn, value, text string, q *Query, hidden map[column]bool) string {
	t.Helper()
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql).ReadAll()
		require.NoError(t, err)
	}
	exec(`BEGIN; INSERT INTO customers VALUES (1, 'ann', '` + value + `'), (2, 'bob', '` + value + `2');
		INSERT INTO customers_old VALUES (3, 'cy', '` + value + `3'); INSERT INTO parted VALUES (1, '` + value + `');
		REFRESH MATERIALIZED VIEW customer_mat; ANALYZE customers`)
	defer exec(`ROLLBACK; DEALLOCATE ALL`)
	var out bytes.Buffer
	for _, s := range q.Statements {
		e := s.Expose(evasionGuard)
		results, err := conn.Exec(t.Context(), s.Text(text)).ReadAll()
		require.NoError(t, err)
		for _, r := range results {
			fmt.Fprintln(&out, r.CommandTag)
			for _, row := range r.Rows {
				for i, f := range r.FieldDescriptions {
					own := f.TableOID != 0 && f.TableAttributeNumber > 0 && f.TableAttributeNumber < 0x8000
					if e.MaskAll || own && hidden[column{f.TableOID, f.TableAttributeNumber}] || !own && e.MaskComputed {
						fmt.Fprint(&out, "***|")
						continue
					}
					fmt.Fprintf(&out, "%s|", row[i])
				}
				fmt.Fprintln(&out)
			}
		}
	}
	return out.String()
}
