package postgres

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sallyport/sallyport/mask"
	"github.com/sallyport/sallyport/protocol"
	"github.com/sallyport/sallyport/protocol/postgres/internal/sql"
	"github.com/sallyport/sallyport/protocol/postgres/internal/wire"
)

// catalog asks the target's system catalog over an idle connection. What it
// asks is recorded as of the gateway's origin.
type catalog struct {
	s   *session
	ctx context.Context
	rw  io.ReadWriter
	in  *wire.Reader
}

// maxCatalogRows bounds an answer.
const maxCatalogRows = 1_000_000

func (s *session) catalog(ctx context.Context, conn net.Conn) (*catalog, error) {
	c := &catalog{s: s, ctx: ctx, rw: conn, in: wire.NewReader(conn, readSize)}
	c.in.Whole(func(byte) int { return maxControl })
	return c, nil
}

// query runs one statement and returns its rows as text.
func (c *catalog) query(text string) ([][]string, error) {
	list, err := c.s.gate.Begin(c.ctx, nil, protocol.Operation{Verb: "select", Text: text, Effects: protocol.Read, Origin: protocol.OriginGateway})
	if err != nil {
		return nil, err
	}
	rows, err := c.exchange(text)
	o := protocol.Outcome{Result: protocol.OK, Units: int64(len(rows))}
	if err != nil {
		o = protocol.Outcome{Result: protocol.Failed, Text: err.Error()}
		err = &protocol.Failure{Public: "the gateway could not read the target's catalog", Err: err}
	}
	if ended := list[0].End(o); err == nil {
		err = ended
	}
	return rows, err
}

func (c *catalog) exchange(text string) (rows [][]string, err error) {
	if conn, ok := c.rw.(net.Conn); ok {
		_ = conn.SetDeadline(time.Now().Add(c.s.plugin.config.LoginTimeout))
		defer conn.SetDeadline(time.Time{})
	}
	if _, err := c.rw.Write(wire.AppendQuery(nil, text)); err != nil {
		return nil, err
	}
	var failure error
	for {
		p, ok, err := c.in.Next()
		if err != nil {
			return nil, err
		}
		if !ok {
			if err := c.in.Fill(); err != nil {
				return nil, err
			}
			continue
		}
		if !p.Whole() {
			return nil, fmt.Errorf("a message of %d bytes", p.Total)
		}
		switch p.Type {
		case wire.TypeDataRow:
			row, err := textRow(p.Body())
			if err != nil {
				return nil, err
			}
			if rows = append(rows, row); len(rows) > maxCatalogRows {
				return nil, fmt.Errorf("more than %d rows", maxCatalogRows)
			}
		case wire.TypeErrorResponse:
			m, err := wire.ParseMessage(p.Body())
			if err != nil {
				return nil, err
			}
			failure = fmt.Errorf("%s (SQLSTATE %s)", m.Text, m.Code)
		case wire.TypeReadyForQuery:
			return rows, failure
		}
	}
}

func textRow(body []byte) ([]string, error) {
	fields, err := wire.ParseDataRow(body)
	if err != nil {
		return nil, err
	}
	var row []string
	for v, ok := fields.Next(); ok; v, ok = fields.Next() {
		row = append(row, string(v))
	}
	return row, fields.Err()
}

// literal quotes s as an SQL string.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func literals(list []string) string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = literal(s)
	}
	return strings.Join(quoted, ",")
}

// relationName splits "schema.table" or "table", with quotes where needed.
func relationName(name string) (schema, table string) {
	var parts []string
	var part strings.Builder
	quoted := false
	for i := 0; i < len(name); i++ {
		switch ch := name[i]; {
		case ch == '"' && quoted && i+1 < len(name) && name[i+1] == '"':
			part.WriteByte('"')
			i++
		case ch == '"':
			quoted = !quoted
		case ch == '.' && !quoted:
			parts = append(parts, part.String())
			part.Reset()
		case quoted:
			part.WriteByte(ch)
		default:
			part.WriteString(strings.ToLower(string(ch)))
		}
	}
	parts = append(parts, part.String())
	if len(parts) == 1 {
		return "", parts[0]
	}
	return parts[len(parts)-2], parts[len(parts)-1]
}

// check fails if a table or function that a rule names is not there.
func (c *catalog) check(claims []protocol.Claim) error {
	var tables, functions []string
	for _, claim := range claims {
		_, name := relationName(claim.Name)
		switch claim.Kind {
		case "table":
			tables = append(tables, name)
		case "function":
			functions = append(functions, name)
		}
	}
	known := map[string]bool{}
	for _, q := range []struct{ kind, text string }{
		{"table", "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname::pg_catalog.text IN (" + literals(tables) + ")"},
		{"function", "SELECT n.nspname, p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE p.proname::pg_catalog.text IN (" + literals(functions) + ")"},
	} {
		if strings.HasSuffix(q.text, "()") {
			continue
		}
		rows, err := c.query(q.text)
		if err != nil {
			return err
		}
		for _, row := range rows {
			known[q.kind+"\x00"+row[0]+"\x00"+row[1]] = true
			known[q.kind+"\x00\x00"+row[1]] = true
		}
	}
	var gone []string
	for _, claim := range claims {
		if claim.Kind != "table" && claim.Kind != "function" {
			continue
		}
		if schema, name := relationName(claim.Name); !known[claim.Kind+"\x00"+schema+"\x00"+name] {
			gone = append(gone, fmt.Sprintf("%s %s (%s)", claim.Kind, claim.Name, claim.Source))
		}
	}
	if len(gone) > 0 {
		return missing(gone)
	}
	return nil
}

// column is a column of a relation as the catalog has it.
type column struct {
	table        uint32
	schema, name string // of the relation
	attr         int16
	column       string
}

// guard reads what the masks mean on this target. Without column masks it is nil.
func (c *catalog) guard(masks *mask.Set) (*guard, error) {
	rules := masks.Columns()
	if len(rules) == 0 {
		return nil, nil
	}
	newest, err := c.query("SELECT pg_catalog.max(oid) FROM pg_catalog.pg_class")
	if err != nil {
		return nil, err
	}
	g := &guard{columns: map[uint32]map[int16]mask.Method{}, derived: map[uint32]bool{}, lastAttr: map[uint32]int16{}, names: &sql.Guard{}, read: time.Now()}
	if g.newest, err = oid(newest[0][0]); err != nil {
		return nil, err
	}
	var tables []string
	for _, r := range rules {
		tables = append(tables, r.Table)
	}
	slices.Sort(tables)
	columns, err := c.columns("c.relname::pg_catalog.text IN (" + literals(slices.Compact(tables)) + ")")
	if err != nil {
		return nil, err
	}
	var gone []string
	byName := map[string]mask.Method{}
	for _, r := range rules {
		found := false
		for _, col := range columns {
			if g.lastAttr[col.table] < col.attr {
				g.lastAttr[col.table] = col.attr
			}
			if (r.Schema == "" || r.Schema == col.schema) && r.Table == col.name && (r.Column == "*" || r.Column == col.column) {
				g.protect(col, r.Method)
				byName[col.column] = r.Method
				found = true
			}
		}
		if !found && !r.Optional {
			gone = append(gone, fmt.Sprintf("masked column %s", r))
		}
	}
	if len(gone) > 0 {
		return nil, missing(gone)
	}
	if len(g.columns) == 0 {
		return g, nil // all rules are optional and nothing is there, yet
	}
	if err := c.derive(g, byName); err != nil {
		return nil, err
	}
	if err := c.statistics(g); err != nil {
		return nil, err
	}
	g.names, err = c.names(g)
	return g, err
}

// statistics protects the columns of the system's own relations that quote
// the values of others. Statements that name them are known by that; a cursor
// only by where its columns come from.
func (c *catalog) statistics(g *guard) error {
	columns, err := c.columns("c.relnamespace = 'pg_catalog'::pg_catalog.regnamespace AND (c.relname::pg_catalog.text, a.attname::pg_catalog.text) IN (" +
		"('pg_stats','most_common_vals'),('pg_stats','histogram_bounds'),('pg_stats','most_common_elems'),('pg_stats','range_bounds_histogram')," +
		"('pg_stats_ext','most_common_vals'),('pg_stats_ext_exprs','most_common_vals'),('pg_stats_ext_exprs','histogram_bounds')," +
		"('pg_stats_ext_exprs','most_common_elems'),('pg_statistic','stavalues1'),('pg_statistic','stavalues2'),('pg_statistic','stavalues3')," +
		"('pg_statistic','stavalues4'),('pg_statistic','stavalues5'),('pg_statistic_ext_data','stxdmcv'),('pg_statistic_ext_data','stxdexpr')," +
		"('pg_largeobject','data'),('pg_stat_activity','query'),('pg_prepared_statements','statement'),('pg_cursors','statement'))")
	if err != nil {
		return err
	}
	g.quotes = map[uint32]map[int16]bool{}
	for _, col := range columns {
		if g.quotes[col.table] == nil {
			g.quotes[col.table] = map[int16]bool{}
		}
		g.quotes[col.table][col.attr] = true
	}
	return nil
}

func (g *guard) protect(c column, m mask.Method) {
	if g.columns[c.table] == nil {
		g.columns[c.table] = map[int16]mask.Method{}
	}
	g.columns[c.table][c.attr] = m
}

// columns returns the columns of the relations that a condition picks.
func (c *catalog) columns(condition string) ([]column, error) {
	rows, err := c.query("SELECT c.oid, n.nspname, c.relname, a.attnum, a.attname FROM pg_catalog.pg_class c" +
		" JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid" +
		" WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r','v','m','f','p') AND " + condition)
	if err != nil {
		return nil, err
	}
	list := make([]column, len(rows))
	for i, row := range rows {
		table, err := oid(row[0])
		if err != nil {
			return nil, err
		}
		attr, err := strconv.ParseInt(row[3], 10, 16)
		if err != nil {
			return nil, err
		}
		list[i] = column{table: table, schema: row[1], name: row[2], attr: int16(attr), column: row[4]}
	}
	return list, nil
}

// derive adds what reads the protected tables: views and materialized views,
// on whatever depth, are hidden as a whole, because the catalog does not say
// what a whole-row reference shows; partitions, children and parents have the
// same columns by name.
func (c *catalog) derive(g *guard, byName map[string]mask.Method) error {
	var seeds []string
	for table := range g.columns {
		seeds = append(seeds, strconv.FormatUint(uint64(table), 10))
	}
	slices.Sort(seeds)
	rows, err := c.query("WITH RECURSIVE t(oid, kind) AS (SELECT u.oid, 'seed' FROM pg_catalog.unnest('{" + strings.Join(seeds, ",") + "}'::pg_catalog.oid[]) AS u(oid)" +
		" UNION SELECT x.oid, x.kind FROM t JOIN LATERAL (" +
		"SELECT r.ev_class AS oid, 'view' AS kind FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid" +
		" WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjid = t.oid AND r.ev_class <> t.oid" +
		" UNION ALL SELECT i.inhrelid, CASE t.kind WHEN 'view' THEN 'view' ELSE 'family' END FROM pg_catalog.pg_inherits i WHERE i.inhparent = t.oid" +
		" UNION ALL SELECT i.inhparent, CASE t.kind WHEN 'view' THEN 'view' ELSE 'family' END FROM pg_catalog.pg_inherits i WHERE i.inhrelid = t.oid" +
		") x ON true) SELECT oid, kind FROM t WHERE kind <> 'seed'")
	if err != nil {
		return err
	}
	var family []string
	for _, row := range rows {
		table, err := oid(row[0])
		if err != nil {
			return err
		}
		if row[1] == "view" {
			g.derived[table] = true
		} else {
			family = append(family, row[0])
		}
	}
	if len(family) == 0 {
		return nil
	}
	columns, err := c.columns("c.oid IN (" + strings.Join(family, ",") + ")")
	if err != nil {
		return err
	}
	for _, col := range columns {
		if m := byName[col.column]; m != nil && g.columns[col.table][col.attr] == nil {
			g.protect(col, m)
		}
	}
	return nil
}

// names returns the guard by name, for judging statements.
func (c *catalog) names(g *guard) (*sql.Guard, error) {
	var list []string
	for table := range g.columns {
		list = append(list, strconv.FormatUint(uint64(table), 10))
	}
	for table := range g.derived {
		list = append(list, strconv.FormatUint(uint64(table), 10))
	}
	slices.Sort(list)
	columns, err := c.columns("c.oid IN (" + strings.Join(slices.Compact(list), ",") + ")")
	if err != nil {
		return nil, err
	}
	var relations []sql.Relation
	byTable := map[uint32]int{}
	for _, col := range columns {
		i, ok := byTable[col.table]
		if !ok {
			i = len(relations)
			byTable[col.table] = i
			relations = append(relations, sql.Relation{Schema: col.schema, Name: col.name, Derived: g.derived[col.table]})
		}
		// A derived relation lists no columns, which stands for all of them.
		if !g.derived[col.table] && g.columns[col.table][col.attr] != nil {
			relations[i].Columns = append(relations[i].Columns, col.column)
		}
	}
	functions, err := c.query("SELECT DISTINCT p.proname FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_type t ON t.oid = p.proargtypes[0]" +
		" WHERE p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace AND p.pronargs - p.pronargdefaults <= 1 AND t.typtype IN ('c','p')")
	if err != nil {
		return nil, err
	}
	names := &sql.Guard{Relations: relations}
	for _, row := range functions {
		names.RowFunctions = append(names.RowFunctions, row[0])
	}
	return names, nil
}

func oid(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err
}
