package main

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// decode fills v, a pointer to a struct, from the document. It is strict:
// fields that v does not have, fields given twice, and values of another kind
// are mistakes, and it goes on after each. The struct's `yaml` tags name the
// fields; types with UnmarshalText read themselves.
func (d *document) decode(v any) {
	if d.root != nil {
		d.value("", d.root, reflect.ValueOf(v).Elem())
	}
}

func (d *document) value(path string, n ast.Node, v reflect.Value) {
	if _, known := d.lines[path]; !known && path != "" {
		d.lines[path] = line(n)
	}
	switch n.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		d.wrong(path, "anchors, aliases and tags are not read; write the value out")
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(path, n, u)
		return
	}
	_, empty := n.(*ast.NullNode)
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		if !empty {
			d.value(path, n, v.Elem())
		}
	case reflect.Struct:
		if !empty {
			d.fields(path, n, v)
		}
	case reflect.Slice:
		if !empty {
			d.list(path, n, v)
		}
	case reflect.Map:
		if !empty {
			d.table(path, n, v)
		}
	default:
		d.scalar(path, n, v)
	}
}

// entries returns the pairs of a mapping.
func (d *document) entries(path string, n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	d.wrong(path, "must hold fields (name: value), not %s", kind(n))
	return nil
}

// keys calls each with the entries of a mapping, once per key.
func (d *document) keys(path string, n ast.Node, each func(key, at string, value ast.Node)) {
	seen := map[string]bool{}
	for _, e := range d.entries(path, n) {
		s, ok := e.Key.(*ast.StringNode)
		if !ok {
			d.wrong(path, "line %d: a field's name must be plain text", line(e.Key))
			continue
		}
		at := s.Value
		if path != "" {
			at = path + "." + s.Value
		}
		if seen[s.Value] {
			first := d.lines[at]
			d.lines[at] = line(e.Key)
			d.wrong(at, "is there twice; it stands on line %d already", first)
			d.lines[at] = first
			continue
		}
		seen[s.Value] = true
		d.lines[at] = line(e.Key)
		each(s.Value, at, e.Value)
	}
}

func (d *document) fields(path string, n ast.Node, v reflect.Value) {
	known := map[string]reflect.Value{}
	var names []string
	for f, fv := range v.Fields() {
		if name := f.Tag.Get("yaml"); name != "" {
			known[name] = fv
			names = append(names, name)
		}
	}
	slices.Sort(names)
	d.keys(path, n, func(key, at string, value ast.Node) {
		f, ok := known[key]
		if !ok {
			d.wrong(at, "there is no such field; here are: %s", strings.Join(names, ", "))
			return
		}
		d.value(at, value, f)
	})
}

func (d *document) table(path string, n ast.Node, v reflect.Value) {
	v.Set(reflect.MakeMap(v.Type()))
	d.keys(path, n, func(key, at string, value ast.Node) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(at, value, e)
		v.SetMapIndex(reflect.ValueOf(key), e)
	})
}

func (d *document) list(path string, n ast.Node, v reflect.Value) {
	s, ok := n.(*ast.SequenceNode)
	if !ok {
		d.wrong(path, "must be a list ([a, b] or lines with \"- \"), not %s", kind(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(s.Values), len(s.Values)))
	for i, item := range s.Values {
		at := fmt.Sprintf("%s[%d]", path, i)
		d.lines[at] = line(item)
		d.value(at, item, v.Index(i))
	}
}

// text gives a scalar as it is written to a type that reads itself. What such
// a type says of its text may hold no part of a secret.
func (d *document) text(path string, n ast.Node, u encoding.TextUnmarshaler) {
	var s string
	switch n := n.(type) {
	case *ast.StringNode:
		s = n.Value
	case *ast.IntegerNode, *ast.FloatNode:
		s = n.GetToken().Value
	default:
		d.wrong(path, "must be a single value, not %s", kind(n))
		return
	}
	if err := u.UnmarshalText([]byte(s)); err != nil {
		d.wrong(path, "%s", err)
	}
}

func (d *document) scalar(path string, n ast.Node, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		switch n := n.(type) {
		case *ast.StringNode:
			v.SetString(n.Value)
			return
		case *ast.LiteralNode:
			v.SetString(n.Value.Value)
			return
		}
		d.wrong(path, "must be text, not %s; put quotes around what is meant as text", kind(n))
	case reflect.Bool:
		if n, ok := n.(*ast.BoolNode); ok {
			v.SetBool(n.Value)
			return
		}
		d.wrong(path, "must be true or false, not %s", kind(n))
	case reflect.Int:
		if n, ok := n.(*ast.IntegerNode); ok {
			switch i := n.Value.(type) {
			case int64:
				v.SetInt(i)
				return
			case uint64:
				if i <= 1<<62 {
					v.SetInt(int64(i))
					return
				}
			}
		}
		d.wrong(path, "must be a whole number, not %s", kind(n))
	default:
		panic(fmt.Sprintf("%s: the configuration has a field of type %s", path, v.Type()))
	}
}

// kind names what a node is, without its content.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "fields"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	}
	return "text"
}
