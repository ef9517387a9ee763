package sql

import "strings"

// call judges a function call by its name.
func (w *walker) call(b *value) {
	name := names(b.list("funcname"))
	if len(name) == 0 {
		w.everything("a function without a name")
		return
	}
	full := identifier(name...)
	fn := w.lib.functions.look(name)
	eff := fn.effects
	if name[len(name)-1] == "set_config" && fn.class != unknown {
		s, known := configCall(b.list("args"))
		if !known {
			eff |= access | opaque
		}
		eff |= settingEffects(s.Name)
		w.st.Settings = append(w.st.Settings, s)
	}
	if fn.class != pure { // those that only compute add nothing
		w.object("function", full, eff)
		w.calls(call{full, fn.class})
	}
	w.children("FuncCall", b, "funcname")
}

// configCall reads the arguments of set_config; known is false where the name
// of the setting is computed.
func configCall(args []value) (s Setting, known bool) {
	if len(args) > 0 {
		s.Name, known = constant(&args[0])
		s.Name = strings.ToLower(s.Name)
	}
	if len(args) > 1 {
		s.Value, s.Known = constant(&args[1])
	}
	if len(args) > 2 {
		local, ok := constant(&args[2])
		s.Local = ok && local == "true"
	}
	return s, known
}

// constant returns the text of a literal, also under a cast to text.
func constant(v *value) (string, bool) {
	typ, b := v.node()
	if typ == "NamedArgExpr" {
		return "", false // order of arguments is the caller's
	}
	if typ == "TypeCast" {
		if n := names(b.get("typeName").list("names")); len(n) == 0 || n[len(n)-1] != "text" {
			return "", false
		}
		v = b.get("arg")
		if typ, b = v.node(); typ != "A_Const" {
			return "", false
		}
	}
	if typ != "A_Const" {
		return "", false
	}
	for _, f := range []string{"sval", "fval", "bsval", "ival", "boolval"} {
		if c := b.get(f); c != nil {
			switch s := c.text(f); {
			case s != "":
				return s, true
			case f == "ival":
				return "0", true
			case f == "boolval":
				return "false", true
			default:
				return "", true
			}
		}
	}
	return "", false
}
