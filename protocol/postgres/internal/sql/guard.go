package sql

import "strings"

// Guard says which relations hold values that must not be seen as they are.
// It must not be changed while in use. The zero value protects nothing.
type Guard struct {
	// Relations are the protected tables and all that derives from them.
	Relations []Relation
	// RowFunctions are the names of functions outside of pg_catalog that can be
	// called with one whole row, because "t.f" is then also a call of f. The
	// catalog knows them (pg_proc); those of pg_catalog need not be listed.
	RowFunctions []string
	// Harmless are functions outside of pg_catalog, "schema.name" or "name" as
	// statements write them, that the operator vouches for: they only compute
	// with their arguments. All others may read protected relations.
	Harmless []string
}

// Relation is one protected table, view, materialized view, partition or
// inheritance parent. A statement that names a relation of the same name in
// another schema, or in none, counts as naming this one.
type Relation struct {
	// Schema and Name are as the catalog has them, without quotes.
	Schema, Name string
	// Columns are the protected columns. None means that all are, and that any
	// read of the relation counts, also one that names no column.
	Columns []string
	// Derived says that the relation's columns come from other relations, so
	// that a field of a result that the target attributes to it may need
	// masking although its column is not in the list.
	Derived bool
}

func (r *Relation) matches(u relationUse) bool {
	return r.Name == u.name && (r.Schema == "" || u.schema == "" || r.Schema == u.schema)
}

// builtin returns how a relation of the system's own is protected while
// anything is: columns with the values of other tables' columns, or with other
// sessions' statements. Nil columns stand for all; ok is false for the others.
func builtin(u relationUse) (columns []string, ok bool) {
	switch {
	case u.schema == "pg_toast" || strings.HasPrefix(u.name, "pg_toast_"):
		return nil, true
	case u.schema != "" && u.schema != "pg_catalog" && !strings.HasPrefix(u.name, "pg_stat_statements"):
		return nil, false
	}
	switch u.name {
	case "pg_stats", "pg_stats_ext", "pg_stats_ext_exprs":
		return []string{"most_common_vals", "histogram_bounds", "most_common_elems", "range_bounds_histogram"}, true
	case "pg_statistic":
		return []string{"stavalues1", "stavalues2", "stavalues3", "stavalues4", "stavalues5"}, true
	case "pg_statistic_ext_data", "pg_largeobject":
		return nil, true
	case "pg_stat_activity", "pg_stat_statements":
		return []string{"query"}, true
	case "pg_prepared_statements", "pg_cursors":
		return []string{"statement"}, true
	}
	return nil, false
}
