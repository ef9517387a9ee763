package deptest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
)

// Source is the parsed source of one package, tests left out.
type Source struct {
	Path  string // import path
	fset  *token.FileSet
	files []*ast.File
}

// Parse reads files, which are paths.
func Parse(importPath string, files ...string) (*Source, error) {
	s := &Source{Path: importPath, fset: token.NewFileSet()}
	for _, name := range files {
		f, err := parser.ParseFile(s.fset, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		s.files = append(s.files, f)
	}
	return s, nil
}

// ParseText reads one file's text.
func ParseText(text string) (*Source, error) {
	s := &Source{Path: "example.org/p", fset: token.NewFileSet()}
	f, err := parser.ParseFile(s.fset, "p.go", text, parser.ParseComments)
	s.files = append(s.files, f)
	return s, err
}

func (s *Source) at(pos token.Pos, format string, args ...any) string {
	p := s.fset.Position(pos)
	return fmt.Sprintf("%s/%s:%d: %s", s.Path, filepath.Base(p.Filename), p.Line, fmt.Sprintf(format, args...))
}

// decls calls f for every top-level declaration.
func (s *Source) decls(f func(ast.Decl)) {
	for _, file := range s.files {
		if ast.IsGenerated(file) {
			continue
		}
		for _, d := range file.Decls {
			f(d)
		}
	}
}

// Undocumented returns the exported names without a doc comment: types,
// functions, methods of exported types, constants and variables. A comment on
// a group, or at the end of the line, serves for constants and variables.
func (s *Source) Undocumented() []string {
	var wrong []string
	s.decls(func(d ast.Decl) {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				wrong = append(wrong, s.at(d.Pos(), "%s has no doc comment", d.Name.Name))
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil {
						wrong = append(wrong, s.at(spec.Pos(), "%s has no doc comment", spec.Name.Name))
					}
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						if name.IsExported() && spec.Doc == nil && spec.Comment == nil && d.Doc == nil {
							wrong = append(wrong, s.at(name.Pos(), "%s has no doc comment", name.Name))
						}
					}
				}
			}
		}
	})
	return wrong
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	t := d.Recv.List[0].Type
	for {
		switch u := t.(type) {
		case *ast.StarExpr:
			t = u.X
		case *ast.IndexExpr:
			t = u.X
		case *ast.IndexListExpr:
			t = u.X
		case *ast.Ident:
			return u.IsExported()
		default:
			return true
		}
	}
}

// Inits returns the init functions.
func (s *Source) Inits() []string {
	var wrong []string
	s.decls(func(d ast.Decl) {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			wrong = append(wrong, s.at(f.Pos(), "func init; there are none in this project"))
		}
	})
	return wrong
}

// Globals returns the package variables that can change: exported ones other
// than errors, those without a value, those that hold locks or the like, and
// those that the package assigns to. allowed are names that may.
func (s *Source) Globals(allowed ...string) []string {
	names, specs := map[string]bool{}, map[any]bool{}
	var wrong []string
	ok := map[string]bool{"_": true}
	for _, a := range allowed {
		ok[a] = true
	}
	s.decls(func(d ast.Decl) {
		g, isGen := d.(*ast.GenDecl)
		if !isGen || g.Tok != token.VAR {
			return
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for _, name := range v.Names {
				if ok[name.Name] {
					continue
				}
				names[name.Name], specs[v] = true, true
				switch {
				case embedded(g.Doc) || embedded(v.Doc):
				case len(v.Values) == 0:
					wrong = append(wrong, s.at(name.Pos(), "package variable %s has no value, so something sets it", name.Name))
				case stateful(v.Type) || stateful(v.Values[0]):
					wrong = append(wrong, s.at(name.Pos(), "package variable %s is state", name.Name))
				case name.IsExported() && !strings.HasPrefix(name.Name, "Err"):
					wrong = append(wrong, s.at(name.Pos(), "exported variable %s can be changed by anyone", name.Name))
				}
			}
		}
	})
	for _, file := range s.files {
		for _, name := range assigned(file) {
			if names[name.Name] && isGlobal(name, specs) {
				wrong = append(wrong, s.at(name.Pos(), "package variable %s is changed", name.Name))
			}
		}
	}
	return wrong
}

// embedded reports whether a variable gets its value from a file.
func embedded(doc *ast.CommentGroup) bool {
	return doc != nil && slices.ContainsFunc(doc.List, func(c *ast.Comment) bool { return strings.HasPrefix(c.Text, "//go:embed ") })
}

// stateful reports whether e names something of sync or sync/atomic or makes
// a channel.
func stateful(e ast.Expr) bool {
	found := false
	if e == nil {
		return false
	}
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ChanType:
			found = true
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") && !strings.HasPrefix(n.Sel.Name, "Once") {
				found = true
			}
		}
		return true
	})
	return found
}

// assigned returns the identifiers at the root of what a file assigns to.
func assigned(file *ast.File) []*ast.Ident {
	var list []*ast.Ident
	add := func(e ast.Expr) {
		for {
			switch u := e.(type) {
			case *ast.IndexExpr:
				e = u.X
			case *ast.SelectorExpr:
				e = u.X
			case *ast.ParenExpr:
				e = u.X
			case *ast.StarExpr:
				e = u.X
			case *ast.Ident:
				list = append(list, u)
				return
			default:
				return
			}
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					add(e)
				}
			}
		case *ast.IncDecStmt:
			add(n.X)
		}
		return true
	})
	return list
}

// isGlobal reports whether an identifier means a package variable, given the
// specifications of those: the parser resolves what a file itself declares
// and leaves the names of other files unresolved.
func isGlobal(id *ast.Ident, specs map[any]bool) bool {
	return id.Obj == nil || specs[id.Obj.Decl]
}

// HasExample reports whether one of the test files has an Example function.
func HasExample(files ...string) (bool, error) {
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			return false, err
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Example") {
				return true, nil
			}
		}
	}
	return false, nil
}
