package command

import (
	"mvdan.cc/sh/v3/syntax"
)

// input is where a command reads from.
type input struct {
	from  origin
	text  string // of inText, where exact
	exact bool
}

type origin int

const (
	fromClient origin = iota // what the client sends
	fromPipe                 // another command of the line
	fromFile
	fromText // a here-document or here-string
	fromNowhere
)

// enter bounds the nesting of what is walked.
func (j *judge) enter() bool {
	if j.depth >= maxDepth {
		j.unknown("nested too deeply")
		return false
	}
	j.depth++
	return true
}

func (j *judge) leave() { j.depth-- }

func (j *judge) stmts(list []*syntax.Stmt) {
	for _, s := range list {
		j.stmt(s)
	}
}

func (j *judge) stmt(s *syntax.Stmt) {
	if !j.enter() {
		return
	}
	defer j.leave()
	in := j.stdin
	cwd := j.cwd
	j.redirects(s.Redirs)
	if split(s) {
		j.unknown("a redirection that shells read differently")
	}
	if s.Cmd != nil {
		j.command(s.Cmd)
	} else {
		j.ok = j.cwd
	}
	j.stdin = in
	if s.Background || s.Coprocess || s.Disown {
		j.cwd, j.ok = cwd, cwd
	}
	if s.Negated {
		j.ok = j.cwd
	}
}

// split reports whether words follow "&>file" or "&>>file": bash takes them as
// arguments, other shells as a command of their own.
func split(s *syntax.Stmt) bool {
	call, ok := s.Cmd.(*syntax.CallExpr)
	if !ok {
		return false
	}
	for _, r := range s.Redirs {
		switch r.Op {
		case syntax.RdrAll, syntax.RdrAllClob, syntax.AppAll, syntax.AppAllClob:
			if len(call.Args) > 0 && call.Args[len(call.Args)-1].Pos().After(r.Pos()) {
				return true
			}
		}
	}
	return false
}

func (j *judge) command(c syntax.Command) {
	switch c := c.(type) {
	case *syntax.CallExpr:
		j.simple(c)
		return
	case *syntax.BinaryCmd:
		j.binary(c)
		return
	case *syntax.Block:
		j.stmts(c.Stmts)
	case *syntax.Subshell:
		j.apart(func() { j.stmts(c.Stmts) })
	case *syntax.IfClause:
		j.ifClause(c)
	case *syntax.WhileClause:
		j.again(func() { j.stmts(c.Cond); j.stmts(c.Do) }, c)
	case *syntax.ForClause:
		j.forClause(c)
	case *syntax.CaseClause:
		j.word(c.Word)
		before := j.cwd
		for _, item := range c.Items {
			for _, p := range item.Patterns {
				j.word(p)
			}
			after := j.cwd
			j.cwd = before
			if item.Op != syntax.Break {
				j.cwd = union(before, after)
			}
			j.stmts(item.Stmts)
			j.cwd = union(j.cwd, after)
		}
		j.cwd = union(j.cwd, before)
	case *syntax.FuncDecl:
		// Its body counts as if it ran, and what it does to its arguments or to
		// the names that it takes over cannot be seen from here.
		if movesAbout(c) {
			j.cwd = nil
		}
		j.apart(func() { j.stmt(c.Body) })
		j.code("defines a function")
	case *syntax.TestClause:
		j.differs = true
		j.test(c.X)
	case *syntax.ArithmCmd:
		j.differs = true
		j.arith(c.X)
	case *syntax.DeclClause:
		j.declare(c)
	case *syntax.TimeClause:
		if c.Stmt != nil {
			j.stmt(c.Stmt)
		}
		j.differs = true // elsewhere time is a program
	case *syntax.CoprocClause:
		j.differs = true
		j.word(c.Name)
		j.apart(func() { j.stmt(c.Stmt) })
	case *syntax.LetClause:
		// Where an argument of let ends is not where an expression ends.
		j.differs = true
		for _, x := range c.Exprs {
			j.arith(x)
		}
		j.unknown("let")
	default:
		j.unknown("a construct that is not known")
	}
	j.ok = j.cwd
}

// apart judges what runs in a shell of its own.
func (j *judge) apart(f func()) {
	cwd := j.cwd
	f()
	j.cwd, j.ok = cwd, cwd
}

// again judges what may run any number of times.
func (j *judge) again(f func(), n syntax.Node) {
	if movesAbout(n) {
		j.cwd = nil
	}
	f()
}

func (j *judge) ifClause(c *syntax.IfClause) {
	if !j.enter() {
		return
	}
	defer j.leave()
	j.stmts(c.Cond)
	failed := j.cwd
	if len(c.Cond) == 1 {
		j.cwd = j.ok
	}
	j.stmts(c.Then)
	then := j.cwd
	j.cwd = failed
	if c.Else != nil {
		j.ifClause(c.Else)
	}
	j.cwd = union(j.cwd, then)
}

func (j *judge) forClause(c *syntax.ForClause) {
	switch l := c.Loop.(type) {
	case *syntax.WordIter:
		j.assigned(l.Name.Value, false)
		for _, w := range l.Items {
			j.word(w)
		}
	case *syntax.CStyleLoop:
		j.differs = true
		j.arith(l.Init)
		j.arith(l.Cond)
		j.arith(l.Post)
	default:
		j.unknown("a loop that is not known")
	}
	j.again(func() { j.stmts(c.Do) }, c)
}

func (j *judge) binary(b *syntax.BinaryCmd) {
	switch b.Op {
	case syntax.AndStmt:
		j.stmt(b.X)
		failed := j.cwd
		j.cwd = j.ok
		j.stmt(b.Y)
		j.cwd = union(j.cwd, failed)
	case syntax.OrStmt:
		j.stmt(b.X)
		ok := j.ok
		j.stmt(b.Y)
		if leaves(b.Y) {
			j.cwd, j.ok = ok, ok // "cd x || exit"
			return
		}
		j.cwd = union(j.cwd, ok)
		j.ok = j.cwd
	case syntax.Pipe, syntax.PipeAll:
		cwd := j.cwd
		j.stmt(b.X)
		// Some shells run the last command of a pipeline in the shell itself.
		j.cwd = cwd
		in := j.stdin
		j.stdin = input{from: fromPipe}
		j.stmt(b.Y)
		j.stdin = in
		j.cwd = union(cwd, j.cwd)
		j.ok = j.cwd
	default:
		j.unknown("an operator that is not known")
	}
}

// leaves reports whether nothing of the line runs after s.
func leaves(s *syntax.Stmt) bool {
	c, ok := s.Cmd.(*syntax.CallExpr)
	return ok && len(c.Args) > 0 && c.Args[0].Lit() == "exit" && !s.Background
}

// movesAbout reports whether the working directory may change in n.
func movesAbout(n syntax.Node) bool {
	moves := false
	syntax.Walk(n, func(n syntax.Node) bool {
		if c, ok := n.(*syntax.CallExpr); ok {
			for _, w := range c.Args {
				// "command cd" and the like count too.
				switch w.Lit() {
				case "cd", "pushd", "popd", "eval", "source", ".", "trap":
					moves = true
				}
			}
			moves = moves || len(c.Args) > 0 && c.Args[0].Lit() == ""
		}
		return !moves
	})
	return moves
}

const maxPlaces = 4

// union is the places of both. Too many are none that is known.
func union(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	both := a
	for _, s := range b {
		found := false
		for _, t := range both {
			found = found || s == t
		}
		if !found {
			both = append(both[:len(both):len(both)], s)
		}
	}
	if len(both) > maxPlaces {
		return nil
	}
	return both
}

// arith judges an arithmetic expression. What a variable holds is evaluated as
// an expression itself, subscripts and the commands in them included, so only
// numbers are understood.
func (j *judge) arith(x syntax.ArithmExpr) {
	if x == nil || !j.enter() {
		return
	}
	defer j.leave()
	switch x := x.(type) {
	case *syntax.BinaryArithm:
		j.arith(x.X)
		j.arith(x.Y)
	case *syntax.UnaryArithm:
		j.arith(x.X)
	case *syntax.ParenArithm:
		j.arith(x.X)
	case *syntax.Word:
		if !j.word(x).digits {
			j.code("arithmetic with more than numbers")
		}
	default:
		j.unknown("arithmetic that is not known")
	}
}

func number(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// test judges [[ … ]].
func (j *judge) test(x syntax.TestExpr) {
	if x == nil || !j.enter() {
		return
	}
	defer j.leave()
	switch x := x.(type) {
	case *syntax.BinaryTest:
		switch x.Op {
		case syntax.AndTest, syntax.OrTest:
			j.test(x.X)
			j.test(x.Y)
			return
		case syntax.TsEql, syntax.TsNeq, syntax.TsLeq, syntax.TsGeq, syntax.TsLss, syntax.TsGtr:
			for _, side := range [...]syntax.TestExpr{x.X, x.Y} {
				if w, ok := side.(*syntax.Word); ok {
					if !j.word(w).digits {
						j.code("arithmetic with more than numbers")
					}
				} else {
					j.test(side)
				}
			}
			return
		}
		j.test(x.X)
		j.test(x.Y)
	case *syntax.UnaryTest:
		if x.Op == syntax.TsVarSet || x.Op == syntax.TsRefVar {
			if w, ok := x.X.(*syntax.Word); !ok || !identifier(j.word(w)) {
				j.unknown("a variable's name that is not literal")
			}
			return
		}
		j.test(x.X)
	case *syntax.ParenTest:
		j.test(x.X)
	case *syntax.Word:
		j.word(x)
	default:
		j.unknown("a test that is not known")
	}
}
