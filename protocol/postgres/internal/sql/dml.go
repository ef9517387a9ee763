package sql

import "github.com/sallyport/sallyport/protocol"

// with walks a WITH clause and then do, in which its names are known. Without
// RECURSIVE a query sees only the names before it. What its queries give may
// flow anywhere in the statement, so it counts as stored if anything is.
func (w *walker) with(clause *value, do func()) {
	before := len(w.ctes)
	recursive := clause.flag("recursive")
	var bodies []*value
	for i := range clause.list("ctes") {
		_, cte := clause.list("ctes")[i].node()
		if cte == nil {
			w.everything("a WITH clause")
			continue
		}
		w.alias(cte.text("ctename"))
		bodies = append(bodies, cte)
		if recursive {
			w.ctes = append(w.ctes, cte.text("ctename"))
		}
	}
	stored := w.stored
	for _, cte := range bodies {
		w.stored = true
		w.children("CommonTableExpr", cte)
		w.stored = stored
		if !recursive {
			w.ctes = append(w.ctes, cte.text("ctename"))
		}
	}
	do()
	w.ctes = w.ctes[:before]
}

// selects walks SELECT, VALUES and TABLE, with their set operations.
func (w *walker) selects(b *value) {
	w.while(false, false, 0, func() {
		w.st.Effects |= read
		stored := w.stored
		if intoOf(b) != nil {
			w.stored, w.st.facts.stores = true, true
		}
		w.with(b.get("withClause"), func() { w.selectBody(b) })
		w.stored = stored
	})
}

func (w *walker) selectBody(b *value) {
	w.outputs(b.list("targetList"))
	if into := b.get("intoClause"); into != nil {
		w.touch(into.get("rel"), schema|write)
		w.children("IntoClause", into, "rel")
	}
	w.children("SelectStmt", b, "targetList", "intoClause", "withClause")
}

// intoOf finds SELECT … INTO, which sits in the leftmost arm of set operations.
func intoOf(b *value) *value {
	for b != nil {
		if into := b.get("intoClause"); into != nil {
			return into
		}
		b = b.get("larg")
	}
	return nil
}

func (w *walker) insert(b *value, top bool) {
	w.while(false, false, 0, func() {
		w.with(b.get("withClause"), func() {
			conflict := b.get("onConflictClause")
			returns := len(b.list("returningList")) > 0
			w.target(b.get("relation"), write, conflict != nil || returns, conflict != nil || w.stored)
			w.storing(true, func() { w.source(b.get("selectStmt")) })
			if conflict != nil {
				before := w.conflict
				w.conflict = true
				w.storing(true, func() { w.any(conflict.get("targetList")) })
				w.children("OnConflictClause", conflict, "targetList")
				w.conflict = before
			}
			w.returning(b, top)
			w.children("InsertStmt", b, "relation", "selectStmt", "onConflictClause", "returningList", "withClause")
		})
	})
}

// source walks what INSERT puts in. A list of values by itself reads nothing.
func (w *walker) source(v *value) {
	typ, b := v.node()
	if typ == "SelectStmt" && b.get("valuesLists") != nil {
		w.with(b.get("withClause"), func() { w.selectBody(b) })
		return
	}
	w.any(v)
}

func (w *walker) update(b *value, top bool) {
	w.while(false, false, 0, func() {
		w.with(b.get("withClause"), func() {
			w.target(b.get("relation"), write, true, true)
			w.storing(true, func() {
				w.any(b.get("targetList"))
				w.any(b.get("fromClause"))
			})
			w.where(b)
			w.returning(b, top)
			w.children("UpdateStmt", b, "relation", "targetList", "fromClause", "whereClause", "returningList", "withClause")
		})
	})
}

func (w *walker) deletes(b *value, top bool) {
	w.while(false, false, 0, func() {
		w.with(b.get("withClause"), func() {
			w.target(b.get("relation"), destroy, true, w.stored)
			w.any(b.get("usingClause"))
			w.where(b)
			w.returning(b, top)
			w.children("DeleteStmt", b, "relation", "usingClause", "whereClause", "returningList", "withClause")
		})
	})
}

func (w *walker) merge(b *value, top bool) {
	w.while(false, false, 0, func() {
		w.with(b.get("withClause"), func() {
			eff := protocol.Effects(0)
			for i := range b.list("mergeWhenClauses") {
				_, when := b.list("mergeWhenClauses")[i].node()
				switch when.text("commandType") {
				case "CMD_DELETE":
					eff |= destroy
				case "CMD_INSERT", "CMD_UPDATE":
					eff |= write
				case "CMD_NOTHING":
				default:
					w.everything("an action of MERGE")
				}
			}
			w.target(b.get("relation"), eff|read, true, true)
			w.storing(true, func() {
				w.any(b.get("sourceRelation"))
				w.any(b.get("mergeWhenClauses"))
			})
			w.any(b.get("joinCondition"))
			w.returning(b, top)
			w.children("MergeStmt", b, "relation", "sourceRelation", "mergeWhenClauses", "joinCondition", "returningList", "withClause")
		})
	})
}

// where walks a condition: it decides which rows change, and flows into none.
func (w *walker) where(b *value) {
	w.storing(false, func() { w.any(b.get("whereClause")) })
}

// returning walks RETURNING. At the top its rows go to the client; inside WITH
// they flow on.
func (w *walker) returning(b *value, top bool) {
	if len(b.list("returningList")) == 0 {
		return
	}
	w.st.Effects |= read
	stored := w.stored
	w.stored = stored && !top
	w.outputs(b.list("returningList"))
	w.stored = stored
}

// outputs walks the columns that a query gives.
func (w *walker) outputs(targets []value) {
	for i := range targets {
		typ, target := targets[i].node()
		if typ != "ResTarget" {
			w.everything("an output column")
			continue
		}
		w.plain = true
		w.any(target.get("val"))
		w.plain = false
		w.any(target.get("indirection"))
	}
}

func (w *walker) copies(b *value) {
	st, f := w.st, &w.st.facts
	from, program, file := b.flag("is_from"), b.flag("is_program"), b.text("filename") != ""
	switch {
	case program:
		st.Verb = "copy program"
	case from:
		st.Verb = "copy in"
	default:
		st.Verb = "copy out"
	}
	if program || file {
		// Reading or writing the server's files, or running its programs.
		st.Effects |= write | credential | code | opaque
		f.hidden = "files and programs of the server"
	}
	switch {
	case b.get("query") != nil:
		f.copyOut = true
		st.Effects |= read
		w.top(b.get("query"))
	case from:
		w.target(b.get("relation"), write, b.get("whereClause") != nil, false)
		w.any(b.get("whereClause"))
	default:
		f.copyOut = true
		w.target(b.get("relation"), read, true, false)
		columns := names(b.list("attlist"))
		for _, c := range columns {
			w.mention(mention{name: c, plain: true})
		}
		if len(columns) == 0 {
			w.mention(mention{star: true, plain: true})
		}
	}
	w.children("CopyStmt", b, "relation", "query", "whereClause", "attlist")
}
