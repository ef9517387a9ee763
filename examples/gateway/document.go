package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile is the largest YAML file that is read, in bytes.
const maxFile = 1 << 20

// document is one YAML file, the lines of its fields, and what is wrong in it.
type document struct {
	file     string
	root     ast.Node // nil for an empty file
	lines    map[string]int
	problems []problem
}

// problem is one mistake. field is its path, such as "rules[2].effects".
type problem struct {
	file  string
	line  int
	field string
	text  string
}

func (p problem) Error() string {
	place := p.file
	if p.line > 0 {
		place = fmt.Sprintf("%s:%d", p.file, p.line)
	}
	if p.field == "" {
		return place + ": " + p.text
	}
	return place + ": " + p.field + ": " + p.text
}

// readDocument reads and parses a file. Mistakes in it are kept in the
// document; its err returns them all.
func readDocument(file string) *document {
	d := &document{file: file, lines: map[string]int{}}
	b, err := readBounded(file, maxFile)
	if err != nil {
		d.problems = append(d.problems, problem{file: file, text: reason(err)})
		return d
	}
	f, err := parser.ParseBytes(b, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		d.problems = append(d.problems, syntaxProblem(file, err))
		return d
	}
	var bodies []ast.Node
	for _, doc := range f.Docs {
		if doc.Body != nil && doc.Body.Type() != ast.CommentType {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
	case 1:
		d.root = bodies[0]
	default:
		d.lines["second"] = line(bodies[1])
		d.wrong("second", "the file holds more than one YAML document")
	}
	return d
}

// wrong notes a mistake in the field at path. Where the field is not in the
// file, the line is that of what it would stand in.
func (d *document) wrong(path, format string, args ...any) {
	d.problems = append(d.problems, problem{d.file, d.line(path), path, fmt.Sprintf(format, args...)})
}

func (d *document) line(path string) int {
	for path != "" {
		if n, ok := d.lines[path]; ok {
			return n
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 1
}

// err joins all mistakes in the order of their lines; nil where there are none.
func (d *document) err() error {
	slices.SortStableFunc(d.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
	errs := make([]error, len(d.problems))
	for i, p := range d.problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// beside returns path as seen from the directory of the document's file.
func (d *document) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(d.file), path)
}

// syntaxProblem takes place and words out of the parser's error, and leaves
// the lines of the file that it quotes: a secret could stand there.
func syntaxProblem(file string, err error) problem {
	var at yaml.Error
	if !errors.As(err, &at) {
		return problem{file: file, text: "the file is not YAML"}
	}
	p := problem{file: file, text: "not YAML: " + at.GetMessage()}
	if t := at.GetToken(); t != nil && t.Position != nil {
		p.line = t.Position.Line
	}
	return p
}

func line(n ast.Node) int {
	var t *token.Token
	switch n := n.(type) {
	case nil:
	case *ast.MappingNode:
		if len(n.Values) > 0 {
			return line(n.Values[0].Key)
		}
		t = n.GetToken()
	case *ast.MappingValueNode:
		return line(n.Key)
	default:
		t = n.GetToken()
	}
	if t == nil || t.Position == nil {
		return 1
	}
	return t.Position.Line
}

// readBounded reads a file of at most limit bytes.
func readBounded(file string, limit int64) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		return nil, fmt.Errorf("is larger than %d bytes", limit)
	}
	return b, err
}

// reason is err without the operation and path that the os package puts in
// front of it.
func reason(err error) string {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
