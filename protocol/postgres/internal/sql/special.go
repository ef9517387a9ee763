package sql

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/protocol"
)

// special judges the statements that need more than a row of the table; false
// for all others.
func (w *walker) special(typ string, b *value) bool {
	st, f := w.st, &w.st.facts
	top := st.Verb == ""
	switch typ {
	case "VariableSetStmt":
		w.sets(b, top)
	case "VariableShowStmt":
		st.Verb, st.ReturnsRows = "show", true
		st.Effects |= read
	case "TransactionStmt":
		w.transaction(b)
	case "PrepareStmt":
		st.Verb, st.Name = "prepare", b.text("name")
		w.inner(b.get("query"))
		w.children(typ, b, "query")
	case "ExecuteStmt":
		// Who keeps track of prepared statements judges what Name stands for.
		st.Verb, st.Name, st.ReturnsRows = "execute", b.text("name"), true
		st.Effects = protocol.Everything
		f.unknown = true
		w.children(typ, b)
	case "DeallocateStmt":
		st.Verb, st.Name = "deallocate", b.text("name")
	case "DeclareCursorStmt":
		st.Verb, st.Name = "declare", b.text("portalname")
		w.inner(b.get("query"))
	case "FetchStmt":
		st.Verb, st.Name = "fetch", b.text("portalname")
		st.Effects |= read
		f.unknown = true
		if st.ReturnsRows = !b.flag("ismove"); !st.ReturnsRows {
			st.Verb = "move"
		}
	case "ClosePortalStmt":
		st.Verb, st.Name = "close", b.text("portalname")
	case "ExplainStmt":
		w.explains(b)
	case "CreateTableAsStmt":
		st.Verb = "create " + objectKind(b.text("objtype"))
		if st.Verb == "create table" {
			st.Verb = "create table as"
		}
		into := b.get("into")
		w.storing(true, func() { w.inner(b.get("query")) })
		w.while(true, true, schema|write, func() { w.any(wrap("RangeVar", into.get("rel"))) })
		w.children("IntoClause", into, "rel")
	case "ViewStmt":
		st.Verb = "create view"
		st.Effects |= schema
		w.while(true, true, schema, func() { w.any(wrap("RangeVar", b.get("view"))) })
		w.storing(true, func() { w.any(b.get("query")) })
		w.children(typ, b, "view", "query")
	case "CreateStmt":
		// INHERITS and PARTITION OF make rows of one table show in another.
		st.Verb = "create table"
		st.Effects |= schema
		w.touch(b.get("relation"), schema)
		w.while(true, true, schema, func() { w.any(b.get("inhRelations")) })
		w.while(true, false, schema, func() { w.children(typ, b, "relation", "inhRelations") })
	case "IndexStmt":
		w.index(b)
	case "CopyStmt":
		w.copies(b)
	case "DropStmt":
		w.drops(b)
	case "AlterTableStmt":
		w.alters(b)
	case "RenameStmt":
		w.renames(b)
	case "ConstraintsSetStmt":
		st.Verb = "set constraints"
		f.commits = true
	default:
		return false
	}
	return true
}

// wrap gives a field without its type's name the form that any reads.
func wrap(typ string, v *value) *value {
	if v == nil {
		return nil
	}
	return &value{kind: object, fields: []field{{typ, *v}}}
}

// inner judges a statement inside another one twice: by itself, for callers
// who want to know it, and as a part of the outer one.
func (w *walker) inner(v *value) {
	w.st.Inner = w.lib.judge(v)
	rows := w.st.ReturnsRows
	w.top(v)
	w.st.ReturnsRows = rows
}

func (w *walker) sets(b *value, top bool) {
	st := w.st
	kind := b.text("kind")
	s := Setting{Name: strings.ToLower(b.text("name")), Local: b.flag("is_local")}
	st.Verb = "set"
	switch kind {
	case "VAR_SET_VALUE":
		var parts []string
		s.Known = true
		for i := range b.list("args") {
			part, ok := constant(&b.list("args")[i])
			s.Known = s.Known && ok
			parts = append(parts, part)
		}
		s.Value = strings.Join(parts, ", ")
	case "VAR_SET_MULTI": // SET TRANSACTION and the like
		st.Verb = "set " + s.Name
	case "VAR_RESET", "VAR_RESET_ALL":
		st.Verb = "reset"
	case "VAR_SET_DEFAULT", "VAR_SET_CURRENT":
	default:
		w.everything("a form of SET")
	}
	st.Effects |= settingEffects(s.Name)
	if top && kind != "VAR_SET_MULTI" {
		st.Settings = append(st.Settings, s)
	}
	w.children("VariableSetStmt", b)
}

// settingEffects returns what changing a run-time setting means beyond the
// session's own look and feel.
func settingEffects(name string) protocol.Effects {
	switch name {
	case "role", "session_authorization", "row_security", "session_replication_role", "is_superuser":
		return access
	case "session_preload_libraries", "local_preload_libraries", "shared_preload_libraries", "dynamic_library_path",
		"jit_provider", "archive_command", "restore_command", "check_function_bodies", "allow_system_table_mods",
		"extension_control_path":
		return access | code
	case "ignore_checksum_failure", "zero_damaged_pages", "ignore_system_indexes", "lo_compat_privileges":
		return access
	}
	return 0
}

func (w *walker) transaction(b *value) {
	st := w.st
	kinds := map[string]struct {
		verb string
		kind TransactionKind
	}{
		"TRANS_STMT_BEGIN":             {"begin", Begin},
		"TRANS_STMT_START":             {"begin", Begin},
		"TRANS_STMT_COMMIT":            {"commit", Commit},
		"TRANS_STMT_ROLLBACK":          {"rollback", Rollback},
		"TRANS_STMT_SAVEPOINT":         {"savepoint", Savepoint},
		"TRANS_STMT_RELEASE":           {"release", Release},
		"TRANS_STMT_ROLLBACK_TO":       {"rollback to", RollbackTo},
		"TRANS_STMT_PREPARE":           {"prepare transaction", PrepareTransaction},
		"TRANS_STMT_COMMIT_PREPARED":   {"commit prepared", CommitPrepared},
		"TRANS_STMT_ROLLBACK_PREPARED": {"rollback prepared", RollbackPrepared},
	}
	k, ok := kinds[b.text("kind")]
	if !ok {
		w.everything("a form of transaction control")
	}
	st.Verb, st.Transaction = k.verb, k.kind
	if st.Name = b.text("savepoint_name"); st.Name == "" {
		st.Name = b.text("gid")
	}
	switch k.kind {
	case Commit, PrepareTransaction:
		st.facts.commits = true
	case CommitPrepared, RollbackPrepared:
		st.Effects |= write // of whatever was prepared, perhaps by others
	}
}

// explains judges EXPLAIN: without ANALYZE nothing is changed, although
// functions may run while the plan is made.
func (w *walker) explains(b *value) {
	st := w.st
	st.Verb = "explain"
	before := st.Effects
	w.inner(b.get("query"))
	st.Verb, st.ReturnsRows = "explain", true
	analyze := false
	for i := range b.list("options") {
		_, o := b.list("options")[i].node()
		if strings.EqualFold(o.text("defname"), "analyze") {
			off, known := constant(o.get("arg"))
			if _, s := o.get("arg").node(); s != nil && s.text("sval") != "" {
				off, known = s.text("sval"), true
			}
			analyze = !known || !slices.Contains([]string{"false", "off", "0"}, strings.ToLower(off))
		}
	}
	w.children("ExplainStmt", b, "query")
	st.Effects |= read
	if analyze || st.Effects == protocol.Everything {
		return
	}
	const kept = read | credential | code | opaque
	st.Effects = before | st.Effects&kept | read
	for i := range st.Objects {
		st.Objects[i].Effects &= kept
	}
	st.facts.stores, st.facts.copyOut = false, false
}

func (w *walker) index(b *value) {
	st := w.st
	st.Verb = "create index"
	st.Effects |= schema
	// An index over an expression has statistics of its own.
	derives := b.get("whereClause") != nil
	for _, f := range []string{"indexParams", "indexIncludingParams"} {
		for i := range b.list(f) {
			_, e := b.list(f)[i].node()
			derives = derives || e.get("expr") != nil
		}
	}
	w.while(true, derives, schema, func() { w.children("IndexStmt", b) })
}

func (w *walker) drops(b *value) {
	kind := objectKind(b.text("removeType"))
	w.st.Verb = "drop " + kind
	eff := destroy | schema
	if kind == "policy" || kind == "user mapping" {
		eff |= access
	}
	w.st.Effects |= eff
	switch kind {
	case "view", "materialized view", "foreign table", "sequence":
		kind = "table"
	}
	for i := range b.list("objects") {
		w.named(kind, &b.list("objects")[i], eff)
	}
}

func (w *walker) alters(b *value) {
	st := w.st
	st.Verb = "alter " + objectKind(b.text("objtype"))
	eff := schema
	for i := range b.list("cmds") {
		_, c := b.list("cmds")[i].node()
		switch c.text("subtype") {
		case "AT_DropColumn":
			eff |= destroy
		case "AT_ChangeOwner", "AT_EnableRowSecurity", "AT_DisableRowSecurity", "AT_ForceRowSecurity",
			"AT_NoForceRowSecurity", "AT_EnableTrig", "AT_EnableAlwaysTrig", "AT_EnableReplicaTrig", "AT_DisableTrig",
			"AT_EnableTrigAll", "AT_DisableTrigAll", "AT_EnableTrigUser", "AT_DisableTrigUser", "AT_EnableRule",
			"AT_EnableAlwaysRule", "AT_EnableReplicaRule", "AT_DisableRule":
			eff |= access
		case "AT_AlterColumnType", "AT_SetExpression":
			eff |= write
		case "AT_GenericOptions", "AT_AlterColumnGenericOptions":
			w.hide(newPaths)
		}
	}
	st.Effects |= eff
	w.while(true, true, eff, func() { w.children("AlterTableStmt", b) })
}

func (w *walker) renames(b *value) {
	st := w.st
	kind := objectKind(b.text("renameType"))
	st.Verb = "alter " + kind
	eff := schema
	switch kind {
	case "schema":
		w.hide(newPaths)
		w.object("schema", identifier(b.text("subname")), eff)
	case "database":
		w.object("database", identifier(b.text("subname")), eff)
	case "role":
		eff |= access
		w.object("role", identifier(b.text("subname")), eff)
	case "column", "attribute", "constraint":
		st.Verb = "alter " + objectKind(b.text("relationType"))
	}
	st.Effects |= eff
	w.while(true, true, eff, func() { w.children("RenameStmt", b) })
	w.named(kind, b.get("object"), eff)
}

// refine adds to a simple statement what its row of the table cannot say.
func (w *walker) refine(typ string, b *value) {
	st := w.st
	switch typ {
	case "GrantStmt":
		if !b.flag("is_grant") {
			st.Verb = "revoke " + strings.TrimPrefix(st.Verb, "grant ")
		}
		w.named("role", b.get("grantees"), access)
	case "GrantRoleStmt":
		if !b.flag("is_grant") {
			st.Verb = "revoke role"
		}
		w.named("role", b.get("grantee_roles"), access)
		for i := range b.list("granted_roles") {
			if _, p := b.list("granted_roles")[i].node(); p != nil {
				w.object("role", identifier(p.text("priv_name")), access)
			}
		}
	case "CreateRoleStmt", "AlterRoleStmt":
		for i := range b.list("options") {
			if _, o := b.list("options")[i].node(); o.text("defname") == "password" {
				st.Effects |= credential
			}
		}
	case "CreateFunctionStmt":
		if b.flag("is_procedure") {
			st.Verb = "create procedure"
		}
	case "ReindexStmt", "ClusterStmt", "RefreshMatViewStmt":
		st.facts.commits = true // may complain about duplicates, quoting them
	case "VacuumStmt":
		if !b.flag("is_vacuumcmd") {
			st.Verb = "analyze"
		}
	case "ListenStmt", "UnlistenStmt", "NotifyStmt":
		st.Name = b.text("conditionname")
	case "CallStmt":
		st.ReturnsRows = true
	}
}
