package sql

import (
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// judge makes a Statement of one statement's tree.
func (l *library) judge(v *value) *Statement {
	st := &Statement{}
	w := &walker{lib: l, st: st}
	w.top(v)
	if st.Verb == "" {
		st.Verb = "unknown"
		w.everything("the statement")
	}
	if st.Verb == "select" && st.Effects == read && len(st.Objects) == 0 {
		// It reads nothing of anyone's, as the health checks of pools do.
		st.Effects = 0
	}
	return st
}

// top walks a statement that stands by itself and gives the verb.
func (w *walker) top(v *value) {
	typ, b := v.node()
	st := w.st
	verb := func(s string) {
		if st.Verb == "" {
			st.Verb = s
		}
	}
	switch typ {
	case "":
		w.everything("the statement")
	case "SelectStmt":
		if intoOf(b) != nil {
			verb("select into")
		} else {
			verb("select")
			st.ReturnsRows = true
		}
		w.selects(b)
	case "InsertStmt":
		verb("insert")
		w.insert(b, true)
		w.rows(b)
	case "UpdateStmt":
		verb("update")
		w.update(b, true)
		w.rows(b)
	case "DeleteStmt":
		verb("delete")
		w.deletes(b, true)
		w.rows(b)
	case "MergeStmt":
		verb("merge")
		w.merge(b, true)
		w.rows(b)
	default:
		w.statement(typ, b)
	}
}

func (w *walker) rows(b *value) {
	if len(b.list("returningList")) > 0 {
		w.st.ReturnsRows = true
	}
}

// statement judges what is not plain SELECT or DML. Nested in another (the
// elements of CREATE SCHEMA, the actions of a rule) it only adds to it.
func (w *walker) statement(typ string, b *value) {
	verb := w.st.Verb
	if !w.special(typ, b) {
		rule, ok := w.lib.simple[typ]
		if !ok {
			w.everything("a node of kind " + typ)
		} else {
			w.st.Verb = rule.verb
			if rule.kindField != "" {
				w.st.Verb += " " + objectKind(b.text(rule.kindField))
			}
			w.st.Effects |= rule.effects
			w.hide(rule.hidden)
			w.while(true, rule.alters, rule.effects, func() {
				w.storing(rule.alters, func() { w.children(typ, b) })
			})
			w.describe(rule, b)
			w.refine(typ, b)
		}
	}
	if verb != "" {
		w.st.Verb = verb
	}
}

func (w *walker) hide(what string) {
	if what != "" && w.st.facts.hidden == "" {
		w.st.facts.hidden = what
	}
}

// describe adds the object that a simple statement names outside of RangeVars.
func (w *walker) describe(rule simpleStatement, b *value) {
	if rule.nameField == "" {
		return
	}
	kind := rule.kind
	if kind == "" && rule.kindField != "" {
		kind = objectKind(b.text(rule.kindField))
	}
	w.named(kind, b.get(rule.nameField), rule.effects)
}

// named adds objects from any of the forms in which the parser gives names.
func (w *walker) named(kind string, v *value, eff protocol.Effects) {
	if v == nil {
		return
	}
	switch v.kind {
	case text:
		w.object(kind, identifier(v.str), eff)
	case list:
		if n := names(v.items); len(n) > 0 && len(n) == len(v.items) {
			w.object(kind, identifier(n...), eff)
			return
		}
		for i := range v.items {
			w.named(kind, &v.items[i], eff)
		}
	case object:
		switch typ, b := v.node(); typ {
		case "String":
			w.object(kind, identifier(b.text("sval")), eff)
		case "List":
			w.named(kind, b.get("items"), eff)
		case "TypeName":
			w.object(kind, identifier(names(b.list("names"))...), eff)
		case "ObjectWithArgs":
			w.object(kind, identifier(names(b.list("objname"))...), eff)
		case "RoleSpec":
			w.object("role", roleName(b), eff)
		case "": // a field that holds its node without the type's name
			if v.get("roletype") != nil {
				w.object("role", roleName(v), eff)
			} else if n := names(v.list("objname")); len(n) > 0 {
				w.object(kind, identifier(n...), eff)
			}
		}
	}
}

// roleName returns a role as a person writes it.
func roleName(b *value) string {
	if n := b.text("rolename"); n != "" {
		return identifier(n)
	}
	return strings.ToLower(strings.TrimPrefix(b.text("roletype"), "ROLESPEC_"))
}

// objectKind turns the parser's OBJECT_FOREIGN_TABLE into "foreign table".
func objectKind(s string) string {
	switch s = strings.TrimPrefix(s, "OBJECT_"); s {
	case "MATVIEW":
		return "materialized view"
	case "TABCONSTRAINT", "DOMCONSTRAINT":
		return "constraint"
	case "TSCONFIGURATION", "TSDICTIONARY", "TSPARSER", "TSTEMPLATE":
		return "text search " + strings.ToLower(s[2:])
	case "FDW":
		return "foreign data wrapper"
	case "FOREIGN_SERVER":
		return "server"
	case "LARGEOBJECT":
		return "large object"
	case "STATISTIC_EXT":
		return "statistics"
	case "OPCLASS":
		return "operator class"
	case "OPFAMILY":
		return "operator family"
	}
	s = strings.TrimPrefix(strings.TrimPrefix(s, "REINDEX_OBJECT_"), "DISCARD_")
	return strings.ToLower(strings.ReplaceAll(s, "_", " "))
}
