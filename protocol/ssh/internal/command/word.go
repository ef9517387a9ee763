package command

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"github.com/sallyport/sallyport/protocol"
)

// arg is what is known of a word of a command.
type arg struct {
	// text is the word without its quotes; only its literal beginning, where
	// it is neither exact nor a glob.
	text string
	// exact: the word is text and nothing else.
	exact bool
	// glob: the word is exact, but for the names of files that it stands for.
	glob bool
	// home: the "~" that text begins with is the home directory.
	home bool
	// many: it may become several words, or none.
	many bool
	// digits: it is a number, whichever.
	digits bool
	// fd: it names a file of the shell's own making, as <(…) does.
	fd bool
}

func literal(s string) arg { return arg{text: s, exact: true} }

// anything is a word of which nothing is known.
func anything() arg { return arg{many: true} }

// option reports whether the word may be read as an option.
func (a *arg) option() bool {
	switch {
	case a.exact:
		return len(a.text) > 1 && a.text[0] == '-'
	case a.fd:
		return false
	case a.glob:
		return strings.ContainsRune("*?[-", rune(a.text[0]))
	}
	return a.many || a.text == "" || a.text[0] == '-'
}

// after returns the word without its first n bytes, which are known.
func (a *arg) after(n int) arg {
	rest := *a
	rest.text, rest.home = a.text[min(n, len(a.text)):], false
	return rest
}

// word judges what runs while a word is expanded, and returns what it becomes.
func (j *judge) word(w *syntax.Word) arg {
	if w == nil {
		return literal("")
	}
	if !j.enter() {
		return anything()
	}
	defer j.leave()
	a := arg{exact: true}
	var b strings.Builder
	var bare strings.Builder // what is not quoted, for what is special in it
	for i := range w.Parts {
		j.part(&a, &b, &bare, w.Parts, i)
	}
	a.digits = number(b.String()) || len(w.Parts) == 1 && counts(w.Parts[0])
	if !a.exact && !a.glob {
		return a
	}
	s := bare.String()
	switch {
	case strings.ContainsAny(s, "{") && strings.ContainsAny(s, "}") && (strings.Contains(s, ",") || strings.Contains(s, "..")):
		return arg{many: true} // braces, which not every shell expands
	case strings.HasPrefix(s, "="):
		return arg{} // zsh looks up the program
	case strings.HasPrefix(s, "~") && !a.home:
		return arg{}
	}
	a.text = b.String()
	if strings.ContainsAny(s, "*?[") && s != "[" && s != "[[" {
		a.exact, a.glob = false, true
	}
	return a
}

// part adds a part of a word. Once the word is not exact, text is complete.
func (j *judge) part(a *arg, b, bare *strings.Builder, w []syntax.WordPart, i int) {
	p, first, last := w[i], i == 0, i == len(w)-1
	vague := func(many bool) {
		if a.exact {
			a.text = b.String()
		}
		a.exact = false
		a.many = a.many || many
	}
	switch p := p.(type) {
	case *syntax.Lit:
		s := p.Value
		if first && strings.HasPrefix(s, "~") {
			if rest := s[1:]; rest == "" && last || strings.HasPrefix(rest, "/") {
				a.home = true
			}
		}
		for i := 0; i < len(s); i++ {
			c := s[i]
			if c == '\\' && i+1 < len(s) {
				i++
				b.WriteByte(s[i])
				bare.WriteByte('q')
				continue
			}
			b.WriteByte(c)
			bare.WriteByte(c)
		}
	case *syntax.SglQuoted:
		bare.WriteByte('q')
		if p.Dollar {
			j.differs = true
			vague(false)
			return
		}
		b.WriteString(p.Value)
	case *syntax.DblQuoted:
		bare.WriteByte('q')
		if p.Dollar {
			vague(false)
		}
		for k, q := range p.Parts {
			switch q := q.(type) {
			case *syntax.Lit:
				b.WriteString(unescape(q.Value))
			case *syntax.ParamExp:
				j.param(q)
				if homeVariable(q) && first && k == 0 && b.Len() == 0 && (homeEnds(p.Parts, k, last) || len(p.Parts) == 1 && homeEnds(w, i, last)) {
					b.WriteByte('~')
					a.home = true
					continue
				}
				vague(q.Param == nil || q.Param.Value == "@" || q.Index != nil || q.Excl)
			default:
				j.inside(q)
				vague(false)
			}
		}
	case *syntax.ParamExp:
		j.param(p)
		if homeVariable(p) && first && b.Len() == 0 && homeEnds(w, i, true) {
			b.WriteByte('~')
			a.home = true
			return
		}
		vague(true)
	case *syntax.ProcSubst:
		j.inside(p)
		if first && last {
			a.fd = true
		}
		vague(false)
	case *syntax.ExtGlob:
		// In zsh the same letters can hold code.
		j.unknown("a pattern that is not a plain one")
		vague(true)
	default:
		j.inside(p)
		vague(true)
	}
}

// counts reports whether a part of a word can only be a number.
func counts(p syntax.WordPart) bool {
	switch p := p.(type) {
	case *syntax.DblQuoted:
		return len(p.Parts) == 1 && counts(p.Parts[0])
	case *syntax.ArithmExp:
		return true
	case *syntax.ParamExp:
		return p.Length || p.Param != nil && p.Exp == nil && p.Repl == nil && p.Slice == nil && !p.Excl && matches(p.Param.Value, "? # $ PIPESTATUS")
	}
	return false
}

// homeVariable reports whether p is $HOME.
func homeVariable(p *syntax.ParamExp) bool {
	return p.Param != nil && p.Param.Value == "HOME" && p.Exp == nil && p.Index == nil && p.Slice == nil &&
		p.Repl == nil && !p.Excl && !p.Length && !p.Width && p.Names == 0
}

// homeEnds reports whether what follows $HOME in quotes begins with a slash, or
// nothing follows.
func homeEnds(parts []syntax.WordPart, k int, last bool) bool {
	if k == len(parts)-1 {
		return last
	}
	l, ok := parts[k+1].(*syntax.Lit)
	return ok && strings.HasPrefix(l.Value, "/")
}

// unescape takes the backslashes off a text in double quotes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			switch s[i+1] {
			case '$', '"', '\\', '`':
				i++
			case '\n':
				i++
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// inside judges what runs while a part of a word is expanded.
func (j *judge) inside(p syntax.WordPart) {
	if !j.enter() {
		return
	}
	defer j.leave()
	switch p := p.(type) {
	case *syntax.Lit, *syntax.SglQuoted:
	case *syntax.DblQuoted:
		for _, q := range p.Parts {
			j.inside(q)
		}
	case *syntax.ParamExp:
		j.param(p)
	case *syntax.CmdSubst:
		if p.TempFile || p.ReplyVar {
			j.differs = true
			j.cwd = nil
		}
		j.apart(func() { j.stmts(p.Stmts) })
	case *syntax.ProcSubst:
		in := j.stdin
		if p.Op == syntax.CmdOut {
			j.stdin = input{from: fromPipe}
		}
		j.apart(func() { j.stmts(p.Stmts) })
		j.stdin = in
	case *syntax.ArithmExp:
		if p.Bracket {
			j.unknown("$[…], which other shells read differently")
		}
		j.arith(p.X)
	default:
		j.unknown("an expansion that is not known")
	}
}

// param judges ${…}.
func (j *judge) param(p *syntax.ParamExp) {
	if !j.enter() {
		return
	}
	defer j.leave()
	if p.Param == nil || p.Flags != nil || p.NestedParam != nil || len(p.Modifiers) > 0 {
		j.unknown("an expansion that is not known")
		return
	}
	name := p.Param.Value
	if p.Excl && p.Names == 0 {
		j.unknown("an expansion of a variable that another one names")
	}
	if secretVariable(name) && !p.Length {
		j.object("variable", name, protocol.Read|protocol.Credential)
	}
	if p.Index != nil {
		if w, ok := p.Index.(*syntax.Word); !ok || w.Lit() != "@" && w.Lit() != "*" {
			j.arith(p.Index)
		}
	}
	if p.Slice != nil {
		j.arith(p.Slice.Offset)
		j.arith(p.Slice.Length)
	}
	if p.Repl != nil {
		j.word(p.Repl.Orig)
		j.word(p.Repl.With)
	}
	if p.Exp != nil {
		a := j.word(p.Exp.Word)
		switch p.Exp.Op {
		case syntax.AssignUnset, syntax.AssignUnsetOrNull:
			j.assigned(name, false)
		case syntax.OtherParamOps:
			if a.text != "Q" && a.text != "U" && a.text != "L" && a.text != "u" {
				j.unknown("an expansion that evaluates what a variable holds")
			}
		}
	}
}

// redirects judges the redirections of a command and notes its input.
func (j *judge) redirects(list []*syntax.Redirect) {
	for _, r := range list {
		a := j.word(r.Word)
		if r.N != nil && strings.HasPrefix(r.N.Value, "{") {
			j.assigned(strings.Trim(r.N.Value, "{}"), false)
		}
		input0 := r.N == nil || r.N.Value == "0"
		switch r.Op {
		case syntax.RdrOut, syntax.RdrClob, syntax.RdrAll, syntax.RdrAllClob:
			j.path(a, protocol.Write|protocol.Destroy)
		case syntax.AppOut, syntax.AppClob, syntax.AppAll, syntax.AppAllClob:
			j.path(a, protocol.Write)
		case syntax.RdrIn:
			j.path(a, protocol.Read)
			if input0 {
				j.stdin = input{from: fromFile}
			}
		case syntax.RdrInOut:
			j.path(a, protocol.Read|protocol.Write)
			if input0 {
				j.stdin = input{from: fromFile}
			}
		case syntax.DplIn, syntax.DplOut:
			if s := strings.TrimSuffix(a.text, "-"); a.exact && (number(s) || a.text == "-") {
				if r.Op == syntax.DplIn && input0 {
					j.stdin = input{from: fromPipe}
				}
				continue
			}
			if r.Op == syntax.DplIn {
				j.unknown("a redirection that is not known")
				continue
			}
			j.path(a, protocol.Write|protocol.Destroy) // ">&file"
		case syntax.Hdoc, syntax.DashHdoc:
			text, exact := j.document(r, a)
			if input0 {
				j.stdin = input{from: fromText, text: text, exact: exact}
			}
		case syntax.WordHdoc:
			if input0 {
				j.stdin = input{from: fromText, text: a.text, exact: a.exact && !a.home}
			}
		default:
			j.unknown("a redirection that is not known")
		}
	}
}

// document judges the body of a here-document and returns it where it is exact.
func (j *judge) document(r *syntax.Redirect, delimiter arg) (string, bool) {
	if r.Hdoc == nil {
		return "", delimiter.exact
	}
	quoted := false
	for _, p := range r.Word.Parts {
		if l, ok := p.(*syntax.Lit); !ok || strings.Contains(l.Value, `\`) {
			quoted = true
		}
	}
	var b strings.Builder
	exact := r.Op == syntax.Hdoc // "<<-" takes tabs off
	for _, p := range r.Hdoc.Parts {
		if l, ok := p.(*syntax.Lit); ok {
			if !quoted {
				exact = exact && !strings.Contains(l.Value, `\`)
			}
			b.WriteString(l.Value)
			continue
		}
		exact = false
		j.inside(p)
	}
	return b.String(), exact
}
