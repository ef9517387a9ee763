package sql

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// walker goes through one statement's tree and gathers what it means. Kinds of
// nodes that it does not know make the statement count as everything.
type walker struct {
	lib *library
	st  *Statement

	ctes []string // names of WITH in scope
	// touching says that a relation met now is neither read nor written but
	// defined, changed or looked at; its effects are then eff.
	touching bool
	changing bool // touching, and altering
	eff      protocol.Effects
	stored   bool // what is met now flows into something written
	plain    bool // the column met now is an output as it is
	conflict bool // inside ON CONFLICT
	depth    int
	full     bool // it counts as everything
}

// library is the fixed knowledge that walkers share.
type library struct {
	functions *functions
	inline    map[string]string
	plain     map[string]bool
	simple    map[string]simpleStatement
}

func newLibrary() *library {
	l := &library{
		functions: newFunctions(),
		inline:    inlineTypes(),
		plain:     make(map[string]bool, 128),
		simple:    simpleStatements(),
	}
	for name := range strings.FieldsSeq(plainNodes) {
		l.plain[name] = true
	}
	return l
}

const maxWalk = 2048

// everything gives up on understanding the statement.
func (w *walker) everything(what string) {
	w.st.Effects = protocol.Everything
	if w.st.Remark == "" {
		w.st.Remark = "not understood: " + what
	}
	w.st.facts.hidden = "statements that are not understood"
	w.full = true
}

// any walks a list, a wrapped node, or nothing.
func (w *walker) any(v *value) {
	if v == nil {
		return
	}
	if v.kind == list {
		for i := range v.items {
			w.any(&v.items[i])
		}
		return
	}
	typ, body := v.node()
	if typ == "" {
		w.everything("a node without a kind")
		return
	}
	w.typed(typ, body)
}

// children walks all fields of a node but those named in skip.
func (w *walker) children(typ string, body *value, skip ...string) {
next:
	for i := range body.fields {
		f := &body.fields[i]
		for _, s := range skip {
			if f.name == s {
				continue next
			}
		}
		switch f.value.kind {
		case list:
			for j := range f.value.items {
				item := &f.value.items[j]
				if item.kind == object && len(item.fields) == 0 && nullable(f.name) {
					continue
				}
				w.any(item)
			}
		case object:
			if inner, b := f.value.node(); inner != "" {
				w.typed(inner, b)
			} else if inner := w.lib.inline[typ+"."+f.name]; inner != "" {
				w.typed(inner, &f.value)
			} else if typ != "A_Const" {
				w.everything("the field " + typ + "." + f.name)
			}
		}
	}
}

// nullable reports whether the parser puts empty places into a list.
func nullable(field string) bool {
	return field == "distinctClause" || field == "objargs" || field == "objects"
}

func (w *walker) typed(typ string, b *value) {
	if w.full {
		return // nothing can change what it counts as
	}
	if w.depth++; w.depth > maxWalk {
		w.everything("deep nesting")
	}
	defer func() { w.depth-- }()
	plain := w.plain
	w.plain = false
	switch typ {
	case "ColumnRef":
		w.plain = plain
		w.column(b)
		w.plain = false
	case "FuncCall":
		w.call(b)
	case "A_Indirection":
		w.indirection(b)
	case "A_Const":
	case "ResTarget":
		w.any(b.get("val"))
		w.any(b.get("indirection"))
	case "RangeVar":
		w.relation(b)
	case "Alias":
		w.alias(b.text("aliasname"))
	case "RangeSubselect":
		w.children(typ, b)
	case "RangeFunction":
		w.functions(b)
	case "JoinExpr":
		w.join(b)
	case "WithClause":
		w.everything("a WITH clause in an unknown place")
	case "LockingClause": // names aliases, reads nothing
	case "TableLikeClause": // copies a shape, no rows
		w.touch(b.get("relation"), read)
	case "Constraint": // a foreign key's table is referred to, not altered
		w.touch(b.get("pktable"), schema)
		w.children(typ, b, "pktable")
	case "A_Expr", "SubLink", "SortBy":
		w.operator(typ, b)
		w.children(typ, b)
	case "SelectStmt":
		w.selects(b)
	case "InsertStmt":
		w.insert(b, false)
	case "UpdateStmt":
		w.update(b, false)
	case "DeleteStmt":
		w.deletes(b, false)
	case "MergeStmt":
		w.merge(b, false)
	default:
		if w.lib.plain[typ] {
			w.children(typ, b)
			return
		}
		w.statement(typ, b)
	}
}

// column notes a column reference: its last name, and whether it could stand
// for more than one column.
func (w *walker) column(b *value) {
	fields := b.list("fields")
	if len(fields) == 0 {
		w.everything("a column without a name")
		return
	}
	m := mention{attribute: len(fields) > 1, stored: w.stored, plain: w.plain}
	if _, first := fields[0].node(); len(fields) == 2 && first.text("sval") == "excluded" {
		m.excluded = w.conflict
	}
	switch typ, last := fields[len(fields)-1].node(); typ {
	case "String":
		m.name = last.text("sval")
	case "A_Star":
		m.star = true
	default:
		w.everything("a column of kind " + typ)
		return
	}
	w.mention(m)
}

func (w *walker) indirection(b *value) {
	w.any(b.get("arg"))
	for i := range b.list("indirection") {
		item := &b.list("indirection")[i]
		switch typ, body := item.node(); typ {
		case "String":
			w.mention(mention{name: body.text("sval"), attribute: true, stored: w.stored})
		case "A_Star":
			w.mention(mention{star: true, stored: w.stored})
		default:
			w.any(item)
		}
	}
}

// functions walks FROM f(…): each function comes with a list of columns or an
// empty place.
func (w *walker) functions(b *value) {
	for i := range b.list("functions") {
		typ, pair := b.list("functions")[i].node()
		items := pair.list("items")
		if typ != "List" || len(items) == 0 || len(items) > 2 {
			w.everything("a function in FROM")
			continue
		}
		w.any(&items[0])
		if len(items) == 2 && len(items[1].fields) > 0 {
			w.any(&items[1])
		}
	}
	w.children("RangeFunction", b, "functions")
}

func (w *walker) operator(typ string, b *value) {
	for _, f := range []string{"name", "operName", "useOp"} {
		name := names(b.list(f))
		if len(name) > 1 && name[0] != "pg_catalog" {
			full := identifier(name...)
			w.object("operator", full, read|code)
			w.calls(call{full, unknown})
		}
	}
}

func (w *walker) join(b *value) {
	for _, v := range b.list("usingClause") {
		if _, s := v.node(); s != nil {
			w.mention(mention{name: s.text("sval"), stored: w.stored})
		}
	}
	if b.flag("isNatural") || len(b.get("alias").list("colnames")) > 0 {
		w.mention(mention{star: true, stored: w.stored})
	}
	w.children("JoinExpr", b, "usingClause")
}

// relation notes a table, view or name of a WITH clause met in FROM or, while
// touching, elsewhere.
func (w *walker) relation(b *value) {
	schemaName, name := b.text("schemaname"), b.text("relname")
	alias := b.get("alias")
	w.alias(alias.text("aliasname"))
	w.alias(name)
	if !w.touching && schemaName == "" {
		for _, c := range w.ctes {
			if c == name {
				return
			}
		}
	}
	eff := protocol.Read
	use := relationUse{schema: schemaName, name: name, visible: true, stored: w.stored}
	if w.touching {
		eff = w.eff
		use.visible, use.stored, use.changed = false, false, w.changing
	}
	if len(alias.list("colnames")) > 0 {
		w.mention(mention{star: true, stored: w.stored})
	}
	if holdsCredentials(schemaName, name) {
		eff |= credential
	}
	w.use(use)
	w.object("table", identifier(schemaName, name), eff)
}

// target notes the table that INSERT, UPDATE, DELETE, MERGE or COPY writes.
// The names of a WITH clause do not hide it.
func (w *walker) target(b *value, eff protocol.Effects, visible, stored bool) {
	if b == nil {
		w.everything("a statement without its table")
		return
	}
	w.alias(b.get("alias").text("aliasname"))
	w.alias(b.text("relname"))
	w.use(relationUse{schema: b.text("schemaname"), name: b.text("relname"), visible: visible, stored: stored})
	if holdsCredentials(b.text("schemaname"), b.text("relname")) {
		eff |= credential
	}
	w.object("table", identifier(b.text("schemaname"), b.text("relname")), eff)
}

// touch notes a relation that is neither read nor written nor altered.
func (w *walker) touch(b *value, eff protocol.Effects) {
	if b == nil {
		return
	}
	w.while(true, false, eff, func() { w.relation(b) })
}

func (w *walker) while(touching, changing bool, eff protocol.Effects, do func()) {
	t, c, e := w.touching, w.changing, w.eff
	w.touching, w.changing, w.eff = touching, changing, eff
	do()
	w.touching, w.changing, w.eff = t, c, e
}

func (w *walker) storing(stored bool, do func()) {
	s := w.stored
	w.stored = stored
	if stored {
		w.st.facts.stores = true
	}
	do()
	w.stored = s
}

// object adds to what the statement touches, and to its effects.
func (w *walker) object(kind, name string, eff protocol.Effects) {
	w.st.Effects |= eff
	for i := range w.st.Objects {
		if o := &w.st.Objects[i]; o.Kind == kind && o.Name == name {
			o.Effects |= eff
			return
		}
	}
	if len(w.st.Objects) >= maxFacts {
		w.everything("more objects than are kept apart")
		return
	}
	w.st.Objects = append(w.st.Objects, protocol.Object{Kind: kind, Name: name, Effects: eff})
}

func holdsCredentials(schemaName, name string) bool {
	if schemaName != "" && schemaName != "pg_catalog" {
		return false
	}
	switch name {
	case "pg_authid", "pg_shadow", "pg_user_mapping", "pg_user_mappings", "pg_subscription",
		"pg_hba_file_rules", "pg_ident_file_mappings", "pg_file_settings", "pg_stat_wal_receiver":
		return true
	}
	return false
}

// names returns the texts of a list of String nodes.
func names(items []value) []string {
	var out []string
	for i := range items {
		if typ, b := items[i].node(); typ == "String" {
			out = append(out, b.text("sval"))
		}
	}
	return out
}

// identifier joins the parts of a name; a part that holds a dot or a quote is
// quoted, so that "a.b" and a.b stay apart.
func identifier(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		if p == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		if strings.ContainsAny(p, `."`) {
			p = `"` + strings.ReplaceAll(p, `"`, `""`) + `"`
		}
		b.WriteString(p)
	}
	return b.String()
}
